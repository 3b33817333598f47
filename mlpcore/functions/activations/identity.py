"""Identity, the activation of a linear unit."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, primitive


@primitive()
def identity(x: Array) -> Array:
    """Identity, ``y = x``; also known as ``linear``.

    Args:
        x: pre-activations of any shape.

    Returns:
        ``x`` itself, not a copy.

    Source: Widrow & Hoff (1960), "Adaptive switching circuits": the linear unit, Adaline.

    >>> import numpy as np
    >>> identity(np.array([-2.0, 3.0]))
    array([-2.,  3.])
    """
    return x


@identity.derivative
def identity_backward(dy: Array, x: Array, y: Array) -> Array:
    """``dx = dy``."""
    return dy
