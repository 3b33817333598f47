"""Rows and values by index: how a batch is taken from the data."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace, primitive


def _rows_shape(x: Array, index: Array) -> tuple[int, ...]:
    members = max(tuple(x.shape[:-2]), tuple(index.shape[:-1]), key=len)
    return (*members, index.shape[-1], x.shape[-1])


@primitive(shapes=_rows_shape)
def gather_rows(x: Array, index: Array) -> Array:
    """Rows by index, ``y[..., i, :] = x[..., index[..., i], :]``.

    Args:
        x: ``(N, k)``, shared by the members, or ``(..., N, k)``.
        index: int64 from 0 to N - 1, ``(b,)`` for all members or ``(..., b)``.

    Returns:
        ``(..., b, k)``.

    >>> import numpy as np
    >>> gather_rows(np.array([[1.0], [2.0], [3.0]]), np.array([2, 0]))
    array([[3.],
           [1.]])
    """
    xp = namespace(x, index)
    if len(index.shape) == 1:
        return xp.take(x, index, axis=-2)
    if len(x.shape) > 2:
        return xp.take_along_axis(x, index[..., None], axis=-2)
    return xp.reshape(xp.take(x, xp.reshape(index, (-1,)), axis=0), _rows_shape(x, index))


def _values_shape(x: Array, index: Array) -> tuple[int, ...]:
    members = max(tuple(x.shape[:-1]), tuple(index.shape[:-1]), key=len)
    return (*members, index.shape[-1])


@primitive(shapes=_values_shape)
def gather_values(x: Array, index: Array) -> Array:
    """Values by index, ``y[..., i] = x[..., index[..., i]]``: labels or weights of a batch.

    Args:
        x: ``(N,)``, shared by the members, or ``(..., N)``.
        index: int64 from 0 to N - 1, ``(b,)`` for all members or ``(..., b)``.

    Returns:
        ``(..., b)``.

    >>> import numpy as np
    >>> gather_values(np.array([5, 6, 7]), np.array([[2, 0], [1, 1]]))
    array([[7, 5],
           [6, 6]])
    """
    return gather_rows.reference(x[..., None], index)[..., 0]
