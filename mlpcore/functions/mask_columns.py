"""The first columns of a batch, and zeros behind them."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array, namespace, primitive
from mlpcore.functions.shapes import first_columns


@primitive()
def mask_columns(x: Array, *, width: Any) -> Array:
    """Keep the first columns, ``y_ij = x_ij`` where ``j < width``, else 0.

    Args:
        x: ``(..., n, k)``.
        width: how many, up to ``k``; an integer, or an array ``(...)`` with one per member.

    Returns:
        An array of the same shape and dtype, exactly 0 behind the first columns whatever was there.

    >>> import numpy as np
    >>> mask_columns(np.ones((2, 2, 3)), width=np.array([1, 3])).tolist()
    [[[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]]
    """
    return namespace(x).where(first_columns(x, width), x, namespace(x).zeros_like(x))


#: ``dx = mask_columns(dy)``.
mask_columns.backward = mask_columns
