"""Absolute error."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace
from mlpcore.functions.losses.loss import Loss


@Loss
def absolute_error(z: Array, y: Array) -> Array:
    """Absolute error of each row, ``l = sum_k |z_k - y_k|``; it is least at the median.

    Args:
        z: outputs ``(..., n, k)``; the link is the identity.
        y: targets ``(..., n, k)``.

    Returns:
        Losses of the rows ``(..., n)``; calling the loss gives their weighted mean ``(...)``.

    Source: Bishop (2006), "Pattern Recognition and Machine Learning", eq. 1.91 with q = 1.

    >>> import numpy as np
    >>> float(absolute_error(np.array([[1.0], [-3.0]]), np.array([[0.0], [0.0]])))
    2.0
    """
    xp = namespace(z, y)
    return xp.sum(xp.abs(z - y), axis=-1)


@absolute_error.derivative
def absolute_error_gradient(z: Array, y: Array) -> Array:
    """``dz = sign(z - y)`` of each row, times its share; no derivative at 0, where we take 0."""
    return namespace(z, y).sign(z - y)
