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
        x: ``(n, k)``, or ``(E, n, k)``; NumPy's where a GPU gets it batch by batch.
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

    @property
    def streamed(self) -> bool:
        """Whether the features are elsewhere than the targets, and than the network."""
        return namespace(self.x) is not namespace(self.target)

    def select(self, places: np.ndarray) -> Data:
        """The same for some members of a stack; what all share stays shared."""

        def own(array: Array | None, axes: int) -> Array | None:
            if array is None or array.ndim < axes:
                return array
            xp = namespace(array)
            return xp.take(array, xp.asarray(places, device=array.device), axis=0)

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
    network: Network,
    X: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Any,
    rows: Any,
    stream: bool | None = None,
) -> Data:
    """Check and convert what a network is trained on."""
    if rows is None:
        return Data(*network.prepare(X, y, sample_weight, class_weight, stream=stream))
    whole = Data(*network.prepare(X, y, sample_weight, stream=stream))
    data = part_of(network, whole, "rows", rows)
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


def features_of(network: Network, data: Data, rows: np.ndarray) -> Array:
    """The features of some rows, on the network's backend."""
    if data.streamed:
        return network.backend.asarray(gather_rows(data.x, rows), network.dtype)
    return gather_rows(data.x, network.backend.asarray(rows, "int64"))


def gather_targets(target: Any, index: Any) -> Any:
    """The targets of some rows: labels ``(..., b)`` or values ``(..., b, n_out)``."""
    return gather_values(target, index) if target.ndim < 2 else gather_rows(target, index)


def gather_weights(weight: Any, index: Any) -> Any:
    """The weights of some rows ``(..., b)``, where there are any."""
    return None if weight is None else gather_values(weight, index)
