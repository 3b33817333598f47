"""Normalization by given statistics."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array, namespace, primitive
from mlpcore.functions.shapes import per_member


@primitive()
def normalize(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, *, epsilon: Any = 1e-5
) -> Array:
    """Normalize by given statistics, ``y = gamma (x - mean) / sqrt(variance + eps) + beta``.

    This is batch normalization at inference, where the statistics are the running ones.

    Args:
        x: ``(..., n, k)``.
        gamma: scale ``(..., k)``.
        beta: shift ``(..., k)``.
        mean: ``(..., k)``.
        variance: ``(..., k)``.
        epsilon: keeps the quotient finite; a number, or one per member.

    Returns:
        ``(..., n, k)``.

    Source: Ioffe & Szegedy (2015), "Batch normalization: accelerating deep network training by
    reducing internal covariate shift", algorithm 2, step 11.

    >>> import numpy as np
    >>> one = np.ones(1)
    >>> normalize(np.array([[5.0]]), one, one, 3 * one, 4 * one, epsilon=0.0)
    array([[2.]])
    """
    xp = namespace(x)
    scale = gamma / xp.sqrt(variance + per_member(epsilon, variance, axes=1))
    return (x - mean[..., None, :]) * scale[..., None, :] + beta[..., None, :]
