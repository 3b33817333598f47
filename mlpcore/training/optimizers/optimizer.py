"""What every optimizer shares: the rate, the penalties and the clipping."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from typing import Any

from mlpcore.functions.updates import UpdateRule
from mlpcore.training.schedules import Constant, Schedule
from mlpcore.training.values import Limit, NonNegative, Values


@dataclass(frozen=True, eq=False)
class Optimizer(Values, ABC):
    """An update rule with its hyperparameters: numbers, or arrays with one value per member.

    Args:
        learning_rate: a number, one per member, or a `Schedule`.
        l2: strength of the penalty ``l2/2 ||W||^2`` in the gradient; weights only.
        l2_shared: divide it by the sum of the batch's weights, as the loss is divided, so that
            ``l2`` stands against the sum of the losses and not their mean.
        weight_decay: strength of the decay ``learning_rate weight_decay W``, decoupled from the
            gradient and its moments; weights only.
        clip_norm: gradients longer than this are shortened to it; ``None`` or infinity for none.
        clip_value: each entry of the gradient is cut off here; ``None`` or infinity for none.
    """

    learning_rate: NonNegative
    _: KW_ONLY
    l2: NonNegative = 0.0
    l2_shared: bool = False
    weight_decay: NonNegative = 0.0
    clip_norm: Limit = None
    clip_value: Limit = None

    @property
    @abstractmethod
    def rule(self) -> UpdateRule:
        """The update of the flat parameters."""

    @property
    def schedule(self) -> Schedule:
        """The learning rate over time."""
        rate = self.learning_rate
        return rate if isinstance(rate, Schedule) else Constant(rate)

    @property
    def common(self) -> dict[str, Any]:
        """The parameters that every rule takes."""
        return {name: getattr(self, name) for name in _COMMON}

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The rule's own parameters."""
        fields = (field.name for field in dataclasses.fields(self))
        shared = ("learning_rate", "l2_shared", *_COMMON)
        return {n: getattr(self, n) for n in fields if n not in shared}


_COMMON = ("l2", "weight_decay", "clip_value", "clip_norm")
