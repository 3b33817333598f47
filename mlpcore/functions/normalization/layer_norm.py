"""Layer normalization."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array, namespace, primitive
from mlpcore.functions.shapes import per_member


def _shapes(x: Array, *_: Array) -> tuple[tuple[int, ...], ...]:
    rows = tuple(x.shape[:-1])
    return tuple(x.shape), rows, rows


@primitive(shapes=_shapes)
def layer_norm(
    x: Array, gamma: Array, beta: Array, *, epsilon: Any = 1e-5
) -> tuple[Array, Array, Array]:
    """Layer normalization, ``y = gamma x^ + beta`` with ``x^ = (x - mean) / sqrt(variance + eps)``.

    Mean and (biased) variance are those of each row over its columns, so an example is normalized
    alone, in training as at inference.

    Args:
        x: ``(..., n, k)``.
        gamma: scale ``(..., k)``.
        beta: shift ``(..., k)``.
        epsilon: keeps the quotient finite; a number, or one per member.

    Returns:
        ``y`` ``(..., n, k)``, and each row's mean and variance, ``(..., n)`` each, which the
        backward takes.

    Source: Ba, Kiros & Hinton (2016), "Layer normalization", eq. 3.

    >>> import numpy as np
    >>> x, gamma, beta = np.array([[1.0, 3.0]]), np.ones(2), np.zeros(2)
    >>> y, mean, variance = layer_norm(x, gamma, beta, epsilon=0.0)
    >>> y.tolist(), mean.tolist(), variance.tolist()
    ([[-1.0, 1.0]], [2.0], [1.0])
    """
    xp = namespace(x)
    mean = xp.mean(x, axis=-1)
    variance = xp.var(x, axis=-1)
    inverse = 1 / xp.sqrt(variance + per_member(epsilon, variance, axes=1))
    x_hat = (x - mean[..., None]) * inverse[..., None]
    return gamma[..., None, :] * x_hat + beta[..., None, :], mean, variance


def _backward_shapes(dy: Array, *_: Array) -> tuple[tuple[int, ...], ...]:
    columns = (*dy.shape[:-2], dy.shape[-1])
    return tuple(dy.shape), columns, columns


@layer_norm.derivative_with(shapes=_backward_shapes)
def layer_norm_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, *, epsilon: Any = 1e-5
) -> tuple[Array, Array, Array]:
    """``dx = (g - mean(g) - x^ mean(g x^)) / sqrt(variance + eps)`` with ``g = gamma dy``.

    Means are over the columns; a change of the whole row, or along ``x^``, is normalized away.
    ``dgamma = sum dy x^`` and ``dbeta = sum dy`` over the rows.

    Returns:
        ``dx`` ``(..., n, k)``, ``dgamma`` ``(..., k)`` and ``dbeta`` ``(..., k)``.
    """
    xp = namespace(dy)
    inverse = 1 / xp.sqrt(variance + per_member(epsilon, variance, axes=1))
    x_hat = (x - mean[..., None]) * inverse[..., None]
    g = gamma[..., None, :] * dy
    removed = xp.mean(g, axis=-1, keepdims=True)
    removed = removed + x_hat * xp.mean(g * x_hat, axis=-1, keepdims=True)
    dx = inverse[..., None] * (g - removed)
    return dx, xp.sum(dy * x_hat, axis=-2), xp.sum(dy, axis=-2)
