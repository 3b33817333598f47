"""Gradients in the parameters' shapes."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array
from mlpcore.network.parameters import Layout


class Named:
    """A flat buffer and its views by kind, one entry for each layer that has the kind.

    Attributes:
        flat: the buffer, ``(..., P)``.
        views: the parameters of each layer by name.
        weights: ``(..., fan_in, fan_out)`` each.
        biases: ``(..., fan_out)`` each.
        gammas: the scales of the normalization layers, ``(..., units)`` each.
        betas: their shifts.
    """

    def __init__(self, flat: Array, layout: Layout):
        self.flat = flat
        self.views = layout.views(flat)
        self.weights = self._all("weight")
        self.biases = self._all("bias")
        self.gammas = self._all("gamma")
        self.betas = self._all("beta")

    def _all(self, name: str) -> list[Array]:
        return [layer[name] for layer in self.views if name in layer]
