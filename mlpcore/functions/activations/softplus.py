"""Softplus."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace, primitive


@primitive()
def softplus(x: Array) -> Array:
    """Softplus, ``y = log(1 + exp(x))``, computed as ``max(x, 0) + log(1 + exp(-|x|))``.

    Args:
        x: pre-activations of any shape.

    Returns:
        An array of the same shape and dtype.

    Source: Dugas, Bengio, Bélisle, Nadeau & Garcia (2001), "Incorporating second-order functional
    knowledge for better option pricing", section 3.

    >>> import numpy as np
    >>> softplus(np.array([-np.inf, 0.0, 40.0])).round(4)
    array([ 0.    ,  0.6931, 40.    ])
    """
    xp = namespace(x)
    return xp.maximum(x, xp.zeros_like(x)) + xp.log1p(xp.exp(-xp.abs(x)))


@softplus.derivative
def softplus_backward(dy: Array, x: Array, y: Array) -> Array:
    """``dx = dy * sigmoid(x)``, and ``sigmoid(x) = 1 - exp(-y)``."""
    return -dy * namespace(dy).expm1(-y)
