"""A data set as training takes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlpcore.backend.dispatch import Array, namespace
from mlpcore.functions.gather import gather_rows, gather_values
from mlpcore.network import Network
from mlpcore.network.inputs import check_some_weight
from mlpcore.training.rows import row_numbers


@dataclass(frozen=True)
class Data:
    """A data set on the network's backend.

    Attributes:
        x: ``(n, k)``, or ``(E, n, k)``.
        target: labels ``(n,)`` or values ``(n, n_out)``, or ``(E, n, n_out)``.
        weight: ``(n,)``, ``(E, n)`` or ``None``.
        rows: the rows in use, ``(m,)`` or ``(E, m)``, or ``None`` for all of them.
    """

    x: Array
    target: Array
    weight: Array | None
    rows: np.ndarray | None = None

    @property
    def count(self) -> int:
        """How many examples each network has."""
        return int(self.x.shape[-2] if self.rows is None else self.rows.shape[-1])

    def select(self, places: np.ndarray) -> Data:
        """The same for some members of a stack; what all share stays shared."""
        xp = namespace(self.x)
        index = xp.asarray(places, device=self.x.device)

        def own(array: Array | None, axes: int) -> Array | None:
            shared = array is None or array.ndim < axes
            return array if shared else xp.take(array, index, axis=0)

        rows = self.rows if self.rows is None or self.rows.ndim < 2 else self.rows[places]
        return Data(own(self.x, 3), own(self.target, 3), own(self.weight, 2), rows)


def given_validation(given: Any) -> tuple[Any, ...]:
    """``(X, y)`` or ``(X, y, sample_weight)``.

    Raises:
        TypeError: for anything else.
    """
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise TypeError(
            "got validation_data that is no pair, expected (X, y) or (X, y, sample_weight)"
        )
    return tuple(given)


def prepare(
    network: Network, X: Any, y: Any, sample_weight: Any, class_weight: Any, rows: Any
) -> Data:
    """Check and convert what a network is trained on."""
    if rows is None:
        return Data(*network.prepare(X, y, sample_weight, class_weight))
    data = part_of(network, Data(*network.prepare(X, y, sample_weight)), "rows", rows)
    if class_weight is None:
        return data
    counted = gather_targets(data.target, network.backend.asarray(data.rows, "int64"))
    weight = network.class_weighted(class_weight, data.target, data.weight, counted)
    return part_of(network, replace(data, weight=weight), "rows", rows)


def part_of(network: Network, data: Data, name: str, rows: Any) -> Data:
    """Some rows of a data set; ``name`` is what the argument is called."""
    rows = row_numbers(name, rows, data.x.shape[-2], network.members)
    if data.weight is not None:
        weight = gather_weights(data.weight, network.backend.asarray(rows, "int64"))
        check_some_weight(f"weights in {name}", weight, network.backend)
    return replace(data, rows=rows)


def gather_targets(target: Any, index: Any) -> Any:
    """The targets of some rows: labels ``(..., b)`` or values ``(..., b, n_out)``."""
    return gather_values(target, index) if target.ndim < 2 else gather_rows(target, index)


def gather_weights(weight: Any, index: Any) -> Any:
    """The weights of some rows ``(..., b)``, where there are any."""
    return None if weight is None else gather_values(weight, index)
