"""Callbacks: what a user's code sees of a training run, once an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from mlpcore.training.history import Epoch

#: Called after every epoch; returning ``True`` ends the training.
Callback = Callable[[Epoch], bool | None]


def checked(callbacks: Any) -> tuple[Callback, ...]:
    """The functions that a user gave.

    Raises:
        TypeError: for what is no list of functions.
    """
    found = tuple(callbacks) if isinstance(callbacks, Iterable) else (None,)
    if not all(map(callable, found)):
        raise TypeError(
            f"got callbacks={callbacks!r}, expected a list of functions that take an mlpcore.Epoch"
        )
    return found


def is_yes(answer: Any) -> bool:
    """Whether what a callback returned is ``True``, Python's or NumPy's.

    >>> is_yes(np.all(np.ones(3) > 0)), is_yes(None), is_yes(1)
    (True, False, False)
    """
    return isinstance(answer, (bool, np.bool_)) and bool(answer)


def call(callbacks: Iterable[Callback], epoch: Epoch) -> bool:
    """Call every one; whether any wants the training to end."""
    answers = [callback(epoch) for callback in callbacks]
    return any(map(is_yes, answers))
