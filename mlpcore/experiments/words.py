"""Sizes and tables in words, for people."""

from __future__ import annotations

from collections.abc import Sequence


def amount(size: int) -> str:
    """A size in bytes.

    >>> amount(560672), amount(3 << 30)
    ('561 kB', '3.22 GB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} bytes"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns, flush right.

    >>> print(table([["name", "n"], ["a", "10"]]))
    name   n
       a  10
    """
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths)) for row in rows
    )
