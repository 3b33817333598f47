"""Softmax."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace, primitive


@primitive()
def softmax(x: Array) -> Array:
    """Softmax of each row, ``y_i = exp(x_i - m) / sum_j exp(x_j - m)``, ``m = max_j x_j``.

    Subtracting the row's maximum changes nothing but the rounding, and no exponential overflows.

    Args:
        x: logits ``(..., k)``; ``-inf`` gives probability 0.

    Returns:
        Probabilities ``(..., k)``, each row summing to 1; a row whose maximum is infinite, or that
        holds NaN, has no softmax and gives NaN.

    Source: Bridle (1990), "Probabilistic interpretation of feedforward classification network
    outputs"; shifted as in Blanchard, Higham & Higham (2021), "Accurately computing the log-sum-exp
    and softmax functions", eq. 1.4.

    >>> import numpy as np
    >>> softmax(np.array([[0.0, 0.0], [1000.0, -np.inf]]))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    xp = namespace(x)
    e = xp.exp(shifted(x))
    return e / xp.sum(e, axis=-1, keepdims=True)


@softmax.derivative
def softmax_backward(dy: Array, x: Array, y: Array) -> Array:
    """``dx_i = y_i (dy_i - sum_j dy_j y_j)``, the Jacobian ``diag(y) - y y^T`` times ``dy``."""
    return y * (dy - namespace(dy).sum(dy * y, axis=-1, keepdims=True))


def shifted(x: Array) -> Array:
    """``x`` minus the row's maximum, ``(..., k)``; NaN, without a warning, where that is infinite.

    >>> import numpy as np
    >>> shifted(np.array([[1.0, 3.0], [-np.inf, -np.inf]]))
    array([[-2.,  0.],
           [nan, nan]])
    """
    xp = namespace(x)
    top = xp.max(x, axis=-1, keepdims=True)
    return x - xp.where(xp.isinf(top), xp.nan, top)
