"""The share of each row in a weighted mean."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace


def row_shares(values: Array, sample_weight: Array | None = None) -> Array:
    """Each row's share of the mean, ``w_i / sum_j w_j``; ``1 / n`` without weights.

    Args:
        values: what is to be averaged, ``(..., n)``; it gives the shape and dtype.
        sample_weight: non-negative, ``(..., n)``, of the same dtype; leading axes may be missing.

    Returns:
        Shares ``(..., n)`` that add up to 1, or to 0 for a member whose weights are all 0.

    >>> import numpy as np
    >>> row_shares(np.zeros(2), np.array([1.0, 3.0]))
    array([0.25, 0.75])
    """
    xp = namespace(values, sample_weight)
    if sample_weight is None:
        return xp.full_like(values, 1.0 / max(values.shape[-1], 1))
    total = xp.sum(sample_weight, axis=-1, keepdims=True)
    return sample_weight / xp.where(total == 0, xp.ones_like(total), total)


def weighted_mean(values: Array, sample_weight: Array | None = None) -> Array:
    """``sum_i w_i v_i / sum_i w_i``, one number per member.

    Args:
        values: ``(..., n)``.
        sample_weight: as in `row_shares`.

    Returns:
        Means ``(...)``; 0 for a member whose weights are all 0.

    >>> import numpy as np
    >>> float(weighted_mean(np.array([0.0, 4.0]), np.array([1.0, 3.0])))
    3.0
    """
    xp = namespace(values, sample_weight)
    return xp.sum(apply_shares(row_shares(values, sample_weight), values), axis=-1)


def apply_shares(share: Array, values: Array) -> Array:
    """``share * values``; a row without a share counts nothing, even where its value is infinite.

    >>> import numpy as np
    >>> apply_shares(np.array([0.0, 1.0]), np.array([np.inf, 2.0]))
    array([0., 2.])
    """
    xp = namespace(share, values)
    return share * xp.where(share == 0, xp.zeros_like(values), values)
