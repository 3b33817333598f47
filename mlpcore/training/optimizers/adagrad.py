"""Adagrad."""

from __future__ import annotations

from dataclasses import dataclass

from mlpcore.functions import updates
from mlpcore.functions.updates import UpdateRule
from mlpcore.training.optimizers.optimizer import Optimizer
from mlpcore.training.values import NonNegative, Positive


@dataclass(frozen=True, eq=False)
class Adagrad(Optimizer):
    """Adagrad; see `mlpcore.functions.updates.adagrad`.

    Args:
        learning_rate: a number, one per member, or a schedule.
        epsilon: keeps the quotient finite.
        l2, l2_shared, weight_decay, clip_norm, clip_value: see `Optimizer`.

    >>> Adagrad(clip_norm=1.0).hyperparameters
    {'epsilon': 1e-10}
    """

    learning_rate: NonNegative = 0.01
    epsilon: Positive = 1e-10

    @property
    def rule(self) -> UpdateRule:
        """The update of the flat parameters."""
        return updates.adagrad
