"""Hyperparameters: each a number, or an array with one value per member."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self, get_type_hints

import numpy as np


@dataclass(frozen=True)
class Range:
    """What a hyperparameter may be; it stands in the annotation, ``Annotated[Any, Range(...)]``.

    Attributes:
        low: the lower end.
        high: the upper end, never part of the range.
        open: whether the lower end is left out too.
        limit: whether ``None`` and infinity are allowed, and mean "no limit".
    """

    low: float = 0.0
    high: float = math.inf
    open: bool = False
    limit: bool = False

    def __str__(self) -> str:
        upper = "" if self.high == math.inf else f" and below {self.high:g}"
        lower = f"{'above' if self.open else 'at least'} {self.low:g}"
        return f"{'None or ' if self.limit else ''}{lower}{upper}"

    def holds(self, value: Any) -> bool:
        """Whether every number of an array is inside."""
        above = value > self.low if self.open else value >= self.low
        below = value <= self.high if self.limit else value < self.high
        return bool(np.all(above & below))


#: At least 0.
NonNegative = Annotated[Any, Range()]
#: Above 0.
Positive = Annotated[Any, Range(open=True)]
#: At least 0 and below 1.
Decay = Annotated[Any, Range(high=1.0)]
#: Above 0 and below 1.
Share = Annotated[Any, Range(high=1.0, open=True)]
#: Above 0, or ``None`` or infinity for none.
Limit = Annotated[Any, Range(open=True, limit=True)]


@dataclass(frozen=True, eq=False)
class Values:
    """Base of the frozen dataclasses that hold hyperparameters.

    A field annotated with a `Range` is checked at construction, and then is a float, or a read-only
    float64 array ``(E,)``. A field may be another object of this kind.
    """

    _ranges: ClassVar[dict[str, Range]]

    def __init_subclass__(cls) -> None:
        cls._ranges = {
            name: extra
            for name, hint in get_type_hints(cls, include_extras=True).items()
            for extra in getattr(hint, "__metadata__", ())
            if isinstance(extra, Range)
        }

    def __post_init__(self) -> None:
        for name, allowed in self._ranges.items():
            value = getattr(self, name)
            if not isinstance(value, Values):
                checked = _checked(f"{type(self).__name__}({name}=...)", value, allowed)
                object.__setattr__(self, name, checked)

    def check_members(self, members: int | None) -> None:
        """Check that every array has one value for each member; ``None`` is a single network.

        Raises:
            ValueError: for an array of another length.
        """
        for name, value in self._items():
            if isinstance(value, Values):
                value.check_members(members)
            elif isinstance(value, np.ndarray) and len(value) != members:
                raise ValueError(
                    f"got {len(value)} values for {type(self).__name__}({name}=...), expected "
                    + (
                        "a number for a single network"
                        if members is None
                        else f"a number or {members} values, one for each member"
                    )
                    + "; set members= of the network to match"
                )

    def select(self, members: int | np.ndarray) -> Self:
        """The same for one member, by its number, or for some, by an array of numbers."""
        return dataclasses.replace(
            self, **{name: _pick(value, members) for name, value in self._items()}
        )

    def as_json(self) -> dict[str, Any]:
        """The kind and the hyperparameters, as JSON can hold them."""
        return {"kind": type(self).__name__} | {n: _plain(v) for n, v in self._items()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Values) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _items(self) -> list[tuple[str, Any]]:
        return [(f.name, getattr(self, f.name)) for f in dataclasses.fields(self) if f.init]

    def _key(self) -> tuple[Any, ...]:
        plain = (tuple(v.tolist()) if isinstance(v, np.ndarray) else v for _, v in self._items())
        return (type(self), *plain)


def number(value: Any) -> float | np.ndarray:
    """A 0-d value as a Python float, which never promotes; an array as it is.

    >>> number(np.float64(0.5))
    0.5
    """
    return float(value) if np.ndim(value) == 0 else value


def _checked(what: str, value: Any, allowed: Range) -> float | np.ndarray | None:
    if value is None and allowed.limit:
        return None
    try:
        array = np.array(value, dtype=np.float64)
        fits = array.ndim <= 1 and array.size > 0 and allowed.holds(array)
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise ValueError(
            f"got {value!r} for {what}, expected {allowed}; "
            "give one number, or a list or array with one number for each member"
        )
    array.flags.writeable = False
    return number(array)


def _plain(value: Any) -> Any:
    if isinstance(value, Values):
        return value.as_json()
    return value.tolist() if isinstance(value, np.ndarray) else value


def _pick(value: Any, members: int | np.ndarray) -> Any:
    if isinstance(value, Values):
        return value.select(members)
    return value[members] if isinstance(value, np.ndarray) else value
