"""What every schedule shares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from mlpcore.training.memory import Memory
from mlpcore.training.values import Values


@dataclass(frozen=True, eq=False)
class Schedule(Values, ABC):
    """The learning rate over time: ``schedule(epoch)``, a number, or one per member ``(E,)``.

    Time counts in epochs, as a fraction: 2.5 is the middle of the third epoch. Every value may be a
    number, or an array with one value per member.
    """

    @abstractmethod
    def __call__(self, epoch: float) -> float | np.ndarray:
        """The learning rate at a time."""

    def start(self) -> Self:
        """The schedule of one training run: itself, unless it has something to remember."""
        return self

    def observe(self, loss: Any) -> None:
        """Take the loss after an epoch, one per member; most schedules pay no heed to it."""

    def memory(self) -> Memory:
        """What a started schedule remembers, copied."""
        return {}

    def recall(self, memory: Memory) -> None:
        """Take over what `memory` gave, in a started schedule."""
