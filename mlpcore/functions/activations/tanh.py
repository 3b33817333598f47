"""Hyperbolic tangent."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace, primitive


@primitive()
def tanh(x: Array) -> Array:
    """Hyperbolic tangent, ``y = (exp(x) - exp(-x)) / (exp(x) + exp(-x)) = 2 sigmoid(2x) - 1``.

    Args:
        x: pre-activations of any shape.

    Returns:
        An array of the same shape and dtype, in [-1, 1].

    Source: LeCun, Bottou, Orr & Müller (1998), "Efficient BackProp", section 4.4.

    >>> import numpy as np
    >>> tanh(np.array([-np.inf, 0.0, np.inf]))
    array([-1.,  0.,  1.])
    """
    return namespace(x).tanh(x)


@tanh.derivative
def tanh_backward(dy: Array, x: Array, y: Array) -> Array:
    """``dx = dy * (1 - y^2)``, at most ``dy``."""
    return dy * (1 - y * y)
