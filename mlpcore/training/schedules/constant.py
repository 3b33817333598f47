"""A rate that stays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlpcore.training.schedules.schedule import Schedule
from mlpcore.training.values import NonNegative, number


@dataclass(frozen=True, eq=False)
class Constant(Schedule):
    """The same learning rate throughout, ``learning_rate``.

    Args:
        learning_rate: a number, or one per member.

    Source: Robbins & Monro (1951), "A stochastic approximation method", show what it lacks: a rate
    that stays ends near the minimum, not in it.

    >>> Constant(0.1)(epoch=5)
    0.1
    """

    learning_rate: NonNegative

    def __call__(self, epoch: float) -> float | np.ndarray:
        """The learning rate at a time."""
        return number(self.learning_rate)
