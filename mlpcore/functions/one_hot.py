"""Labels as rows of zeros with a single one."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array, namespace


def one_hot(labels: Array, *, classes: int, dtype: Any = None) -> Array:
    """One-hot rows, ``Y_ic = 1`` where ``c = y_i``, else 0.

    Args:
        labels: integers from 0 to ``classes - 1``, ``(..., n)``; a label outside gives a row of 0.
            Names become such numbers by ``numpy.unique(names, return_inverse=True)[1]``.
        classes: the number of columns.
        dtype: of the result, by default float64.

    Returns:
        ``(..., n, classes)``.

    Raises:
        TypeError: for labels that are not integers.

    >>> import numpy as np
    >>> one_hot(np.array([2, 0]), classes=3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    xp = namespace(labels)
    if not xp.isdtype(labels.dtype, "integral"):
        raise TypeError(
            f"got labels of dtype {labels.dtype}, expected integers from 0 to {classes - 1}; "
            "number names by numpy.unique(names, return_inverse=True)[1]"
        )
    columns = xp.arange(classes, dtype=labels.dtype, device=labels.device)
    return xp.astype(labels[..., None] == columns, xp.float64 if dtype is None else dtype)
