"""A rate that falls along half a cosine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcore.training.schedules.schedule import Schedule
from mlpcore.training.values import NonNegative, Positive, number


@dataclass(frozen=True, eq=False)
class CosineDecay(Schedule):
    """Fall along half a cosine, ``end + (learning_rate - end) (1 + cos(pi epoch / epochs)) / 2``.

    Args:
        learning_rate: the rate at the start.
        epochs: how long the fall takes; after it the rate stays at the end's.
        end: the rate at the end.

    Source: Loshchilov & Hutter (2017), "SGDR: stochastic gradient descent with warm restarts",
    eq. 5, without restarts.

    >>> fall = CosineDecay(0.8, epochs=10)
    >>> fall(0), round(fall(5), 6), fall(10), fall(11)
    (0.8, 0.4, 0.0, 0.0)
    """

    learning_rate: NonNegative
    epochs: Positive
    end: NonNegative = 0.0

    def __call__(self, epoch: float) -> float | np.ndarray:
        """The learning rate at a time."""
        share = half_cosine(np.minimum(epoch / self.epochs, 1.0))
        return number(self.end + (self.learning_rate - self.end) * share)


def half_cosine(t: Any) -> Any:
    """``(1 + cos(pi t)) / 2``: from 1 at ``t = 0`` smoothly to 0 at ``t = 1``."""
    return (1.0 + np.cos(np.pi * t)) / 2.0
