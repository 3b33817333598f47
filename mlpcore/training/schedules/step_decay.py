"""A rate that drops in steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlpcore.training.schedules.schedule import Schedule
from mlpcore.training.values import NonNegative, Positive, number


@dataclass(frozen=True, eq=False)
class StepDecay(Schedule):
    """Drop by a factor every so many epochs, ``learning_rate factor^floor(epoch / every)``.

    Args:
        learning_rate: the rate at the start.
        factor: what each drop multiplies the rate by.
        every: epochs between the drops.

    Source: He, Zhang, Ren & Sun (2016), "Deep residual learning for image recognition", section
    3.4.

    >>> drop = StepDecay(0.8, factor=0.5, every=10)
    >>> drop(9.9), drop(10), drop(20)
    (0.8, 0.4, 0.2)
    """

    learning_rate: NonNegative
    factor: NonNegative = 0.1
    every: Positive = 10.0

    def __call__(self, epoch: float) -> float | np.ndarray:
        """The learning rate at a time."""
        return number(self.learning_rate * self.factor ** np.floor(epoch / self.every))
