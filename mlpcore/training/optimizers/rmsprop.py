"""RMSProp."""

from __future__ import annotations

from dataclasses import dataclass

from mlpcore.functions import updates
from mlpcore.functions.updates import UpdateRule
from mlpcore.training.optimizers.optimizer import Optimizer
from mlpcore.training.values import Decay, NonNegative, Positive


@dataclass(frozen=True, eq=False)
class RMSProp(Optimizer):
    """RMSProp; see `mlpcore.functions.updates.rmsprop`.

    Args:
        learning_rate: a number, one per member, or a schedule.
        rho: decay of the mean square.
        epsilon: keeps the quotient finite.
        l2, l2_shared, weight_decay, clip_norm, clip_value: see `Optimizer`.

    >>> RMSProp(clip_norm=1.0).hyperparameters
    {'rho': 0.9, 'epsilon': 1e-08}
    """

    learning_rate: NonNegative = 1e-3
    rho: Decay = 0.9
    epsilon: Positive = 1e-8

    @property
    def rule(self) -> UpdateRule:
        """The update of the flat parameters."""
        return updates.rmsprop
