"""Hard hyperbolic tangent."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace, primitive


@primitive()
def hard_tanh(x: Array) -> Array:
    """Hard hyperbolic tangent, ``y = min(max(x, -1), 1)``.

    Args:
        x: pre-activations of any shape.

    Returns:
        An array of the same shape and dtype, in [-1, 1]; NaN stays NaN.

    Source: Collobert et al. (2011), "Natural language processing (almost) from scratch",
    section 3.2, the HardTanh layer.

    >>> import numpy as np
    >>> hard_tanh(np.array([-2.0, 0.5, 3.0]))
    array([-1. ,  0.5,  1. ])
    """
    xp = namespace(x)
    return xp.minimum(xp.maximum(x, -1.0), 1.0)


@hard_tanh.derivative
def hard_tanh_backward(dy: Array, x: Array, y: Array) -> Array:
    """``dx = dy`` where ``|y| < 1``, else 0, the corners included."""
    xp = namespace(dy)
    return xp.where(xp.abs(y) < 1, dy, xp.zeros_like(dy))
