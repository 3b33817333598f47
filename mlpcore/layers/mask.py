"""What keeps the padding of narrow members at zero."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array
from mlpcore.functions.mask_columns import mask_columns
from mlpcore.layers.layer import Layer, Pass, Views


class Mask(Layer):
    """Zero behind each member's own width, after an activation with ``f(0) != 0``.

    Nothing else is needed for padding to stay zero. Weights and biases that are zero there make
    ``z = 0``, and so ``a = 0`` where ``f(0) = 0``; rows of zeros in the next weights let no
    gradient through; and from ``a = 0`` those rows get none themselves.
    """

    def __init__(self, widths: Any):
        self.widths = widths

    def forward(self, x: Array, p: Views, s: Views, run: Pass) -> tuple[Array, None]:
        return mask_columns(x, width=self.widths, out=x), None

    def backward(self, dy: Array, saved: None, p: Views, g: Views, run: Pass) -> Array:
        return dy
