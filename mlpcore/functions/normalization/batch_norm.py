"""Batch normalization."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array, namespace, primitive
from mlpcore.functions.normalization.normalize import normalize
from mlpcore.functions.shapes import per_member


def _shapes(x: Array, *_: Array) -> tuple[tuple[int, ...], ...]:
    columns = (*x.shape[:-2], x.shape[-1])
    return tuple(x.shape), columns, columns


@primitive(shapes=_shapes)
def batch_norm(
    x: Array, gamma: Array, beta: Array, *, epsilon: Any = 1e-5
) -> tuple[Array, Array, Array]:
    """Batch normalization, ``y = gamma x^ + beta`` with ``x^ = (x - mean) / sqrt(variance + eps)``.

    Mean and variance are those of each column over the rows of the batch; the variance is the
    biased one, ``sum (x - mean)^2 / n``.

    Args:
        x: ``(..., n, k)``.
        gamma: scale ``(..., k)``.
        beta: shift ``(..., k)``.
        epsilon: keeps the quotient finite; a number, or one per member.

    Returns:
        ``y`` ``(..., n, k)``, and the batch's mean and variance, ``(..., k)`` each, which the
        backward and the running averages take.

    Source: Ioffe & Szegedy (2015), "Batch normalization: accelerating deep network training by
    reducing internal covariate shift", algorithm 1.

    >>> import numpy as np
    >>> x, gamma, beta = np.array([[1.0], [3.0]]), np.ones(1), np.zeros(1)
    >>> y, mean, variance = batch_norm(x, gamma, beta, epsilon=0.0)
    >>> y.tolist(), mean.tolist(), variance.tolist()
    ([[-1.0], [1.0]], [2.0], [1.0])
    """
    xp = namespace(x)
    mean = xp.mean(x, axis=-2)
    variance = xp.var(x, axis=-2)
    return normalize.reference(x, gamma, beta, mean, variance, epsilon=epsilon), mean, variance


@batch_norm.derivative_with(shapes=_shapes)
def batch_norm_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, *, epsilon: Any = 1e-5
) -> tuple[Array, Array, Array]:
    """``dx = gamma / sqrt(variance + eps) (dy - mean(dy) - x^ mean(dy x^))``, and the parameters'.

    ``dgamma = sum dy x^`` and ``dbeta = sum dy``; sums and means are over the rows. The two terms
    that ``dx`` loses come through mean and variance: a change of all rows alike, or along ``x^``,
    is normalized away.

    Returns:
        ``dx`` ``(..., n, k)``, ``dgamma`` ``(..., k)`` and ``dbeta`` ``(..., k)``.

    Source: Ioffe & Szegedy (2015), section 3, the six equations of the gradients, put together.
    """
    xp = namespace(dy)
    n = x.shape[-2]
    inverse = 1 / xp.sqrt(variance + per_member(epsilon, variance, axes=1))
    x_hat = (x - mean[..., None, :]) * inverse[..., None, :]
    dgamma = xp.sum(dy * x_hat, axis=-2)
    dbeta = xp.sum(dy, axis=-2)
    removed = (dbeta[..., None, :] + x_hat * dgamma[..., None, :]) / n
    return (gamma * inverse)[..., None, :] * (dy - removed), dgamma, dbeta
