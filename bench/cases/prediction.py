"""Prediction: the probabilities of a batch of rows, from host memory to host memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .case import FLOAT, Case, figures
from .training import Problem, Training, probabilities


@dataclass(frozen=True)
class Prediction(Case):
    """One call that predicts; the figure is its latency.

    Attributes:
        sizes: inputs, hidden widths, classes.
        batch: rows of the call.
    """

    kind = "prediction"
    sizes: tuple[int, ...]
    batch: int

    @property
    def title(self) -> str:
        """The layers and the rows in words."""
        return f"{'-'.join(map(str, self.sizes))}, {self.batch:,} row{'s'[: self.batch > 1]}"

    @property
    def network(self) -> Training:
        """The network, with the rows as its only batch."""
        return Training(self.sizes, self.batch, 1)

    @property
    def flops(self) -> int:
        """Of the products."""
        return 2 * self.batch * sum(i * o for i, o in self.network.layers)

    @property
    def bytes(self) -> int:
        """Each parameter read once, each row read, each activation written and read."""
        values = self.sizes[0] + 2 * sum(self.sizes[1:])
        return FLOAT * (self.network.parameters + self.batch * values)

    def expected(self, floor: bool = False) -> np.ndarray:
        """The figures of the probabilities."""
        return np.array(figures(exact(self.network.problem())))


def exact(problem: Problem) -> np.ndarray:
    """The probabilities in float64, by the initial weights."""
    theta: list[np.ndarray] = []
    for w in problem.weights:
        theta += [w.astype(np.float64), np.zeros(w.shape[-1])]
    return probabilities(theta, problem.x)
