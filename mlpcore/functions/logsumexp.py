"""Logarithm of the sum of exponentials."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace, primitive
from mlpcore.functions.softmax import shifted, softmax


def _one_per_row(x: Array) -> tuple[int, ...]:
    return tuple(x.shape[:-1])


@primitive(shapes=_one_per_row)
def logsumexp(x: Array) -> Array:
    """Log-sum-exp of each row, ``y = m + log sum_j exp(x_j - m)``, ``m = max_j x_j``.

    Args:
        x: logits ``(..., k)``.

    Returns:
        One number a row ``(...)``; ``m`` where that is infinite, NaN for a row that holds NaN.

    Source: Blanchard, Higham & Higham (2021), "Accurately computing the log-sum-exp and softmax
    functions", eq. 1.3.

    >>> import numpy as np
    >>> logsumexp(np.array([[0.0, 0.0], [40.0, -np.inf]])).round(4)
    array([ 0.6931, 40.    ])
    """
    xp = namespace(x)
    top = xp.max(x, axis=-1)
    return xp.where(xp.isinf(top), top, top + xp.log(xp.sum(xp.exp(shifted(x)), axis=-1)))


def _shape_of_x(dy: Array, x: Array, y: Array) -> tuple[int, ...]:
    return tuple(x.shape)


@logsumexp.derivative_with(shapes=_shape_of_x)
def logsumexp_backward(dy: Array, x: Array, y: Array) -> Array:
    """``dx_i = dy softmax(x)_i``; ``exp(x - y)`` would lose the digits that a large shift costs."""
    return dy[..., None] * softmax.reference(x)
