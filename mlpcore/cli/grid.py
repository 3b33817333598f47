"""Settings to try, as the command line has them: ``name=value,value``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import Any

#: Commas outside of brackets.
BETWEEN = re.compile(r",(?![^(\[{]*[)\]}])")


def space(grids: Iterable[str]) -> dict[str, list[Any]]:
    """The space of several grids.

    Raises:
        ValueError: for one that is not of this form, or a name that comes twice.

    >>> space(["learning_rate=0.001,0.01", "hidden=64,128x64", "optimizer=adam,sgd(momentum=0.9)"])
    {'learning_rate': [0.001, 0.01], 'hidden': [(64,), (128, 64)],
     'optimizer': ['adam', 'sgd(momentum=0.9)']}
    """
    found: dict[str, list[Any]] = {}
    for grid in grids:
        name, equals, values = grid.partition("=")
        if not (name and equals and values):
            raise ValueError(
                f"got --grid {grid!r}, expected a name and values, such as learning_rate=0.001,0.01"
            )
        if name in found:
            raise ValueError(f"got --grid {name} twice, expected all its values in one")
        read = widths if name == "hidden" else literal
        found[name] = [read(value.strip()) for value in BETWEEN.split(values)]
    return found


def literal(text: str) -> Any:
    """A number, truth, ``None`` or list as Python writes it, anything else as text.

    >>> literal("0.1"), literal("None"), literal("relu")
    (0.1, None, 'relu')
    """
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def widths(text: str) -> tuple[int, ...]:
    """The widths of the hidden layers.

    >>> widths("128x64"), widths("none")
    ((128, 64), ())
    """
    try:
        return () if text == "none" else tuple(int(word) for word in text.split("x"))
    except ValueError:
        raise ValueError(
            f"got --grid hidden={text}, expected widths such as 64, 128x64, or none"
        ) from None
