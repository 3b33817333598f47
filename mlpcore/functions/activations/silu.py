"""Sigmoid linear unit."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, primitive
from mlpcore.functions.activations.gate import bounded, gated
from mlpcore.functions.activations.sigmoid import sigmoid


@primitive()
def silu(x: Array) -> Array:
    """Sigmoid linear unit, ``y = x sigmoid(x)``; also known as ``swish``.

    Args:
        x: pre-activations of any shape.

    Returns:
        An array of the same shape and dtype.

    Source: Elfwing, Uchibe & Doya (2018), "Sigmoid-weighted linear units for neural network
    function approximation in reinforcement learning", section 2.

    >>> import numpy as np
    >>> silu(np.array([-1.0, 0.0, 2.0])).round(4)
    array([-0.2689,  0.    ,  1.7616])
    """
    return gated(x, sigmoid.reference(x))


@silu.derivative
def silu_backward(dy: Array, x: Array, y: Array) -> Array:
    """``dx = dy * s (1 + x (1 - s))``, ``s = sigmoid(x)``."""
    x = bounded(x)
    s = sigmoid.reference(x)
    return dy * (s * (1 + x * (1 - s)))
