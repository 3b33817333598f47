"""A rate that falls exponentially."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlpcore.training.schedules.schedule import Schedule
from mlpcore.training.values import NonNegative, number


@dataclass(frozen=True, eq=False)
class ExponentialDecay(Schedule):
    """Fall by the same factor in each epoch, ``learning_rate factor^epoch``.

    Args:
        learning_rate: the rate at the start.
        factor: what each epoch multiplies the rate by.

    Source: Darken & Moody (1990), "Note on learning rate schedules for stochastic optimization",
    discuss it beside the inverse of time.

    >>> ExponentialDecay(0.8, factor=0.5)(2)
    0.2
    """

    learning_rate: NonNegative
    factor: NonNegative = 0.95

    def __call__(self, epoch: float) -> float | np.ndarray:
        """The learning rate at a time."""
        return number(self.learning_rate * self.factor**epoch)
