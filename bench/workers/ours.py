"""mlpcore: `MLP.fit` as anybody calls it."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

import mlpcore as mc
from bench.cases import LEARNING_RATE, Problem
from bench.reference import STEPS
from bench.workers.worker import Worker, main


class Ours(Worker):
    """A round is a fit, timed from the end of its first epoch, which records the step, to the end.

    Args:
        backend: as `mlpcore.MLP` takes it.
    """

    packages = ("numpy", "scipy")

    def __init__(self, backend: str = "cpu"):
        self.backend = backend

    def prepare(self, problem: Problem) -> None:
        case = self.case = problem.case
        self.x, self.labels = problem.x, problem.labels
        self.net = mc.MLP(case.sizes, members=case.members, backend=self.backend, seed=0)
        self.start = [self.net.backend.asarray(w, "float32") for w in problem.weights]
        self._fit(case.batch)

    def check(self) -> list[float]:
        history = self._fit(STEPS * self.case.batch, shuffle=False)
        batch = slice(self.case.batch)
        after = self.net.loss(self.x[batch], self.labels[batch])
        return np.concatenate([np.atleast_1d(history.loss[0]), np.atleast_1d(after)]).tolist()

    def round(self, epochs: int) -> float:
        ends: list[float] = []
        self._fit(
            self.case.rows,
            epochs=1 + epochs,
            callbacks=[lambda epoch: ends.append(time.perf_counter())],
        )
        return (ends[-1] - ends[0]) / (epochs * self.case.batches)

    def _fit(self, rows: int, **settings: Any) -> mc.History:
        for parameter, start in zip(self.net.weights, self.start):
            parameter[...] = start
        for bias in self.net.biases:
            bias[...] = 0
        return self.net.fit(
            self.x[:rows],
            self.labels[:rows],
            optimizer=mc.Adam(LEARNING_RATE),
            batch_size=self.case.batch,
            progress=False,
            **{"epochs": 1, **settings},
        )


if __name__ == "__main__":
    main(Ours(*sys.argv[1:]))
