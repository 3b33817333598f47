"""A data set as an estimator trains on it: checked once, in the form that the network takes."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from mlpcore.backend.devices import backend
from mlpcore.backend.dispatch import Array, namespace
from mlpcore.network.inputs import weights
from mlpcore.sklearn.arrays import on_host


@dataclass(frozen=True)
class Examples:
    """What is trained on, or held out.

    Attributes:
        x: features ``(n, n_features)``.
        target: numbers of classes ``(n,)``, or values ``(n, n_outputs)``.
        weight: of each row in the loss, ``(n,)``, or ``None``.
        rows: of a part the numbers that its rows had in the whole, else ``None``.
    """

    x: Array
    target: np.ndarray
    weight: np.ndarray | None
    rows: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.target)

    @property
    def total(self) -> float:
        """The sum of the weights, each 1 where there are none."""
        return float(len(self) if self.weight is None else np.sum(self.weight, dtype=np.float64))

    def part(self, rows: np.ndarray) -> Examples:
        """Some of the rows, copied."""
        xp = namespace(self.x)
        return Examples(
            xp.take(self.x, xp.asarray(rows, device=self.x.device), axis=0),
            self.target[rows],
            None if self.weight is None else self.weight[rows],
            rows,
        )


def row_weights(sample_weight: Any, rows: int) -> np.ndarray | None:
    """Sample weights as float64 ``(rows,)``; a number serves every row.

    Raises:
        ValueError: for another shape, a negative weight, or no positive one.
    """
    if isinstance(sample_weight, Real):
        sample_weight = np.full(rows, float(sample_weight))
    return weights(on_host(sample_weight), rows, None, backend("cpu"), "float64")
