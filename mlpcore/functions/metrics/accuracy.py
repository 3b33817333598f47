"""Accuracy."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace
from mlpcore.functions.row_shares import weighted_mean


def accuracy(predicted: Array, target: Array, sample_weight: Array | None = None) -> Array:
    """The weighted share of labels that are right, ``sum_i w_i [p_i = y_i] / sum_i w_i``.

    Args:
        predicted: labels ``(..., n)``.
        target: labels ``(..., n)``; leading axes may be missing.
        sample_weight: not negative, ``(..., n)``; leading axes may be missing.

    Returns:
        ``(...)``, from 0 to 1, in the weights' dtype or else float64.

    >>> import numpy as np
    >>> float(accuracy(np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])))
    0.75
    >>> float(accuracy(np.ones(20), np.ones(20)))
    1.0
    """
    xp = namespace(predicted, target, sample_weight)
    right = predicted == target
    if sample_weight is None:
        return xp.mean(xp.astype(right, xp.float64), axis=-1)
    return weighted_mean(xp.astype(right, sample_weight.dtype), sample_weight)
