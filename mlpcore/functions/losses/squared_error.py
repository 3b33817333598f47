"""Squared error."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace
from mlpcore.functions.losses.loss import Loss
from mlpcore.functions.losses.overflow import infinite_beyond, largest_term


@Loss
def squared_error(z: Array, y: Array) -> Array:
    """Squared error of each row, ``l = 1/2 sum_k (z_k - y_k)^2``.

    Args:
        z: outputs ``(..., n, k)``; the link is the identity.
        y: targets ``(..., n, k)``.

    Returns:
        Losses of the rows ``(..., n)``; calling the loss gives their weighted mean ``(...)``.

    Source: Bishop (2006), "Pattern Recognition and Machine Learning", eq. 5.11.

    >>> import numpy as np
    >>> float(squared_error(np.array([[1.0], [3.0]]), np.array([[0.0], [0.0]])))
    2.5
    """
    xp = namespace(z, y)
    distance = infinite_beyond(xp.abs(z - y), largest_term(z) ** 0.5)
    return 0.5 * xp.sum(distance**2, axis=-1)


@squared_error.derivative
def squared_error_gradient(z: Array, y: Array) -> Array:
    """``dz = z - y`` of each row, times the row's share of the mean."""
    return z - y
