"""Logarithm of the softmax."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace, primitive
from mlpcore.functions.softmax import shifted


@primitive()
def log_softmax(x: Array) -> Array:
    """Logarithm of each row's softmax, ``y_i = x_i - log sum_j exp(x_j)``.

    Args:
        x: logits ``(..., k)``.

    Returns:
        Log-probabilities ``(..., k)``, at most 0, finite where softmax itself is too small for the
        dtype; a row whose maximum is infinite, or that holds NaN, gives NaN.

    Source: Blanchard, Higham & Higham (2021), "Accurately computing the log-sum-exp and softmax
    functions", eqs. 1.2 and 1.3.

    >>> import numpy as np
    >>> log_softmax(np.array([0.0, -1000.0]))
    array([    0., -1000.])
    """
    xp = namespace(x)
    s = shifted(x)
    return s - xp.log(xp.sum(xp.exp(s), axis=-1, keepdims=True))


@log_softmax.derivative
def log_softmax_backward(dy: Array, x: Array, y: Array) -> Array:
    """``dx_i = dy_i - exp(y_i) sum_j dy_j``, ``exp(y)`` being the softmax."""
    xp = namespace(dy)
    return dy - xp.exp(y) * xp.sum(dy, axis=-1, keepdims=True)
