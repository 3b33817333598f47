"""Numbers that a user gives: checked once, with a message that says what was expected."""

from __future__ import annotations

from typing import Any

import numpy as np


def whole_number(name: str, value: Any, *, least: int = 1) -> int:
    """``value`` as an integer of at least ``least``.

    Raises:
        ValueError: for anything else.

    >>> whole_number("batch_size", 32.0)
    32
    """
    try:
        whole = int(value)
        right = whole == value and whole >= least and not isinstance(value, (bool, str))
    except (TypeError, ValueError, OverflowError):
        right = False
    if not right:
        wanted = "a positive integer" if least == 1 else f"an integer of at least {least}"
        raise ValueError(f"got {name}={value!r}, expected {wanted}")
    return whole


def fractions(name: str, value: Any) -> Any:
    """``value`` as numbers of at least 0 and below 1: a float, or an array with one per member.

    Raises:
        ValueError: for anything else.

    >>> fractions("dropout", 0.5)
    0.5
    """
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.asarray(np.nan)
    if not np.all((numbers >= 0) & (numbers < 1)):
        raise ValueError(f"got {name}={value!r}, expected at least 0 and below 1")
    return float(numbers) if numbers.ndim == 0 else numbers


def at_least_0(name: str, value: Any, *, above: bool = False) -> Any:
    """``value`` as finite numbers of at least 0, or above it: a float, or one per member.

    Raises:
        ValueError: for anything else.

    >>> at_least_0("delta", 2)
    2.0
    """
    try:
        numbers = np.asarray(value)
        right = numbers.dtype.kind in "iuf" and bool(np.all((numbers >= 0) & (numbers < np.inf)))
    except ValueError:
        right = False
    if not right or (above and not np.all(numbers > 0)):
        wanted = "above 0" if above else "of at least 0"
        raise ValueError(f"got {name}={value!r}, expected a finite number {wanted}")
    return float(numbers) if numbers.ndim == 0 else numbers.astype(np.float64)
