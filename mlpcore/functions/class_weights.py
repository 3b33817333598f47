"""Weights of classes, and with them of rows."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array, namespace
from mlpcore.functions.one_hot import one_hot


def row_weights(target: Array, class_weight: Array, sample_weight: Array | None = None) -> Array:
    """The weight of each row from those of the classes, ``w_i = s_i sum_c class_weight_c p_ic``.

    For a label that is the weight of its class, ``w_i = s_i class_weight[y_i]``.

    Args:
        target: integer labels ``(..., n)``, or probabilities ``(..., n, k)``.
        class_weight: ``(..., k)``, not negative; its dtype is the result's.
        sample_weight: ``s``, ``(..., n)``, or ``None`` for ones.

    Returns:
        ``(..., n)``, ready to be a loss's ``sample_weight``.

    >>> import numpy as np
    >>> row_weights(np.array([0, 1, 1]), np.array([3.0, 0.5]))
    array([3. , 0.5, 0.5])
    """
    xp = namespace(target, class_weight, sample_weight)
    shares = _probabilities(target, class_weight.shape[-1], class_weight.dtype)
    weights = xp.sum(shares * class_weight[..., None, :], axis=-1)
    return weights if sample_weight is None else sample_weight * weights


def balanced_class_weight(target: Array, *, classes: int, dtype: Any = None) -> Array:
    """Weights that let every class count the same, ``n / (C count_c)``.

    A class without a row is counted as if it had one, which keeps its weight finite.

    Args:
        target: integer labels ``(..., n)``, or probabilities ``(..., n, C)``.
        classes: ``C``.
        dtype: of the result, by default float64.

    Returns:
        ``(..., C)``.

    Source: King & Zeng (2001), "Logistic regression in rare events data", section 4.

    >>> import numpy as np
    >>> balanced_class_weight(np.array([0, 0, 0, 1]), classes=2)
    array([0.66666667, 2.        ])
    """
    xp = namespace(target)
    shares = _probabilities(target, classes, xp.float64 if dtype is None else dtype)
    count = xp.sum(shares, axis=-2)
    return shares.shape[-2] / (classes * xp.where(count == 0, xp.ones_like(count), count))


def _probabilities(target: Array, classes: int, dtype: Any) -> Array:
    xp = namespace(target)
    if xp.isdtype(target.dtype, "integral"):
        return one_hot(target, classes=classes, dtype=dtype)
    return xp.astype(target, dtype, copy=False)
