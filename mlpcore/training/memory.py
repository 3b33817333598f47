"""What a training run remembers, as arrays by name: so it is kept in a file and taken up again."""

from __future__ import annotations

import numpy as np

#: Arrays of the host by name; dots part the names, as in ``state.parameters``.
Memory = dict[str, np.ndarray]


def joined(**parts: Memory) -> Memory:
    """One memory of several, each under its own name.

    >>> joined(state={"epochs": np.array(3)}, rate={})
    {'state.epochs': array(3)}
    """
    return {f"{part}.{name}": value for part, own in parts.items() for name, value in own.items()}


def part(memory: Memory, name: str) -> Memory:
    """The reverse of `joined`, for one of the parts.

    >>> part({"state.epochs": np.array(3), "other": np.array(0)}, "state")
    {'epochs': array(3)}
    """
    start = f"{name}."
    return {key.removeprefix(start): v for key, v in memory.items() if key.startswith(start)}
