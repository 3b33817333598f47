"""PyTorch: eager, compiled, or on a GPU captured in a graph; batched products for a stack."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import partial

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from ..cases import Product
from ..cases.case import figures
from ..cases.training import Problem
from .network import Network
from .tasks import Task, of_networks
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
        # A GPU's launches are captured in graphs with this mode; on a CPU it is as without.
        mode = "reduce-overhead" if device == "cuda" else None
        self.forward = torch.compile(self._losses, mode=mode) if compiled else self._losses

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
        case, device = self.problem.case, self.device
        if case.members is None:
            self._train(torch.randperm(case.rows, device=device))
        elif device == "cuda":  # all members at once, for launches are what takes long
            self._train(torch.rand((case.members, case.rows), device=device).argsort(dim=-1))
        else:
            self._train(torch.stack([torch.randperm(case.rows) for _ in range(case.members)]))

    def warm(self) -> None:
        if self.compiled:
            self.epoch()

    def predict(self, x: np.ndarray) -> np.ndarray:
        _multiply_in(self.problem.case.precision)
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
        return torch.optim.Adam(parameters, lr=self.problem.case.rate, fused=self.fused or None)

    def _train(self, order: torch.Tensor) -> np.ndarray:
        """Train on the rows in this order; each member's mean loss."""
        _multiply_in(self.problem.case.precision)
        batches = order.split(self.problem.case.batch, dim=-1)
        total = torch.zeros(order.shape[:-1], device=self.device)
        for rows in batches:
            total += self._step(rows)
        return np.asarray(total.cpu()) / len(batches)

    def _step(self, rows: torch.Tensor) -> torch.Tensor:
        if self.compiled:  # what its graphs returned before may be overwritten
            torch.compiler.cudagraph_mark_step_begin()
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
        narrow = self.problem.case.precision == "bfloat16"
        with torch.autocast(self.device, torch.bfloat16, enabled=narrow):
            for w, b in zip(self.weights[:-1], self.biases[:-1]):
                a = torch.relu(self.affine(b, a, w))
            return self.affine(self.biases[-1], a, self.weights[-1]).float()


class Captured(PyTorch):
    """The whole step captured once in a CUDA graph, replayed over memory that stays."""

    def restart(self) -> None:
        super().restart()
        case = self.problem.case
        _multiply_in(case.precision)
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
        rate = self.problem.case.rate
        return torch.optim.Adam(parameters, lr=rate, fused=True, capturable=True)

    def _step(self, rows: torch.Tensor) -> torch.Tensor:
        self.rows.copy_(rows)
        self.graph.replay()
        return self.loss


class ProductTask(Task):
    """One product on a GPU, by the device's events."""

    def __init__(self, case: Product):
        self.case = case

    def prepare(self) -> None:
        dtype = torch.bfloat16 if self.case.precision == "bfloat16" else torch.float32
        self.factors = [torch.from_numpy(f).to("cuda", dtype) for f in self.case.factors()]
        self.events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
        self.round(1)

    def check(self) -> Iterable[float]:
        return figures(self.out.float().cpu().numpy())

    def round(self, count: int) -> float:
        _multiply_in(self.case.precision)
        start, end = self.events
        start.record()
        for _ in range(count):
            self.out = torch.matmul(*self.factors)
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) / 1e3 / count


def _multiply_in(precision: str) -> None:
    """Whether products of float32 may round their factors to TensorFloat-32."""
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")


if __name__ == "__main__":
    threads, device, *words = sys.argv[1:]
    torch.set_num_threads(int(threads))
    make = (
        partial(Captured, device=device)
        if "captured" in words
        else partial(PyTorch, device=device, fused="fused" in words, compiled="compiled" in words)
    )
    tasks = of_networks(make) | {Product.kind: ProductTask}
    main(Worker(("torch",), tasks, release=torch.cuda.empty_cache))
