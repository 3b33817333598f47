"""Mish."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace, primitive
from mlpcore.functions.activations.gate import bounded, gated
from mlpcore.functions.activations.sigmoid import sigmoid
from mlpcore.functions.activations.softplus import softplus


@primitive()
def mish(x: Array) -> Array:
    """Mish, ``y = x tanh(softplus(x))``.

    Args:
        x: pre-activations of any shape.

    Returns:
        An array of the same shape and dtype.

    Source: Misra (2020), "Mish: a self regularized non-monotonic activation function", eq. 1.

    >>> import numpy as np
    >>> mish(np.array([-1.0, 0.0, 2.0])).round(4)
    array([-0.3034,  0.    ,  1.944 ])
    """
    return gated(x, namespace(x).tanh(softplus.reference(x)))


@mish.derivative
def mish_backward(dy: Array, x: Array, y: Array) -> Array:
    """``dx = dy * (t + x (1 - t^2) sigmoid(x))``, ``t = tanh(softplus(x))``."""
    x = bounded(x)
    t = namespace(x).tanh(softplus.reference(x))
    return dy * (t + x * (1 - t * t) * sigmoid.reference(x))
