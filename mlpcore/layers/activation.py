"""The activation layer, ``a = f(z)``."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcore.backend.dispatch import Array, Primitive
from mlpcore.layers.layer import Layer, Pass, Views


class Activation(Layer):
    """``a = f(z)``, elementwise; backward ``dz = da * f'(z)``."""

    def __init__(self, function: Primitive, **parameters: Any):
        self.function = function
        self.settings = parameters

    @property
    def keeps_0(self) -> bool:
        """Whether ``f(0) = 0``, for every member."""
        members = max((np.size(value) for value in self.settings.values()), default=1)
        zeros = np.zeros((members, 1, 1))
        return not np.any(self.function.reference(zeros, **self.settings))

    def forward(self, z: Array, p: Views, s: Views, run: Pass) -> tuple[Array, tuple[Array, Array]]:
        a = self.function(z, **self.settings)
        return a, (z, a)

    def backward(
        self, da: Array, saved: tuple[Array, Array], p: Views, g: Views, run: Pass
    ) -> Array:
        return self.function.backward(da, *saved, **self.settings)
