"""The dropout layer."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array
from mlpcore.functions.dropout import dropout
from mlpcore.layers.layer import Layer, Pass, Views


class Dropout(Layer):
    """Inverted dropout while training, else the identity.

    No mask is stored: the backward draws the same numbers again from the same counter.

    Args:
        rate: the probability to drop, a number or one per member.
        number: of the dropout layer within the network.
        widths: how many units each member has, ``(E,)``, where that differs.
    """

    def __init__(self, rate: Any, *, number: int, widths: Any = None):
        self.rate = rate
        self.number = number
        self.padding = {} if widths is None else {"width": widths}

    def forward(self, x: Array, p: Views, s: Views, run: Pass) -> tuple[Array, None]:
        return self._drop(x, run), None

    def backward(self, dy: Array, saved: None, p: Views, g: Views, run: Pass) -> Array:
        return self._drop(dy, run)

    def _drop(self, x: Array, run: Pass) -> Array:
        if not run.training:
            return x
        return dropout(
            x, rate=self.rate, step=run.step, layer=self.number, **run.draws, **self.padding
        )
