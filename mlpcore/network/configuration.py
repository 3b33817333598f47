"""What a network is before it has parameters: the constructor's arguments, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from mlpcore.backend.checks import fractions, whole_number
from mlpcore.backend.names import choose
from mlpcore.network.draws import Identity
from mlpcore.network.heads import HEADS

DTYPES = {"float32": "float32", "float64": "float64"}


@dataclass(frozen=True, eq=False)
class Configuration:
    """All that defines a network but its backend and its values; see `mlpcore.MLP`.

    Values that may differ by member are numbers, or arrays with one value per member.
    """

    sizes: Sequence[int]
    activation: str | Sequence[str]
    output: str
    loss: str
    init: str
    normalization: str | None
    dropout: Any
    label_smoothing: Any
    members: int | None
    dtype: str
    seed: Any

    def __post_init__(self) -> None:
        members = None if self.members is None else whole_number("members", self.members)
        checked = {
            "sizes": _checked_sizes(self.sizes),
            "dropout": _revived(self.dropout),
            "label_smoothing": _checked_smoothing(_revived(self.label_smoothing), self.output),
            "members": members,
            "dtype": choose("dtype", self.dtype, DTYPES),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        for name in ("dropout", "label_smoothing"):
            _check_members(name, getattr(self, name), members)
        choose("output", self.output, HEADS)

    @property
    def identity(self) -> Identity:
        """Who the network is to the random generator."""
        return Identity.of(self.seed, self.members)

    def select(self, members: int | np.ndarray) -> Self:
        """The configuration of one member of a stack, or of the stack of several."""
        return replace(
            self,
            members=np.size(members) if np.ndim(members) else None,
            dropout=_picked(self.dropout, members),
            label_smoothing=_picked(self.label_smoothing, members),
            seed=self.identity[members].seed,
        )

    def as_json(self) -> dict[str, Any]:
        """The arguments as JSON can hold them; arrays become ``{"members": [...]}``."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {"members": value.tolist()}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple, range)):
        return [_plain(entry) for entry in value]
    return value


def _revived(value: Any) -> Any:
    """The reverse of `_plain` for values that may differ by member."""
    if isinstance(value, dict):
        return np.asarray(value["members"], dtype=np.float64)
    if isinstance(value, (list, tuple)):
        return [_revived(entry) for entry in value]
    return value


def _picked(value: Any, members: int | np.ndarray) -> Any:
    if isinstance(value, list):
        return [_picked(entry, members) for entry in value]
    return value if np.ndim(value) == 0 else np.asarray(value)[members]


def _check_members(name: str, value: Any, members: int | None) -> None:
    for entry in value if isinstance(value, list) else [value]:
        shape = np.shape(entry)
        if shape not in ((), (members,)):
            raise ValueError(
                f"got {name} with {shape[0]} values for members={members}, expected one value, or "
                "an array with one value per member"
            )


def _checked_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    try:
        checked = tuple(whole_number("size", size) for size in sizes)
    except (TypeError, ValueError):
        checked = ()
    if len(checked) < 2:
        raise ValueError(
            f"got sizes={sizes}, expected at least two positive integers: inputs, hidden widths, "
            "outputs"
        )
    return checked


def _checked_smoothing(value: Any, output: str) -> Any:
    if output != "softmax" and np.any(np.asarray(value) != 0):
        raise ValueError(f'got label_smoothing with output="{output}", expected output="softmax"')
    return fractions("label_smoothing", value)
