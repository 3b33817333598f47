"""PyTorch, eager: batched products for a stack."""

from __future__ import annotations

import sys
import time

import torch
from torch.nn.functional import cross_entropy

from bench.cases import LEARNING_RATE, Problem
from bench.reference import STEPS
from bench.workers.worker import Worker, main


class PyTorch(Worker):
    """Plain tensors instead of modules, which would only cost it time.

    Args:
        threads: of its own pool.
        fused: whether Adam is the one kernel a tensor that has to be asked for.
    """

    packages = ("torch",)

    def __init__(self, threads: int, fused: bool):
        torch.set_num_threads(threads)
        self.fused = fused

    def prepare(self, problem: Problem) -> None:
        self.case = problem.case
        self.start = [torch.from_numpy(w) for w in problem.weights]
        self.x, self.labels = torch.from_numpy(problem.x), torch.from_numpy(problem.labels)
        self.affine = torch.addmm if self.case.members is None else torch.baddbmm
        self._restart()
        self._epoch(self._in_order(self.case.batch))

    def check(self) -> list[float]:
        self._restart()
        mean = self._epoch(self._in_order(STEPS * self.case.batch))
        with torch.no_grad():
            after = self._losses(self._in_order(self.case.batch))
        return torch.cat([mean.reshape(-1), after.reshape(-1)]).tolist()

    def round(self, epochs: int) -> float:
        self._restart()
        start = time.perf_counter()
        for _ in range(epochs):
            self._epoch(self._shuffled())
        return (time.perf_counter() - start) / (epochs * self.case.batches)

    def _restart(self) -> None:
        self.weights = [w.clone().requires_grad_() for w in self.start]
        zeros = [torch.zeros_like(w[..., :1, :]) for w in self.start]
        if self.case.members is None:
            zeros = [b[0] for b in zeros]
        self.biases = [b.requires_grad_() for b in zeros]
        parameters = [*self.weights, *self.biases]
        fused = True if self.fused else None
        self.optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=fused)

    def _in_order(self, rows: int) -> torch.Tensor:
        order = torch.arange(rows)
        return order if self.case.members is None else order.expand(self.case.members, -1)

    def _shuffled(self) -> torch.Tensor:
        if self.case.members is None:
            return torch.randperm(self.case.rows)
        return torch.stack([torch.randperm(self.case.rows) for _ in range(self.case.members)])

    def _epoch(self, order: torch.Tensor) -> torch.Tensor:
        """Train on the rows in this order; each member's mean loss, on the host as `fit` has it."""
        batches = order.split(self.case.batch, dim=-1)
        total = torch.zeros(order.shape[:-1])
        for rows in batches:
            losses = self._losses(rows)
            self.optimizer.zero_grad()
            losses.sum().backward()
            self.optimizer.step()
            total += losses.detach()
        return total / len(batches)

    def _losses(self, rows: torch.Tensor) -> torch.Tensor:
        """The mean cross-entropy of a batch, ``()`` or one a member."""
        flat = rows.reshape(-1)
        a = self.x.index_select(0, flat).reshape(*rows.shape, -1)
        for w, b in zip(self.weights[:-1], self.biases[:-1]):
            a = torch.relu(self.affine(b, a, w))
        z = self.affine(self.biases[-1], a, self.weights[-1])
        labels = self.labels.index_select(0, flat)
        if self.case.members is None:
            return cross_entropy(z, labels)
        losses = cross_entropy(z.flatten(0, 1), labels, reduction="none")
        return losses.reshape(rows.shape).mean(dim=-1)


if __name__ == "__main__":
    main(PyTorch(threads=int(sys.argv[1]), fused="fused" in sys.argv))
