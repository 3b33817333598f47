"""mlpcore: `MLP.fit` and `MLP.predict` as anybody calls them, and the kernels one by one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import mlpcore as mc
from mlpcore.backend.cuda import products

from ..cases import Product, Streaming
from ..cases.training import Problem
from .kernels import CopyTask, KernelTask, ProductTask
from .network import Network
from .peaks import PeakTask
from .streaming import CopiesTask
from .tasks import MakeNetwork, Task, TrainingTask, of_networks
from .worker import Worker, main


class Ours(Network):
    """A training run is one `fit`, so that its step is recorded once.

    Args:
        backend: as `mlpcore.MLP` takes it.
    """

    def __init__(self, problem: Problem, backend: str):
        super().__init__(problem)
        case = problem.case
        self.net = mc.MLP(
            case.sizes, members=case.members, backend=backend, precision=case.precision, seed=0
        )
        self.start = [self.net.backend.asarray(w, "float32") for w in problem.weights]
        self.fits = 0

    def restart(self) -> None:
        for parameter, start in zip(self.net.weights, self.start):
            parameter[...] = start
        for bias in self.net.biases:
            bias[...] = 0

    def ordered(self, rows: int) -> np.ndarray:
        return np.asarray(self._fit(rows, shuffle=False).loss[0])

    def epoch(self) -> None:
        self._fit(self.problem.case.rows)

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.net.backend.to_numpy(self.net.predict(x))

    def parameters(self) -> list[np.ndarray]:
        pairs = zip(self.net.weights, self.net.biases)
        return [self.net.backend.to_numpy(p) for pair in pairs for p in pair]

    def seconds(self, epochs: int) -> float:
        """From the end of the first epoch, in which the step is recorded, to the end."""
        self.restart()
        ends: list[float] = []
        case = self.problem.case
        self._fit(
            case.rows,
            epochs=1 + epochs,
            callbacks=[lambda epoch: ends.append(time.perf_counter())],
        )
        return (ends[-1] - ends[0]) / (epochs * case.batches)

    def fit(self, good: Callable[[], bool], most: int) -> None:
        self.restart()
        # The order of the rows follows from the seed, so that each fit needs one of its own.
        self.fits += 1
        other = mc.MLP(self.problem.case.sizes, backend=self.net.backend, seed=self.fits)
        other.parameters[...] = self.net.parameters
        self.net = other
        self._fit(self.problem.case.rows, epochs=most, callbacks=[lambda epoch: good()])

    def device_memory(self) -> int | None:
        if self.net.backend.device is None:
            return None
        import cupy

        return int(cupy.get_default_memory_pool().total_bytes())

    def _fit(self, rows: int, **settings: Any) -> mc.History:
        return self.net.fit(
            self.problem.x[:rows],
            self.problem.labels[:rows],
            optimizer=mc.Adam(self.problem.case.rate),
            batch_size=self.problem.case.batch,
            progress=False,
            stream=getattr(self.problem.case, "way", "resident") == "streamed",
            **{"epochs": 1, **settings},
        )


def streaming(case: Streaming, make: MakeNetwork) -> Task:
    """Training on rows of the host, or their copies alone."""
    return CopiesTask(case) if case.way == "copies" else TrainingTask(case, make)


def release() -> None:
    """Give the memory of a GPU back to those that take turns with us."""
    import cupy

    cupy.get_default_memory_pool().free_all_blocks()


if __name__ == "__main__":
    backend = sys.argv[1]
    make = partial(Ours, backend=backend)
    tasks = of_networks(make) | {
        task.kind: partial(task, backend=backend) for task in (KernelTask, ProductTask, CopyTask)
    }
    tasks[Streaming.kind] = partial(streaming, make=make)
    packages = ("numpy", "scipy", "cupy-cuda12x", "cupy-cuda13x")
    if backend != "gpu":
        main(Worker(packages, tasks))
    else:
        if products.available():
            tasks[Product.kind] = PeakTask
        main(Worker(packages, tasks, release))
