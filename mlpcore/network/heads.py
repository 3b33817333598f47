"""Output heads: the link that turns logits into predictions, and the losses that assume it."""

from __future__ import annotations

from dataclasses import dataclass

from mlpcore.backend.dispatch import Primitive
from mlpcore.backend.names import choose
from mlpcore.functions.activations import exponential, identity, sigmoid
from mlpcore.functions.losses import (
    Loss,
    absolute_error,
    huber,
    poisson_nll,
    sigmoid_binary_cross_entropy,
    softmax_cross_entropy,
    squared_error,
)
from mlpcore.functions.softmax import softmax


@dataclass(frozen=True)
class Head:
    """A link, and the losses from logits that assume it, the usual one first.

    Attributes:
        name: how ``MLP(output=...)`` calls it.
        link: logits to predictions.
        losses: by name; each takes logits.
        target: what ``y`` holds: ``"labels"``, ``"shares"`` in [0, 1], ``"values"``, ``"counts"``.
    """

    name: str
    link: Primitive
    losses: tuple[Loss, ...]
    target: str

    def loss(self, name: str) -> Loss:
        """The loss by name, or the usual one for ``"auto"``."""
        if name == "auto":
            return self.losses[0]
        return choose(f'loss for output="{self.name}"', name, {f.name: f for f in self.losses})


HEADS = {
    head.name: head
    for head in (
        Head("softmax", softmax, (softmax_cross_entropy,), "labels"),
        Head("sigmoid", sigmoid, (sigmoid_binary_cross_entropy,), "shares"),
        Head("identity", identity, (squared_error, absolute_error, huber), "values"),
        Head("exponential", exponential, (poisson_nll,), "counts"),
    )
}
