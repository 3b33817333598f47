"""Only the matrix products of a step through NumPy: the floor of a step made of NumPy calls."""

from __future__ import annotations

import sys
import time

import numpy as np
from threadpoolctl import threadpool_limits

from bench.cases import Problem
from bench.workers.worker import Worker, main


class Products(Worker):
    """The chain of `reference.product_figures`, every result in memory of its own."""

    packages = ("numpy",)

    def prepare(self, problem: Problem) -> None:
        case = self.case = problem.case
        lead = () if case.members is None else (case.members,)
        shape = (*lead, case.batch, case.sizes[0])
        x = np.ascontiguousarray(np.broadcast_to(problem.x[: case.batch], shape))
        forward, backward, z = [], [], [x]
        for w in problem.weights:
            z.append(np.empty((*lead, case.batch, w.shape[-1]), np.float32))
            forward.append((z[-2], w, z[-1]))
        dz = z[-1]
        self.gradients = [np.empty_like(w) for w in problem.weights]
        for layer in range(len(problem.weights))[::-1]:
            backward.append((z[layer].mT, dz, self.gradients[layer]))
            if layer:
                before = np.empty_like(z[layer])
                backward.append((dz, problem.weights[layer].mT, before))
                dz = before
        self.calls = forward + backward
        self._step()

    def check(self) -> list[float]:
        self._step()
        return [float(np.linalg.norm(g)) for g in self.gradients]

    def round(self, epochs: int) -> float:
        steps = epochs * self.case.batches
        start = time.perf_counter()
        for _ in range(steps):
            self._step()
        return (time.perf_counter() - start) / steps

    def _step(self) -> None:
        for a, b, out in self.calls:
            np.matmul(a, b, out=out)


if __name__ == "__main__":
    # NumPy's BLAS does small products faster on one thread, large ones on all.
    threadpool_limits(int(sys.argv[1]))
    main(Products())
