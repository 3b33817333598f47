"""Which rows of a data set each network uses: folds and bootstraps over one copy of the data."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcore.backend.memory import to_numpy


def row_numbers(name: str, rows: Any, count: int, members: int | None) -> np.ndarray:
    """Row numbers as int64 ``(m,)``, or ``(members, m)``, each from 0 to ``count - 1``.

    Args:
        name: of the argument, for the message.
        rows: integers; a row may come more than once.
        count: how many rows there are.
        members: of the stack, or ``None`` for a single network.

    Raises:
        TypeError: for what is not an array of integers.
        ValueError: for another shape, no rows at all, or a row that is not there.

    >>> row_numbers("rows", [[0, 2], [1, 1]], count=3, members=2)
    array([[0, 2],
           [1, 1]])
    """
    try:
        array = to_numpy(rows)
    except ValueError:
        raise TypeError(
            f"got {name} that NumPy makes no array of, expected as many rows for each member"
        ) from None
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(
            f"got {name} of dtype {array.dtype}, expected integers; for a mask pass "
            "numpy.flatnonzero(mask)"
        )
    if array.ndim != 1 and (members is None or array.shape[:-1] != (members,)):
        stacked = "" if members is None else f" or ({members}, m)"
        raise ValueError(f"got {name} of shape {array.shape}, expected (m,){stacked}")
    if array.size == 0:
        raise ValueError(f"got {name} of shape {array.shape}, expected at least one row")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= count:
        raise ValueError(f"got {name} from {low} to {high}, expected 0 to {count - 1}, rows of X")
    return np.ascontiguousarray(array, dtype=np.int64)
