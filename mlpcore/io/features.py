"""Features: how one column of a table becomes numbers that a network takes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mlpcore.functions.normalization import standardize
from mlpcore.io.tables import Column, Table

#: A column of texts with more distinct ones than this is taken for a mistake.
MOST_CATEGORIES = 256


@dataclass(frozen=True)
class Number:
    """A column of numbers, standardised: ``(x - mean) / deviation``.

    A missing number becomes the mean, which is 0 here; a constant column has deviation 1.

    Source: LeCun, Bottou, Orr & Müller (1998), "Efficient BackProp", section 4.3.

    >>> table = Table({"size": np.array([1.0, 3.0, np.nan])}, "data.csv")
    >>> Number.fit(table, "size").transform(table).tolist()
    [[-1.0], [1.0], [0.0]]
    """

    kind: ClassVar[str] = "number"
    width: ClassVar[int] = 1

    name: str
    mean: float
    deviation: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and math.isfinite(self.deviation) and self.deviation > 0):
            raise ValueError(
                f"got mean {self.mean} and deviation {self.deviation} of {self.name!r}, "
                "expected finite numbers and a deviation above 0"
            )

    @classmethod
    def fit(cls, table: Table, name: str) -> Number:
        """Take the mean and the deviation of the column, missing numbers left aside."""
        values = numbers(table, name)
        values = values[~np.isnan(values)]
        if not len(values):
            raise table.fault(name, "got no number in any row, expected some; leave the column out")
        with np.errstate(over="ignore", invalid="ignore"):
            _, (mean,), (deviation,) = standardize(values[:, None])
        if not (math.isfinite(mean) and math.isfinite(deviation)):
            raise table.fault(name, "got numbers too large; divide the column by a constant")
        return cls(name, float(mean), float(deviation))

    def transform(self, table: Table) -> NDArray[np.float64]:
        """The column standardised, ``(n, 1)``."""
        values = numbers(table, self.name)
        column: NDArray[np.float64] = standardised(values, self.mean, self.deviation)
        return column[:, None]


@dataclass(frozen=True)
class Category:
    """A column of texts, one-hot: 1 in the category's place, else 0.

    A missing text, or one that the training part did not have, becomes a row of zeros.

    >>> table = Table({"kind": np.array(["b", "a", None], dtype=object)}, "data.csv")
    >>> Category.fit(table, "kind").transform(table).tolist()
    [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]
    """

    kind: ClassVar[str] = "category"

    name: str
    categories: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "categories", tuple(self.categories))
        texts = {category for category in self.categories if isinstance(category, str)}
        if len(texts) < len(self.categories):
            raise ValueError(
                f"got categories {self.categories} of {self.name!r}, expected texts, each once"
            )

    @property
    def width(self) -> int:
        """How many inputs the column becomes."""
        return len(self.categories)

    @classmethod
    def fit(cls, table: Table, name: str) -> Category:
        """Take the column's distinct texts, in alphabetical order."""
        found = sorted({text for text in texts(table, name) if text is not None})
        if len(found) > MOST_CATEGORIES:
            raise table.fault(
                name,
                f"got {len(found)} distinct texts such as {found[0]!r}, expected numbers or at "
                f"most {MOST_CATEGORIES} categories; mend the column, or leave it out "
                "(--ignore on the command line)",
            )
        return cls(name, tuple(found))

    def transform(self, table: Table) -> NDArray[np.float64]:
        """The column one-hot, ``(n, categories)``."""
        return one_hot_texts(texts(table, self.name), self.categories)


Feature = Number | Category


def fit_feature(table: Table, name: str) -> Feature:
    """A `Number` for a column of numbers, a `Category` for one of texts."""
    kind = Category if table.column(name).dtype.kind == "O" else Number
    return kind.fit(table, name)


def standardised(values: Any, mean: Any, deviation: Any) -> Any:
    """``(x - mean) / deviation``, and 0, the mean, where a number is missing."""
    z = (values - mean) / deviation
    return np.where(np.isnan(z), 0.0, z)


def one_hot_texts(column: Iterable[Any], categories: Sequence[str]) -> NDArray[np.float64]:
    """Rows of zeros, with a 1 in the place of the row's category where it is a known one."""
    places = {category: place for place, category in enumerate(categories)}
    places_of_rows = np.array([places.get(text, -1) for text in column], dtype=np.int64)
    one_hot: NDArray[np.bool_] = places_of_rows[:, None] == np.arange(len(categories))
    return one_hot.astype(np.float64)


def numbers(table: Table, name: str) -> NDArray[np.float64]:
    """The column as float64, NaN where a number is missing.

    Raises:
        ValueError: for a text or for infinity; the message names file, column and row.
    """
    column = table.column(name)
    if column.dtype.kind == "O":
        for row, text in enumerate(column, start=1):
            if text is not None:
                raise table.fault(name, f"got {text!r} in row {row}, expected numbers")
        return np.full(len(column), np.nan)
    infinite = np.flatnonzero(np.isinf(column))
    if len(infinite):
        raise table.fault(
            name,
            f"got infinity in row {infinite[0] + 1}, expected finite numbers, "
            "or nothing where one is missing",
        )
    return column.astype(np.float64)


def texts(table: Table, name: str) -> Column:
    """The column as texts, ``None`` where one is missing; whole numbers without a point."""
    column = table.column(name)
    if column.dtype.kind == "O":
        return column
    return np.array([_text(value) for value in column.tolist()], dtype=object)


def _text(value: Any) -> str | None:
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else str(value)
    return str(value)
