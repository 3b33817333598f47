"""Adam, and AdamW."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from mlpcore.functions import updates
from mlpcore.functions.updates import UpdateRule
from mlpcore.training.optimizers.optimizer import Optimizer
from mlpcore.training.values import Decay, NonNegative, Positive


@dataclass(frozen=True, eq=False)
class Adam(Optimizer):
    """Adam; see `mlpcore.functions.updates.adam`.

    Args:
        learning_rate: a number, one per member, or a schedule.
        beta1: decay of the first moment.
        beta2: decay of the second moment.
        epsilon: keeps the quotient finite.
        l2, l2_shared, weight_decay, clip_norm, clip_value: see `Optimizer`.

    >>> Adam(clip_norm=1.0).hyperparameters
    {'beta1': 0.9, 'beta2': 0.999, 'epsilon': 1e-08}
    """

    learning_rate: NonNegative = 1e-3
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    epsilon: Positive = 1e-8

    @property
    def rule(self) -> UpdateRule:
        """The update of the flat parameters."""
        return updates.adam


@dataclass(frozen=True, eq=False)
class AdamW(Adam):
    """Adam whose weights decay on their own, by ``learning_rate weight_decay W`` in each step.

    Args:
        learning_rate, beta1, beta2, epsilon: see `Adam`.
        weight_decay: strength of the decay.
        l2, l2_shared, clip_norm, clip_value: see `Optimizer`.

    Source: Loshchilov & Hutter (2019), "Decoupled weight decay regularization", algorithm 2.

    >>> AdamW().common["weight_decay"]
    0.01
    """

    _: KW_ONLY
    weight_decay: NonNegative = 0.01
