"""Logistic sigmoid."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace, primitive


@primitive()
def sigmoid(x: Array) -> Array:
    """Logistic sigmoid, ``y = 1 / (1 + exp(-x))``; also known as ``logistic``.

    Computed from ``exp(-|x|)``, which cannot overflow and keeps the lower tail's digits.

    Args:
        x: pre-activations of any shape.

    Returns:
        An array of the same shape and dtype, in [0, 1].

    Source: Rumelhart, Hinton & Williams (1986), "Learning representations by back-propagating
    errors", eq. 2.

    >>> import numpy as np
    >>> sigmoid(np.array([-np.inf, 0.0, np.inf]))
    array([0. , 0.5, 1. ])
    """
    xp = namespace(x)
    e = xp.exp(-xp.abs(x))
    return xp.where(x < 0, e, xp.ones_like(e)) / (1 + e)


@sigmoid.derivative
def sigmoid_backward(dy: Array, x: Array, y: Array) -> Array:
    """``dx = dy * y (1 - y)``, at most ``dy / 4``."""
    return dy * (y * (1 - y))
