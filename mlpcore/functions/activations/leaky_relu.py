"""Leaky rectified linear unit."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array, namespace, primitive
from mlpcore.functions.shapes import per_member


@primitive()
def leaky_relu(x: Array, *, negative_slope: Any = 0.01) -> Array:
    """Leaky rectified linear unit, ``y = x`` where ``x > 0``, else ``negative_slope * x``.

    Args:
        x: pre-activations of any shape, ``(..., n, k)`` for one slope a member.
        negative_slope: the slope below 0, at least 0; a number, or one per member ``(...)``.

    Returns:
        An array of the same shape and dtype; NaN stays NaN.

    Source: Maas, Hannun & Ng (2013), "Rectifier nonlinearities improve neural network acoustic
    models", section 2.

    >>> import numpy as np
    >>> leaky_relu(np.array([-2.0, 0.0, 3.0]), negative_slope=0.25)
    array([-0.5,  0. ,  3. ])
    """
    slope = per_member(negative_slope, x, axes=2)
    return namespace(x).where(x > 0, x, slope * x)


@leaky_relu.derivative
def leaky_relu_backward(dy: Array, x: Array, y: Array, *, negative_slope: Any = 0.01) -> Array:
    """``dx = dy`` where ``y > 0``, else ``negative_slope * dy``; at 0 we take the slope below."""
    slope = per_member(negative_slope, dy, axes=2)
    return namespace(dy).where(y > 0, dy, slope * dy)
