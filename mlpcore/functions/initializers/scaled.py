"""What every initializer shares: where its random numbers come from, and how they are scaled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlpcore.functions.shapes import per_member

Weights = NDArray[np.float64]


class Draw(Protocol):
    """Random numbers keyed by seed, member and layer, with one leading axis in a stack.

    They are drawn on the host, in float64, so that every backend starts from the same weights.
    """

    def uniform(self, shape: tuple[int, ...]) -> Weights:
        """Uniform in (0, 1), ``(..., *shape)``."""

    def normal(self, shape: tuple[int, ...]) -> Weights:
        """Standard normal, ``(..., *shape)``."""


#: ``initializer(fan_in, fan_out, draw, **parameters) -> (..., fan_in, fan_out)``, in float64.
#: Parameters are numbers, or arrays ``(...)`` with one value per member.
Initializer = Callable[..., Weights]


def scaled_normal(fan_in: int, fan_out: int, draw: Draw, std: Any) -> Weights:
    """Normal with mean 0 and deviation ``std``."""
    z = draw.normal((fan_in, fan_out))
    weights: Weights = z * per_member(std, z, axes=2)
    return weights


def scaled_uniform(fan_in: int, fan_out: int, draw: Draw, limit: Any) -> Weights:
    """Uniform in ``(-limit, limit)``, whose deviation is ``limit / sqrt(3)``."""
    u = draw.uniform((fan_in, fan_out))
    weights: Weights = (2.0 * u - 1.0) * per_member(limit, u, axes=2)
    return weights
