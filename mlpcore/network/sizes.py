"""Inputs, hidden widths and outputs; the members of a stack may have widths of their own.

Their arrays are then as wide as the widest, and what lies beyond a member's own width stays zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcore.backend.checks import whole_number


def checked_sizes(sizes: Any, members: int | None) -> tuple[Any, ...]:
    """Positive integers, or for a hidden layer a tuple with one a member where they differ.

    Raises:
        ValueError: for anything else.

    >>> checked_sizes([4, [3, 5], [2, 2], 1], members=2)
    (4, (3, 5), 2, 1)
    """
    try:
        checked = tuple(_checked_size(size) for size in sizes)
    except (TypeError, ValueError):
        checked = ()
    if len(checked) < 2:
        raise ValueError(
            f"got sizes={sizes}, expected at least two positive integers: inputs, hidden widths, "
            "outputs"
        )
    for size in checked[1:-1]:
        if isinstance(size, tuple) and len(size) != members:
            raise ValueError(
                f"got {len(size)} widths of a hidden layer for members={members}, expected one, or "
                "one for each member"
            )
    for size in (checked[0], checked[-1]):
        if isinstance(size, tuple):
            raise ValueError(
                f"got sizes={sizes}, expected one number of inputs and one of outputs for all "
                "members; only hidden widths may differ"
            )
    return tuple(
        size[0] if isinstance(size, tuple) and len(set(size)) == 1 else size for size in checked
    )


def _checked_size(size: Any) -> int | tuple[int, ...]:
    if isinstance(size, (list, tuple, range)) or np.ndim(size) == 1:
        return tuple(whole_number("width", width) for width in size)
    return whole_number("size", size)


def widest(sizes: Sequence[Any]) -> tuple[int, ...]:
    """The sizes of the arrays.

    >>> widest((4, (3, 5), 1))
    (4, 5, 1)
    """
    return tuple(max(size) if isinstance(size, tuple) else size for size in sizes)


def own_widths(size: Any) -> np.ndarray | None:
    """Each member's width of a layer, ``(E,)``, or ``None`` where all have one.

    >>> own_widths((3, 5))
    array([3, 5])
    """
    return np.asarray(size, dtype=np.int64) if isinstance(size, tuple) else None
