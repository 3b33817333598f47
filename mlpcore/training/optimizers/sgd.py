"""Stochastic gradient descent, with momentum if wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlpcore.functions import updates
from mlpcore.functions.updates import UpdateRule
from mlpcore.training.optimizers.optimizer import Optimizer
from mlpcore.training.values import Decay, NonNegative


@dataclass(frozen=True, eq=False)
class SGD(Optimizer):
    """Stochastic gradient descent; see `mlpcore.functions.updates.sgd`, `momentum`, `nesterov`.

    Args:
        learning_rate: a number, one per member, or a schedule.
        momentum: the share of the velocity that each step keeps; 0 for none.
        nesterov: whether the gradient is meant to be taken a step ahead.
        l2, l2_shared, weight_decay, clip_norm, clip_value: see `Optimizer`.

    >>> SGD(0.1).rule, SGD(0.1, momentum=0.9).rule
    (<primitive sgd>, <primitive momentum>)
    """

    learning_rate: NonNegative = 0.01
    momentum: Decay = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self._moves:
            raise ValueError(
                "got nesterov=True with momentum=0, expected a momentum above 0; "
                "pass for example momentum=0.9"
            )

    @property
    def rule(self) -> UpdateRule:
        """Which of the three updates it is."""
        if not self._moves:
            return updates.sgd
        return updates.nesterov if self.nesterov else updates.momentum

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The momentum, where there is any."""
        return {"momentum": self.momentum} if self._moves else {}

    @property
    def _moves(self) -> bool:
        return not isinstance(self.momentum, float) or self.momentum > 0
