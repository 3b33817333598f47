"""The learning rate of stochastic descent, as scikit-learn's rules change it between epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlpcore.training.schedules import Schedule
from mlpcore.training.values import NonNegative, number


@dataclass(frozen=True, eq=False)
class Pace(Schedule):
    """A rate that stays until it is set anew.

    >>> pace = Pace(0.1).start()
    >>> pace.set(0.05)
    >>> pace(epoch=3)
    0.05
    """

    learning_rate: NonNegative

    def __call__(self, epoch: float) -> Any:
        """The learning rate by now."""
        return number(self.learning_rate)

    def start(self) -> Pace:
        """A copy of its own for one training run."""
        return Pace(self.learning_rate)

    def set(self, learning_rate: float) -> None:
        """Let the rate be this from the next epoch on."""
        object.__setattr__(self, "learning_rate", learning_rate)
