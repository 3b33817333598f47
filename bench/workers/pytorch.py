"""PyTorch: eager, compiled, or on a GPU captured in a graph; batched products for a stack."""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from ..cases.training import LEARNING_RATE, Problem
from .network import Network
from .tasks import of_networks
from .worker import Worker, main


class PyTorch(Network):
    """Plain tensors instead of modules, which would only cost it time.

    Args:
        device: ``"cpu"`` or ``"cuda"``.
        fused: whether Adam is the one kernel a tensor that has to be asked for.
        compiled: whether forward and loss go through ``torch.compile``.
    """

    def __init__(
        self, problem: Problem, device: str = "cpu", fused: bool = False, compiled: bool = False
    ):
        super().__init__(problem)
        self.device, self.fused, self.compiled = device, fused, compiled
        self.start = [self._moved(w) for w in problem.weights]
        self.x, self.labels = self._moved(problem.x), self._moved(problem.labels)
        self.affine = torch.addmm if problem.case.members is None else torch.baddbmm
        self.forward = torch.compile(self._losses) if compiled else self._losses

    def restart(self) -> None:
        self.weights = [w.clone().requires_grad_() for w in self.start]
        zeros = [torch.zeros_like(w[..., :1, :]) for w in self.start]
        if self.problem.case.members is None:
            zeros = [b[0] for b in zeros]
        self.biases = [b.requires_grad_() for b in zeros]
        self.optimizer = self._optimizer([*self.weights, *self.biases])

    def ordered(self, rows: int) -> np.ndarray:
        order = torch.arange(rows, device=self.device)
        lead = self.problem.case.lead
        return self._train(order.expand(*lead, -1) if lead else order)

    def epoch(self) -> None:
        case = self.problem.case
        orders = [torch.randperm(case.rows, device=self.device) for _ in range(case.members or 1)]
        self._train(orders[0] if case.members is None else torch.stack(orders))

    def warm(self) -> None:
        if self.compiled:
            self.epoch()

    def predict(self, x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            rows = self._moved(x).expand(*self.problem.case.lead, *x.shape)
            return np.asarray(self._logits(rows).softmax(-1).cpu())

    def parameters(self) -> list[np.ndarray]:
        pairs = zip(self.weights, self.biases)
        return [p.detach().cpu().numpy() for pair in pairs for p in pair]

    def device_memory(self) -> int | None:
        return torch.cuda.max_memory_allocated() if self.device == "cuda" else None

    def _moved(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)

    def _optimizer(self, parameters: list[torch.Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True if self.fused else None)

    def _train(self, order: torch.Tensor) -> np.ndarray:
        """Train on the rows in this order; each member's mean loss."""
        batches = order.split(self.problem.case.batch, dim=-1)
        total = torch.zeros(order.shape[:-1], device=self.device)
        for rows in batches:
            total += self._step(rows)
        return np.asarray(total.cpu()) / len(batches)

    def _step(self, rows: torch.Tensor) -> torch.Tensor:
        losses = self.forward(rows)
        self.optimizer.zero_grad()
        losses.sum().backward()
        self.optimizer.step()
        return losses.detach()

    def _losses(self, rows: torch.Tensor) -> torch.Tensor:
        """The mean cross-entropy of a batch, ``()`` or one a member."""
        flat = rows.reshape(-1)
        z = self._logits(self.x.index_select(0, flat).reshape(*rows.shape, -1))
        labels = self.labels.index_select(0, flat)
        if self.problem.case.members is None:
            return cross_entropy(z, labels)
        losses = cross_entropy(z.flatten(0, 1), labels, reduction="none")
        return losses.reshape(rows.shape).mean(dim=-1)

    def _logits(self, a: torch.Tensor) -> torch.Tensor:
        for w, b in zip(self.weights[:-1], self.biases[:-1]):
            a = torch.relu(self.affine(b, a, w))
        return self.affine(self.biases[-1], a, self.weights[-1])


class Captured(PyTorch):
    """The whole step captured once in a CUDA graph, replayed over memory that stays."""

    def restart(self) -> None:
        super().restart()
        case = self.problem.case
        self.rows = torch.zeros((*case.lead, case.batch), dtype=torch.int64, device=self.device)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):  # warm-up on a side stream, as capture asks for
                super()._step(self.rows)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.loss = super()._step(self.rows)
        self._forget()

    def _forget(self) -> None:
        """Undo the steps of the warm-up in place, since the graph knows addresses alone."""
        with torch.no_grad():
            for parameter, start in zip(self.weights, self.start):
                parameter.copy_(start)
            for bias in self.biases:
                bias.zero_()
            for state in self.optimizer.state.values():
                for value in state.values():
                    value.zero_()

    def _optimizer(self, parameters: list[torch.Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True, capturable=True)

    def _step(self, rows: torch.Tensor) -> torch.Tensor:
        self.rows.copy_(rows)
        self.graph.replay()
        return self.loss


if __name__ == "__main__":
    threads, device, *words = sys.argv[1:]
    torch.set_num_threads(int(threads))
    make = (
        partial(Captured, device=device)
        if "captured" in words
        else partial(PyTorch, device=device, fused="fused" in words, compiled="compiled" in words)
    )
    main(Worker(("torch",), of_networks(make)))
