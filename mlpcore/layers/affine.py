"""The affine layer, ``z = x @ W + b``."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array
from mlpcore.functions.affine import (
    affine,
    affine_bias_gradient,
    affine_input_gradient,
    affine_weight_gradient,
)
from mlpcore.layers.layer import Layer, Pass, Views


class Affine(Layer):
    """``z = x @ W + b`` with ``W (fan_in, fan_out)`` and ``b (fan_out,)``.

    The first layer of a network passes no gradient on: its input is data.
    """

    def __init__(self, fan_in: int, fan_out: int, *, first: bool):
        self.parameters = {"weight": (fan_in, fan_out), "bias": (fan_out,)}
        self.first = first

    def forward(self, x: Array, p: Views, s: Views, run: Pass) -> tuple[Array, Array]:
        return affine(x, p["weight"], p["bias"]), x

    def backward(self, dz: Array, x: Array, p: Views, g: Views, run: Pass) -> Array:
        affine_bias_gradient(dz, out=g["bias"])
        affine_weight_gradient(x, dz, out=g["weight"])
        return None if self.first else affine_input_gradient(dz, p["weight"])
