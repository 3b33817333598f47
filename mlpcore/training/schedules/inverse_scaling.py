"""A rate that falls with the inverse of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlpcore.training.schedules.schedule import Schedule
from mlpcore.training.values import NonNegative, number


@dataclass(frozen=True, eq=False)
class InverseScaling(Schedule):
    """Fall with a power of time, ``learning_rate / (1 + decay epoch)^power``.

    With a power above 1/2 and up to 1 the rates sum to infinity and their squares do not, which
    stochastic descent needs to converge to the minimum itself.

    Args:
        learning_rate: the rate at the start.
        decay: how fast time runs; with 1 the first epoch brings the rate to ``1 / 2^power``.
        power: the exponent.

    Source: Bottou (2012), "Stochastic gradient descent tricks", section 5.2; Robbins & Monro
    (1951), "A stochastic approximation method", eq. 6 and 7, for the condition on the sums.

    >>> InverseScaling(0.5, decay=1.0, power=0.5)(3)
    0.25
    """

    learning_rate: NonNegative
    decay: NonNegative = 1.0
    power: NonNegative = 0.5

    def __call__(self, epoch: float) -> float | np.ndarray:
        """The learning rate at a time."""
        return number(self.learning_rate / (1.0 + self.decay * epoch) ** self.power)
