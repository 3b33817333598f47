"""What a library must be able to do with a network to be timed."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from ..cases.training import Problem


class Network(ABC):
    """A problem's network in one library.

    Attributes:
        problem: its numbers.
    """

    def __init__(self, problem: Problem):
        self.problem = problem

    @abstractmethod
    def restart(self) -> None:
        """Take the initial weights, and an optimizer that has seen nothing."""

    @abstractmethod
    def ordered(self, rows: int) -> np.ndarray:
        """Train on the first rows in their order; each member's mean loss, on the host."""

    @abstractmethod
    def epoch(self) -> None:
        """Train on all rows in a new order, and bring each member's mean loss to the host."""

    @abstractmethod
    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities ``(..., n, k)``, from host memory to host memory."""

    @abstractmethod
    def parameters(self) -> list[np.ndarray]:
        """Weights and biases in turn, on the host."""

    def warm(self) -> None:
        """Compile what only a whole epoch compiles; by default nothing."""
        return

    def seconds(self, epochs: int) -> float:
        """The seconds of a step, over whole epochs behind a first one from the initial weights.

        From the same start each time, since a fit that is done makes numbers too small for
        processors to compute at full speed. The first epoch wakes the threads and fills the caches.
        """
        self.restart()
        self.epoch()
        start = time.perf_counter()
        for _ in range(epochs):
            self.epoch()
        return (time.perf_counter() - start) / (epochs * self.problem.case.batches)

    def fit(self, good: Callable[[], bool], most: int) -> None:
        """Train from the initial weights until ``good`` says so after an epoch."""
        self.restart()
        for _ in range(most):
            self.epoch()
            if good():
                return

    def device_memory(self) -> int | None:
        """The most bytes that were taken on a device of its own; ``None`` on the host."""
        return None
