"""The coefficient of determination."""

from __future__ import annotations

from math import inf

from mlpcore.backend.dispatch import Array, namespace
from mlpcore.functions.row_shares import row_shares


def r2(predicted: Array, target: Array, sample_weight: Array | None = None) -> Array:
    """The share of the target's variance that is explained, ``R^2``, averaged over the columns.

    ``R^2 = 1 - sum_i w_i (y_i - p_i)^2 / sum_i w_i (y_i - mean(y))^2``: 1 is perfect, and 0 is as
    good as the mean. A column of one value scores 1 where it is predicted exactly, else 0.

    Args:
        predicted: ``(..., n, k)``.
        target: ``(..., n, k)``; leading axes may be missing.
        sample_weight: not negative, ``(..., n)``; leading axes may be missing.

    Returns:
        ``(...)``, at most 1.

    Source: Wright (1921), "Correlation and causation".

    >>> import numpy as np
    >>> float(r2(np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [2.0], [3.0]])))
    0.5
    """
    xp = namespace(predicted, target, sample_weight)
    share = row_shares(target[..., 0], sample_weight)[..., None]
    highest = xp.max(xp.where(share > 0, target, -inf), axis=-2, keepdims=True)
    lowest = xp.min(xp.where(share > 0, target, inf), axis=-2, keepdims=True)
    constant = highest == lowest
    deviation = xp.abs(target - xp.sum(share * target, axis=-2, keepdims=True))
    distance = xp.abs(target - predicted)
    # In units of the largest deviation, and infinite where the square's share would overflow.
    unit = xp.max(deviation, axis=-2, keepdims=True)
    unit = xp.where(constant | (unit == 0), xp.ones_like(unit), unit)
    bound = float(xp.finfo(distance.dtype).max) ** 0.25
    distance = xp.where(distance / bound > unit, inf, distance) / unit
    left = xp.sum(share * distance**2, axis=-2)
    total = xp.sum(share * (deviation / unit) ** 2, axis=-2)
    constant = constant[..., 0, :] | (total == 0)
    explained = 1 - left / xp.where(constant, xp.ones_like(total), total)
    return xp.mean(xp.where(constant, xp.astype(left == 0, left.dtype), explained), axis=-1)
