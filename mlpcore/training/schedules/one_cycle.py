"""A rate that rises once and falls once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcore.training.schedules.cosine_decay import half_cosine
from mlpcore.training.schedules.schedule import Schedule
from mlpcore.training.values import NonNegative, Positive, Share, number


@dataclass(frozen=True, eq=False)
class OneCycle(Schedule):
    """Rise to the learning rate and fall below where it started, along half a cosine each.

    From ``first learning_rate`` to ``learning_rate`` in the share ``rise`` of the time, then to
    ``last learning_rate``, where it stays.

    Args:
        learning_rate: the highest rate.
        epochs: how long the cycle takes.
        rise: the rise's share of the time, above 0 and below 1.
        first: the first rate, as a share of the highest.
        last: the last rate, as a share of the highest.

    Source: Smith & Topin (2019), "Super-convergence: very fast training of neural networks using
    large learning rates", section 3; with cosines in place of lines as in fastai.

    >>> cycle = OneCycle(0.8, epochs=10, rise=0.25, first=0.5, last=0.0)
    >>> cycle(0), cycle(2.5), cycle(10), cycle(11)
    (0.4, 0.8, 0.0, 0.0)
    """

    learning_rate: NonNegative
    epochs: Positive
    rise: Share = 0.3
    first: NonNegative = 0.04
    last: NonNegative = 4e-6

    def __call__(self, epoch: float) -> float | np.ndarray:
        """The learning rate at a time."""
        t = np.minimum(epoch / self.epochs, 1.0)
        rising = half_cosine(np.minimum(t / self.rise, 1.0))
        falling = half_cosine(np.maximum(t - self.rise, 0.0) / (1.0 - self.rise))
        low: Any = np.where(t < self.rise, self.first, self.last)
        share = np.where(t < self.rise, 1.0 - rising, falling)
        return number(self.learning_rate * (low + (1.0 - low) * share))
