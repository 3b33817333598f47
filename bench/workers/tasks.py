"""The tasks of a worker: each makes a case ready, shows that it is right, and times a round."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..cases import Fit, Prediction, Training
from ..cases.case import figures
from ..cases.fit import MOST_EPOCHS
from ..cases.training import Problem, mean_cross_entropy, probabilities
from .network import Network

MakeNetwork = Callable[[Problem], Network]
MakeTask = Callable[[Any], "Task"]


class Task(ABC):
    """A case in one library; its numbers are drawn by the constructor."""

    @abstractmethod
    def prepare(self) -> None:
        """Take the numbers over, build and compile all there is to, and run it once."""

    @abstractmethod
    def check(self) -> Iterable[float]:
        """The figures that are held to the reference's."""

    @abstractmethod
    def round(self, count: int) -> float:
        """The seconds of one run, over ``count`` of them (of a training step: over epochs)."""

    def device_memory(self) -> int | None:
        """The most bytes that were taken on a device of its own; ``None`` on the host."""
        return None


class TrainingTask(Task):
    """Steps of training."""

    def __init__(self, case: Training, make: MakeNetwork):
        self.case, self.problem, self.make = case, case.problem(), make

    def prepare(self) -> None:
        self.network = self.make(self.problem)
        self.network.restart()
        self.network.ordered(self.case.batch)

    def check(self) -> Iterable[float]:
        self.network.restart()
        mean = self.network.ordered(self.case.checked * self.case.batch)
        batch = slice(self.case.batch)
        after = mean_cross_entropy(
            self.network.predict(self.problem.x[batch]), self.problem.labels[batch]
        )
        self.network.warm()
        return [float(value) for value in np.concatenate([np.ravel(mean), np.ravel(after)])]

    def round(self, count: int) -> float:
        return self.network.seconds(count)

    def device_memory(self) -> int | None:
        return self.network.device_memory()


class PredictionTask(Task):
    """Calls that predict."""

    def __init__(self, case: Prediction, make: MakeNetwork):
        self.problem, self.make = case.network.problem(), make

    def prepare(self) -> None:
        self.network = self.make(self.problem)
        self.network.restart()
        self.network.predict(self.problem.x)

    def check(self) -> Iterable[float]:
        return figures(self.network.predict(self.problem.x))

    def round(self, count: int) -> float:
        return timed(lambda: self.network.predict(self.problem.x), count)


class FitTask(Task):
    """Fits up to an accuracy."""

    def __init__(self, case: Fit, make: MakeNetwork):
        self.case, self.problem, self.make = case, case.problem(), make
        self.x, self.labels = case.held_out()

    def prepare(self) -> None:
        self.network = self.make(self.problem)
        self.network.restart()
        self.network.ordered(self.problem.case.batch)

    def check(self) -> Iterable[float]:
        self.round(1)
        theta = [p.astype(np.float64) for p in self.network.parameters()]
        return self._accuracy(), self._share(probabilities(theta, self.x))

    def round(self, count: int) -> float:
        return timed(lambda: self.network.fit(self._good, MOST_EPOCHS), count)

    def _good(self) -> bool:
        return self._accuracy() >= self.case.accuracy

    def _accuracy(self) -> float:
        return self._share(self.network.predict(self.x))

    def _share(self, p: np.ndarray) -> float:
        return float(np.mean(p.argmax(axis=-1) == self.labels))


def timed(call: Callable[[], Any], count: int) -> float:
    """The seconds of a call on the host."""
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def of_networks(make: MakeNetwork) -> dict[str, MakeTask]:
    """What a library can be asked once it has networks."""
    return {
        Training.kind: lambda case: TrainingTask(case, make),
        Prediction.kind: lambda case: PredictionTask(case, make),
        Fit.kind: lambda case: FitTask(case, make),
    }
