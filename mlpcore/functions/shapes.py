"""Shapes: the free leading axes in front of rows and columns."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array, namespace


def leading(a: Array, b: Array) -> tuple[int, ...]:
    """The leading axes that two matrices broadcast to; members of a stack, or none.

    >>> import numpy as np
    >>> leading(np.zeros((5, 4)), np.zeros((3, 4, 2)))
    (3,)
    """
    short, long = sorted((tuple(a.shape[:-2]), tuple(b.shape[:-2])), key=len)
    padded = (1,) * (len(long) - len(short)) + short
    return tuple(p if q == 1 else q for p, q in zip(padded, long, strict=True))


def transposed(matrix: Array) -> Array:
    """The last two axes exchanged."""
    return namespace(matrix).matrix_transpose(matrix)


def per_member(value: Any, like: Array, axes: int) -> Any:
    """A parameter ready to meet an array that has ``axes`` axes behind the leading ones.

    A Python number passes unchanged, since it never promotes; an array with one value per member,
    ``(...,)``, is cast to the array's dtype and gets ``axes`` axes of length one.

    >>> import numpy as np
    >>> per_member(np.array([0.1, 0.2]), np.zeros((2, 5, 3)), axes=2).shape
    (2, 1, 1)
    """
    if type(value) in (bool, int, float):  # not a NumPy scalar, which would promote
        return value
    xp = namespace(like)
    array = xp.asarray(value, dtype=like.dtype)
    return xp.reshape(array, (*array.shape, *(1,) * axes))


def first_columns(like: Array, width: Any) -> Array:
    """Which columns of ``(..., n, k)`` are before the width, ``(..., 1, k)``; for one, ``(k,)``.

    >>> import numpy as np
    >>> first_columns(np.zeros((2, 1, 3)), np.array([1, 2])).tolist()
    [[[True, False, False]], [[True, True, False]]]
    """
    column = namespace(like).arange(like.shape[-1], dtype=namespace(like).int64, device=like.device)
    return column < per_member(width, column, axes=2)
