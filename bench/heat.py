"""A contest that is held: every library validated, then timed in turn, round by round."""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np

from .cases import Case, WrongResultError
from .fresh import FreshCase
from .libraries import Library, WorkerError
from .results import Measured


class Worker(Protocol):
    """What is asked of a worker's process."""

    library: Library

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and wait for the answer."""


class Heat:
    """A contest while it is held: its libraries validated, then timed in turn.

    A library that computes something else, or nothing, gets no time but is among the faults, and
    is not asked again.

    Args:
        case: what to run.
        measured: where the rounds are added.
        rounds: how often each library is asked in a sitting.
        seconds: how long a round takes about.
        busy: whether each round is measured twice, alone and with a busy process beside it.
    """

    def __init__(
        self, case: Case, measured: Measured, *, rounds: int, seconds: float, busy: bool = False
    ):
        self.case, self.measured, self.rounds = case, measured, rounds
        self.seconds, self.busy = seconds, busy
        self._counts: dict[str, int] = {}
        self._expected: dict[bool, np.ndarray] = {}
        self._backwards = True

    def sit(self, workers: Sequence[Worker], task: int = 0) -> None:
        """Begin a sitting.

        Args:
            workers: new processes, asked in turn so that all see the same machine.
            task: the number by which they know the case.
        """
        self._task = task
        self._workers = [worker for worker in workers if self._is_right(worker)]

    def round(self) -> None:
        """Time each library once more."""
        self._backwards = not self._backwards
        for name, answer in self._answers():
            _add(self.measured.values, name, answer["seconds"], 5)
            if self.busy:
                _add(self.measured.processors, name, answer["processors"], 3)
        if self.busy:
            with busy_process():
                for name, answer in self._answers():
                    _add(self.measured.busy, name, answer["seconds"], 5)

    def _is_right(self, worker: Worker) -> bool:
        """Whether a library makes the case ready and then has the reference's figures."""
        name, floor, case = worker.library.name, worker.library.multiplies, self.case
        if name in self.measured.faults:
            return False
        if floor not in self._expected:
            self._expected[floor] = case.expected(floor)
        try:
            answer = worker.ask(do="prepare", task=self._task, kind=case.kind, case=asdict(case))
            found = worker.ask(do="check", task=self._task)["figures"]
            case.validate(name, found, self._expected[floor])
        except (WorkerError, WrongResultError) as fault:
            self._leave_out(name, fault)
            return False
        self.measured.first.setdefault(name, float(f"{answer['first']:.4g}"))
        return True

    def _answers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Of all libraries in turn; one that fails is left out from then on.

        Every second round is backwards: how the machine is left, its clock rate for one, depends on
        whoever was before, and that should not always be the same.
        """
        for worker in self._workers[:: -1 if self._backwards else 1]:
            try:
                yield worker.library.name, self._answer(worker)
            except WorkerError as fault:
                self._workers.remove(worker)
                self._leave_out(worker.library.name, fault)

    def _leave_out(self, name: str, fault: Exception) -> None:
        """Its rounds go too, as they would stand beside others of the rest."""
        self.measured.faults[name] = str(fault)
        for rounds in (self.measured.values, self.measured.busy, self.measured.processors):
            rounds.pop(name, None)

    def _answer(self, worker: Worker) -> dict[str, Any]:
        """To a round of as many runs as a first one, of a single run, showed to be enough."""
        name = worker.library.name
        if name in self._counts:
            return worker.ask(do="round", task=self._task, count=self._counts[name])
        answer = worker.ask(do="round", task=self._task, count=1)
        once = answer["seconds"] * self.case.runs
        self._counts[name] = max(1, math.ceil(self.seconds / max(once, 1e-9)))
        return answer if self._counts[name] == 1 else self._answer(worker)


class FreshHeat:
    """The same for a case that takes a new process each time.

    Args:
        case: what to measure.
        measured: where the rounds are added.
    """

    def __init__(self, case: FreshCase, measured: Measured):
        self.case, self.measured, self.rounds = case, measured, case.repeats

    def sit(self, workers: Sequence[Worker], task: int = 0) -> None:
        """Begin a sitting: with the libraries of these workers, which are not asked themselves."""
        self._libraries = [worker.library for worker in workers]

    def round(self) -> None:
        """Start a process for each library."""
        for library in self._libraries:
            try:
                value = self.case.once(library)
            except (WorkerError, WrongResultError) as fault:
                self.measured.faults[library.name] = str(fault)
            else:
                if value is not None:
                    _add(self.measured.values, library.name, value, 5)


@contextlib.contextmanager
def busy_process() -> Iterator[None]:
    """A process that keeps one processor busy, on whichever the system puts it."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _add(values: dict[str, list[float]], name: str, value: float, digits: int) -> None:
    values.setdefault(name, []).append(float(f"{value:.{digits}g}"))
