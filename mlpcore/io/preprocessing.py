"""Preprocessing: from a table to a network's input and target, fitted on the training part."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcore.io.features import Category, Feature, Number, fit_feature
from mlpcore.io.files import brief
from mlpcore.io.tables import Table
from mlpcore.io.targets import Classes, Quantity, Target, fit_target

KINDS: dict[str, type[Feature | Target]] = {
    part.kind: part for part in (Number, Category, Classes, Quantity)
}


@dataclass(frozen=True)
class Preprocessing:
    """What was learnt from the training part's columns, to be applied to any table alike.

    Attributes:
        features: one for each input column, in the input's order.
        target: the column to predict.

    >>> table = Table({"x": np.array([1.0, 3.0]), "y": np.array([0, 1])}, "data.csv")
    >>> preprocessing = Preprocessing.fit(table, "y")
    >>> preprocessing.transform(table).tolist(), preprocessing.target.encode(table).tolist()
    ([[-1.0], [1.0]], [0, 1])
    >>> Preprocessing.from_state(preprocessing.state()) == preprocessing
    True
    """

    features: tuple[Feature, ...]
    target: Target

    @classmethod
    def fit(
        cls, table: Table, target: str, *, task: str = "auto", ignore: Collection[str] = ()
    ) -> Preprocessing:
        """Learn from the training part.

        Args:
            table: the training part, nothing else, so that the held-out part stays unseen.
            target: the column to predict.
            task: ``"classification"``, ``"regression"`` or ``"auto"``.
            ignore: columns to leave out.

        Raises:
            ValueError: for a column that is not there or cannot be used; the message names it.
        """
        if not len(table):
            raise ValueError(f"{table.source}: got no rows, expected some to train on")
        for name in (target, *ignore):
            if name not in table.unusable or name == target:
                table.column(name)
        inputs = [name for name in table.names if name != target and name not in ignore]
        if not inputs:
            raise ValueError(
                f"{table.source}: got no column beside {target!r}, expected one or more"
            )
        features = tuple(fit_feature(table, name) for name in inputs)
        if not any(feature.width for feature in features):
            raise table.fault(inputs[0], "got no text in any row, nor in another column")
        return cls(features, fit_target(table, target, task))

    @property
    def inputs(self) -> int:
        """How many inputs the network has."""
        return sum(feature.width for feature in self.features)

    def check_fits(self, sizes: Sequence[int]) -> None:
        """Check that it belongs to a network of these sizes.

        Raises:
            ValueError: if the network has other numbers of inputs or outputs.
        """
        if (sizes[0], sizes[-1]) != (self.inputs, self.target.outputs):
            raise ValueError(
                f"got a network from {sizes[0]} to {sizes[-1]} with preprocessing from "
                f"{self.inputs} to {self.target.outputs}; train the model anew"
            )

    def transform(self, table: Table) -> NDArray[np.float32]:
        """The features of each row, ``(n, inputs)``.

        Raises:
            ValueError: for a column that is missing or holds something else than in training.
        """
        X = np.empty((len(table), self.inputs), dtype=np.float32)
        place = 0
        for feature in self.features:
            with np.errstate(over="ignore"):
                X[:, place : place + feature.width] = feature.transform(table)
            place += feature.width
        if not np.isfinite(X).all():
            raise ValueError(
                f"{table.source}: got numbers too far from those of training for float32; "
                "check the units"
            )
        return X

    def state(self) -> dict[str, Any]:
        """All of it, in the types that JSON has."""
        return {
            "features": [_state(feature) for feature in self.features],
            "target": _state(self.target),
        }

    @classmethod
    def from_state(cls, state: Any) -> Preprocessing:
        """The reverse of `state`.

        Raises:
            ValueError: for a state that this version cannot read.
        """
        try:
            features = tuple(_from_state(part, Feature) for part in state["features"])
            return cls(features, _from_state(state["target"], Target))
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as fault:
            raise ValueError(
                f"got preprocessing that this version cannot read ({brief(repr(fault))}); "
                "train the model anew, or use the version that wrote it"
            ) from fault


def _state(part: Feature | Target) -> dict[str, Any]:
    return {"kind": part.kind, **asdict(part)}


def _from_state(state: dict[str, Any], expected: Any) -> Any:
    part = KINDS[state["kind"]](**{name: value for name, value in state.items() if name != "kind"})
    if not isinstance(part, expected) or not isinstance(part.name, str):
        raise TypeError(f"got a {part.kind} of name {part.name!r} in the wrong place")
    return part
