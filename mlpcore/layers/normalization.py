"""Batch and layer normalization as layers: learned gamma and beta, and running statistics."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array
from mlpcore.functions.normalization import batch_norm, layer_norm, normalize, running_average
from mlpcore.layers.layer import Layer, Pass, Views

EPSILON = 1e-5


class BatchNorm(Layer):
    """Normalize each unit over the batch while training, by running statistics afterwards.

    The running mean and variance move by a tenth towards each batch's; the variance is the unbiased
    one, as Ioffe & Szegedy (2015, algorithm 2) take it for inference.
    """

    MOMENTUM = 0.1

    def __init__(self, units: int):
        self.parameters = {"gamma": (units,), "beta": (units,)}
        self.statistics = {"mean": (units,), "variance": (units,)}

    def forward(self, x: Array, p: Views, s: Views, run: Pass) -> tuple[Array, Any]:
        if not run.training:
            scaled = normalize(x, p["gamma"], p["beta"], s["mean"], s["variance"], epsilon=EPSILON)
            return scaled, None
        y, mean, variance = batch_norm(x, p["gamma"], p["beta"], epsilon=EPSILON)
        return y, (x, mean, variance)

    def backward(self, dy: Array, saved: Any, p: Views, g: Views, run: Pass) -> Array:
        x, mean, variance = saved
        out = (None, g["gamma"], g["beta"])
        dx, _, _ = batch_norm.backward(dy, x, p["gamma"], mean, variance, epsilon=EPSILON, out=out)
        return dx

    def settle(self, saved: Any, s: Views) -> None:
        x, mean, variance = saved
        n = x.shape[-2]
        unbiased = n / max(n - 1, 1)
        running_average(s["mean"], mean, momentum=self.MOMENTUM, out=s["mean"])
        running_average(
            s["variance"], variance, momentum=self.MOMENTUM, scale=unbiased, out=s["variance"]
        )


class LayerNorm(Layer):
    """Normalize each example over its units; the same in training and afterwards."""

    def __init__(self, units: int):
        self.parameters = {"gamma": (units,), "beta": (units,)}

    def forward(self, x: Array, p: Views, s: Views, run: Pass) -> tuple[Array, Any]:
        y, mean, variance = layer_norm(x, p["gamma"], p["beta"], epsilon=EPSILON)
        return y, (x, mean, variance)

    def backward(self, dy: Array, saved: Any, p: Views, g: Views, run: Pass) -> Array:
        x, mean, variance = saved
        out = (None, g["gamma"], g["beta"])
        dx, _, _ = layer_norm.backward(dy, x, p["gamma"], mean, variance, epsilon=EPSILON, out=out)
        return dx
