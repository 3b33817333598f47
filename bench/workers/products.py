"""NumPy alone: a step's matrix products, the floor of a step made of NumPy calls, and ceilings."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from ..cases import Copy, Pieces, Product, Training
from ..cases.case import figures
from .tasks import MakeTask, Task, timed
from .worker import Worker, main


class ChainTask(Task):
    """The chain of `cases.training.product_figures`, every result in memory of its own."""

    def __init__(self, case: Training):
        self.case, self.problem = case, case.problem()

    def prepare(self) -> None:
        case, weights = self.case, self.problem.weights
        shape = (*case.lead, case.batch, case.sizes[0])
        z = [np.ascontiguousarray(np.broadcast_to(self.problem.x[: case.batch], shape))]
        forward, backward = [], []
        for w in weights:
            z.append(np.empty((*case.lead, case.batch, w.shape[-1]), np.float32))
            forward.append((z[-2], w, z[-1]))
        dz = z[-1]
        self.gradients = [np.empty_like(w) for w in weights]
        for layer in range(len(weights))[::-1]:
            backward.append((z[layer].mT, dz, self.gradients[layer]))
            if layer:
                before = np.empty_like(z[layer])
                backward.append((dz, weights[layer].mT, before))
                dz = before
        self.calls = forward + backward
        self._step()

    def check(self) -> Iterable[float]:
        self._step()
        return [float(np.linalg.norm(g)) for g in self.gradients]

    def round(self, count: int) -> float:
        """Behind as many steps as an epoch has, like those of the networks."""
        for _ in range(self.case.batches):
            self._step()
        return timed(self._step, count * self.case.batches)

    def _step(self) -> None:
        for a, b, out in self.calls:
            np.matmul(a, b, out=out)


class ProductTask(Task):
    """One product."""

    def __init__(self, case: Product):
        self.a, self.b = case.factors()

    def prepare(self) -> None:
        self.out = np.matmul(self.a, self.b)

    def check(self) -> Iterable[float]:
        return figures(self.out)

    def round(self, count: int) -> float:
        return timed(lambda: np.matmul(self.a, self.b, out=self.out), count)


class CopyTask(Task):
    """A copy, its rows shared among the threads."""

    def __init__(self, case: Copy, threads: int):
        self.source, self.threads = case.source(), threads
        self.pool = ThreadPoolExecutor(threads)

    def prepare(self) -> None:
        self.target = np.zeros_like(self.source)
        self.parts = list(
            zip(
                np.array_split(self.target, self.threads), np.array_split(self.source, self.threads)
            )
        )
        self._copy()

    def check(self) -> Iterable[float]:
        return figures(self.target)

    def round(self, count: int) -> float:
        return timed(self._copy, count)

    def _copy(self) -> None:
        if self.threads == 1:
            np.copyto(self.target, self.source)
        else:
            list(self.pool.map(lambda part: np.copyto(*part), self.parts))


class PiecesTask(Task):
    """Pieces that each thread takes from a common count."""

    def __init__(self, case: Pieces, threads: int):
        self.case, self.threads, self.piece = case, threads, case.piece()
        self.pool = ThreadPoolExecutor(threads)

    def prepare(self) -> None:
        self.results = [np.tanh(self.piece) for _ in range(self.threads)]
        self._share_out()

    def check(self) -> Iterable[float]:
        return figures(self.results[0])

    def round(self, count: int) -> float:
        return timed(self._share_out, count)

    def _share_out(self) -> None:
        left = iter(range(self.case.count))
        list(self.pool.map(lambda result: self._work(left, result), self.results))

    def _work(self, left: Iterator[int], result: np.ndarray) -> None:
        for _ in left:
            np.tanh(self.piece, out=result)


if __name__ == "__main__":
    # NumPy's BLAS does small products faster on one thread, large ones on all.
    threads = int(sys.argv[1])
    threadpool_limits(threads)
    tasks: dict[str, MakeTask] = {
        "training": ChainTask,
        "product": ProductTask,
        "copy": lambda case: CopyTask(case, threads),
        "pieces": lambda case: PiecesTask(case, threads),
    }
    main(Worker(("numpy",), tasks))
