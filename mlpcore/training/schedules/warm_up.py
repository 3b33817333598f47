"""A rate that first rises."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from mlpcore.training.memory import Memory
from mlpcore.training.schedules.constant import Constant
from mlpcore.training.schedules.schedule import Schedule
from mlpcore.training.values import NonNegative, Positive, number


@dataclass(frozen=True, eq=False)
class WarmUp(Schedule):
    """Another schedule times a factor that rises linearly to 1 over the first epochs.

    ``schedule(epoch) (first + (1 - first) min(epoch / epochs, 1))``. The other schedule's time runs
    from the beginning: warm-up takes nothing off its end.

    Args:
        schedule: the other schedule, or a number, or one per member.
        epochs: how long the rise takes.
        first: the factor at the beginning.

    Source: Goyal et al. (2017), "Accurate, large minibatch SGD: training ImageNet in 1 hour",
    section 2.2, gradual warm-up.

    >>> rise = WarmUp(0.8, epochs=4, first=0.0)
    >>> rise(0), rise(1), rise(4), rise(5)
    (0.0, 0.2, 0.8, 0.8)
    """

    schedule: Any
    epochs: Positive = 5.0
    first: NonNegative = 0.1

    def __post_init__(self) -> None:
        if not isinstance(self.schedule, Schedule):
            object.__setattr__(self, "schedule", Constant(self.schedule))
        super().__post_init__()

    def __call__(self, epoch: float) -> float | np.ndarray:
        """The learning rate at a time."""
        rise = np.minimum(epoch / self.epochs, 1.0)
        return number(self.schedule(epoch) * (self.first + (1.0 - self.first) * rise))

    def start(self) -> Self:
        """The same around the started schedule."""
        return dataclasses.replace(self, schedule=self.schedule.start())

    def observe(self, loss: Any) -> None:
        """Hand the loss on."""
        self.schedule.observe(loss)

    def memory(self) -> Memory:
        """That of the other schedule."""
        memory: Memory = self.schedule.memory()
        return memory

    def recall(self, memory: Memory) -> None:
        """Hand the memory on."""
        self.schedule.recall(memory)
