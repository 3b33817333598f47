"""Huber's loss."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array, namespace
from mlpcore.functions.losses.loss import Loss
from mlpcore.functions.shapes import per_member


@Loss
def huber(z: Array, y: Array, *, delta: Any = 1.0) -> Array:
    """Huber's loss of each row: squared near the target, absolute far from it.

    ``l = sum_k r(z_k - y_k)`` with ``r(d) = d^2 / 2`` where ``|d| <= delta``, and
    ``delta (|d| - delta / 2)`` beyond. Both are ``c (|d| - c / 2)`` with ``c = min(|d|, delta)``,
    which squares no large number.

    Args:
        z: outputs ``(..., n, k)``; the link is the identity.
        y: targets ``(..., n, k)``.
        delta: positive, where the parabola turns into lines; a number, or one per member.

    Returns:
        Losses of the rows ``(..., n)``; calling the loss gives their weighted mean ``(...)``.

    Source: Huber (1964), "Robust estimation of a location parameter".

    >>> import numpy as np
    >>> float(huber(np.array([[1.0], [3.0]]), np.array([[0.0], [0.0]])))
    1.5
    """
    xp = namespace(z, y)
    delta = per_member(delta, z, axes=2)
    distance = xp.abs(z - y)
    clipped = xp.where(distance <= delta, distance, delta)
    return xp.sum(clipped * (distance - 0.5 * clipped), axis=-1)


@huber.derivative
def huber_gradient(z: Array, y: Array, *, delta: Any = 1.0) -> Array:
    """``dz = z - y`` clipped to ``[-delta, delta]``, of each row, times its share of the mean."""
    xp = namespace(z, y)
    delta = per_member(delta, z, axes=2)
    d = z - y
    return xp.where(xp.abs(d) <= delta, d, delta * xp.sign(d))
