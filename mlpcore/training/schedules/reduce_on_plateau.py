"""A rate that drops when the loss no longer does."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from mlpcore.training.memory import Memory
from mlpcore.training.schedules.schedule import Schedule
from mlpcore.training.values import Decay, NonNegative, number


@dataclass
class Plateau:
    """What `ReduceOnPlateau` remembers, one per member.

    Attributes:
        rate: the learning rate by now.
        best: the lowest loss so far.
        waited: epochs since then, or since the last drop.
    """

    rate: Any
    best: Any = np.inf
    waited: Any = 0


@dataclass(frozen=True, eq=False)
class ReduceOnPlateau(Schedule):
    """Drop by a factor when the loss has not improved for more than ``patience`` epochs.

    An epoch improves on the best loss ``b`` when its loss is below ``b - threshold |b|``; NaN does
    not. Members of a stack drop each at its own time.

    Args:
        learning_rate: the rate at the start.
        factor: what each drop multiplies the rate by.
        patience: epochs without improvement that are put up with.
        threshold: the least improvement that counts, as a share of the best loss.
        minimum: the rate does not drop below it.

    Attributes:
        state: what a started schedule remembers; ``None`` before the start.

    Source: He, Zhang, Ren & Sun (2016), "Deep residual learning for image recognition", section 3.4
    ("divided by 10 when the error plateaus"); details as in PyTorch's scheduler of this name.

    >>> schedule = ReduceOnPlateau(0.8, factor=0.5, patience=1).start()
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     schedule.observe(loss)
    >>> schedule(epoch=4)
    0.4
    """

    learning_rate: NonNegative
    factor: Decay = 0.1
    patience: NonNegative = 10.0
    threshold: Decay = 1e-4
    minimum: NonNegative = 0.0
    state: Plateau | None = field(default=None, init=False, repr=False)

    def __call__(self, epoch: float) -> float | np.ndarray:
        """The learning rate by now."""
        return number(self.learning_rate if self.state is None else self.state.rate)

    def start(self) -> Self:
        """A copy with a memory of its own, for one training run."""
        started = dataclasses.replace(self)
        object.__setattr__(started, "state", Plateau(rate=self.learning_rate))
        return started

    def observe(self, loss: Any) -> None:
        """Take the loss after an epoch, one per member.

        Raises:
            RuntimeError: before the start.
        """
        state = self._started()
        loss = np.asarray(loss, dtype=np.float64)
        improved = loss < state.best * (1.0 - self.threshold * np.sign(state.best))
        waited = np.where(improved, 0, state.waited + 1)
        drop = waited > self.patience
        lower = np.maximum(state.rate * self.factor, self.minimum)
        state.best = np.where(improved, loss, state.best)
        state.waited = np.where(drop, 0, waited)
        state.rate = np.where(drop, lower, state.rate)

    def memory(self) -> Memory:
        """The rates, the best losses and the epochs waited."""
        return {name: np.array(value) for name, value in vars(self._started()).items()}

    def recall(self, memory: Memory) -> None:
        """Take over what `memory` gave."""
        vars(self._started()).update(memory)

    def _started(self) -> Plateau:
        if self.state is None:
            raise RuntimeError(
                "got a loss for a schedule that has not started, expected a started one; "
                "call start() and use what it returns"
            )
        return self.state
