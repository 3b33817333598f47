"""Rectified linear unit."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace, primitive


@primitive()
def relu(x: Array) -> Array:
    """Rectified linear unit, ``y = max(x, 0)``.

    Args:
        x: pre-activations of any shape.

    Returns:
        An array of the same shape and dtype; NaN stays NaN.

    Source: Nair & Hinton (2010), "Rectified linear units improve restricted Boltzmann machines".

    >>> import numpy as np
    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    xp = namespace(x)
    return xp.where(x < 0, xp.zeros_like(x), x)


@relu.derivative
def relu_backward(dy: Array, x: Array, y: Array) -> Array:
    """``dx = dy`` where ``y > 0``, else 0; ReLU has no derivative at 0, where we take 0."""
    xp = namespace(dy)
    return xp.where(y > 0, dy, xp.zeros_like(dy))
