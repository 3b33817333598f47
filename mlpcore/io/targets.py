"""Targets: how the column to predict becomes what a loss takes, and predictions turn back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from mlpcore.io.features import Number, numbers
from mlpcore.io.tables import Table

Task = Literal["classification", "regression"]
Label = bool | int | float | str

#: Whole numbers with more distinct values than this are taken for quantities, not for classes.
MOST_CLASSES = 20


@dataclass(frozen=True)
class Classes:
    """A target of classes: label ``labels[i]`` is the integer ``i``.

    >>> table = Table({"kind": np.array(["b", "a", "b"], dtype=object)}, "data.csv")
    >>> target = Classes.fit(table, "kind")
    >>> target.labels, target.encode(table).tolist()
    (('a', 'b'), [1, 0, 1])
    >>> target.decode(np.array([[0.9, 0.1]])).tolist()
    ['a']
    """

    kind: ClassVar[str] = "classes"
    task: ClassVar[Task] = "classification"

    name: str
    labels: tuple[Label, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(self.labels))
        if len(set(map(type, self.labels))) > 1 or not all(
            isinstance(label, bool | int | float | str) for label in self.labels
        ):
            raise ValueError(
                f"got labels {self.labels} of {self.name!r}, expected numbers or texts, not both"
            )
        if len(set(self.labels)) < len(self.labels):
            raise ValueError(f"got labels {self.labels} of {self.name!r}, expected each once")

    @property
    def outputs(self) -> int:
        """How many outputs the network has."""
        return len(self.labels)

    @classmethod
    def fit(cls, table: Table, name: str) -> Classes:
        """Take the column's distinct labels, in order."""
        labels = tuple(sorted(set(_labels(table, name))))
        if len(labels) < 2:
            raise table.fault(name, f"got {len(labels)} class, expected two or more")
        return cls(name, labels)

    def encode(self, table: Table) -> NDArray[np.int64]:
        """The labels as integers ``(n,)``.

        Raises:
            ValueError: for a missing or unknown label; the message names file, column and row.
        """
        places = {label: place for place, label in enumerate(self.labels)}
        found = _labels(table, self.name)
        for row, label in enumerate(found, start=1):
            if label not in places:
                raise table.fault(
                    self.name,
                    f"got the unknown class {label!r} in row {row}, "
                    f"expected one of {', '.join(map(repr, self.labels[:20]))}",
                )
        return np.array([places[label] for label in found], dtype=np.int64)

    def decode(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """The most probable label of each row of ``outputs (..., n, k)``."""
        decoded: NDArray[Any] = most_probable(outputs, self.labels)
        return decoded


@dataclass(frozen=True)
class Quantity:
    """A target of numbers, standardised: ``(y - mean) / deviation``.

    >>> table = Table({"price": np.array([1.0, 3.0])}, "data.csv")
    >>> target = Quantity.fit(table, "price")
    >>> target.encode(table).tolist()
    [[-1.0], [1.0]]
    >>> target.decode(np.array([[2.0]])).tolist()
    [4.0]
    """

    kind: ClassVar[str] = "quantity"
    task: ClassVar[Task] = "regression"
    outputs: ClassVar[int] = 1

    name: str
    mean: float
    deviation: float

    def __post_init__(self) -> None:
        Number(self.name, self.mean, self.deviation)

    @classmethod
    def fit(cls, table: Table, name: str) -> Quantity:
        """Take the column's mean and deviation."""
        _no_missing(table, name)
        standard = Number.fit(table, name)
        return cls(name, standard.mean, standard.deviation)

    def encode(self, table: Table) -> NDArray[np.float32]:
        """The numbers standardised, ``(n, 1)``."""
        _no_missing(table, self.name)
        return Number(self.name, self.mean, self.deviation).transform(table).astype(np.float32)

    def decode(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """The numbers in their own unit, ``(..., n)``, of ``outputs (..., n, 1)``."""
        values: NDArray[Any] = in_own_unit(outputs, self.mean, self.deviation)
        return values


Target = Classes | Quantity


def most_probable(outputs: Any, labels: Sequence[Label]) -> Any:
    """The label in the place of each row's largest output."""
    return np.array(labels)[np.argmax(outputs, axis=-1)]


def in_own_unit(outputs: Any, mean: float, deviation: float) -> Any:
    """The only output of each row, no longer standardised, in float64."""
    return outputs[..., 0].astype(np.float64) * deviation + mean


def infer_task(table: Table, name: str) -> Task:
    """Classification for texts, truths and whole numbers of few distinct values, else regression.

    >>> infer_task(Table({"price": np.array([1.5, 2.0])}, "data.csv"), "price")
    'regression'
    """
    column = table.column(name)
    if column.dtype.kind in "iu":
        return "classification" if len(np.unique(column)) <= MOST_CLASSES else "regression"
    return "regression" if column.dtype.kind == "f" else "classification"


def fit_target(table: Table, name: str, task: str = "auto") -> Target:
    """The target of a column.

    Args:
        table: the training part.
        name: the column to predict.
        task: ``"classification"``, ``"regression"``, or ``"auto"`` to tell from the column.

    Raises:
        ValueError: for an unknown task, or a column that does not fit the task.
    """
    check_task(task)
    if task == "auto":
        task = infer_task(table, name)
    return Classes.fit(table, name) if task == "classification" else Quantity.fit(table, name)


def check_task(task: str) -> None:
    """Check the name of a task.

    Raises:
        ValueError: for an unknown one.
    """
    if task not in ("auto", "classification", "regression"):
        raise ValueError(f"got task={task!r}, expected 'auto', 'classification' or 'regression'")


def _labels(table: Table, name: str) -> list[Label]:
    labels: list[Label] = table.column(name).tolist()
    for row, label in enumerate(labels, start=1):
        if label is None or (isinstance(label, float) and not math.isfinite(label)):
            raise table.fault(
                name,
                f"got no class in row {row}, expected one in every row; NA, None, null and nan in "
                "a CSV file stand for none",
            )
    return labels


def _no_missing(table: Table, name: str) -> None:
    missing = np.flatnonzero(np.isnan(numbers(table, name)))
    if len(missing):
        raise table.fault(
            name, f"got no number in row {missing[0] + 1}, expected one in every row of a target"
        )
