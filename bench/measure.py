"""Measure a contest: every library validated, then timed in turn, round by round."""

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
from .libraries import Library, WorkerError
from .results import Measured


class Worker(Protocol):
    """What is asked of a worker's process."""

    library: Library

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and wait for the answer."""


def measure(
    case: Case,
    workers: Sequence[Worker],
    measured: Measured,
    *,
    rounds: int,
    seconds: float,
    busy: bool = False,
) -> None:
    """Validate and time some libraries on a case.

    Args:
        case: what to run.
        workers: each is asked in turn, so that all see the same machine.
        measured: what was found in an earlier sitting; the rounds are added to it.
        rounds: how often each is asked.
        seconds: how long a round takes about.
        busy: whether each round is measured twice, alone and with a busy process beside it.

    A library that computes something else, or nothing, gets no time but is among the faults, and
    is not asked again.
    """
    expected: dict[bool, np.ndarray] = {}
    workers = [worker for worker in workers if _is_right(case, worker, measured, expected)]
    trial: dict[str, list[float]] = {}
    _one_round(workers, dict.fromkeys((w.library.name for w in workers), 1), trial)
    counts = {
        name: max(1, math.ceil(seconds / max(once * case.runs, 1e-9)))
        for name, (once,) in trial.items()
    }
    if set(counts.values()) == {1} and not busy:
        for name, (once,) in trial.items():
            measured.values.setdefault(name, []).append(once)
        rounds -= 1
    for _ in range(rounds):
        _one_round(workers, counts, measured.values, measured.processors if busy else None)
        if busy:
            with busy_process():
                _one_round(workers, counts, measured.busy)


@contextlib.contextmanager
def busy_process() -> Iterator[None]:
    """A process that keeps one processor busy, on whichever the system puts it."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _is_right(
    case: Case, worker: Worker, measured: Measured, expected: dict[bool, np.ndarray]
) -> bool:
    """Whether a library makes the case ready and then has the reference's figures."""
    name, floor = worker.library.name, worker.library.floor
    if name in measured.faults:
        return False
    if floor not in expected:
        expected[floor] = case.expected(floor)
    try:
        answer = worker.ask(do="prepare", kind=case.kind, case=asdict(case))
        case.validate(name, worker.ask(do="check")["figures"], expected[floor])
    except (WorkerError, WrongResultError) as fault:
        measured.faults[name] = str(fault)
        measured.values.pop(name, None)
        return False
    measured.first[name] = float(f"{answer['first']:.4g}")
    return True


def _one_round(
    workers: Sequence[Worker],
    counts: dict[str, int],
    values: dict[str, list[float]],
    processors: dict[str, list[float]] | None = None,
) -> None:
    for worker in workers:
        name = worker.library.name
        answer = worker.ask(do="round", count=counts[name])
        values.setdefault(name, []).append(float(f"{answer['seconds']:.5g}"))
        if processors is not None:
            processors.setdefault(name, []).append(float(f"{answer['processors']:.3g}"))
