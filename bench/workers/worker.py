"""What a worker does, and the loop that serves one.

A command is a line such as ``{"do": "round", "epochs": 3}``, answered by a line. ``facts`` gives
versions and thread pools, ``prepare`` a case's cold start, ``check`` the figures that are held to
the reference, ``round`` the seconds a step of one timed round. Each answer also tells how long the
worker had waited for the command, and how much processor time it took while it did.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from bench.cases import CASES, Problem, problem
from bench.machine import pools

#: Longer than any thread pool spins for more work; OpenBLAS's does for 2^26 cycles.
SETTLE = 0.06


class Worker(ABC):
    """A library that trains a case's network.

    Attributes:
        packages: whose versions are told.
    """

    packages: tuple[str, ...]

    @abstractmethod
    def prepare(self, problem: Problem) -> None:
        """Take the data over, build and compile all there is to, and run a first step."""

    @abstractmethod
    def check(self) -> list[float]:
        """`reference.training_figures` of the prepared case, as this library has them."""

    @abstractmethod
    def round(self, epochs: int) -> float:
        """Train from the initial weights, shuffled, whole epochs; the seconds that a step took.

        From the same start each time, since a fit that is done makes numbers too small for
        processors to compute at full speed.
        """


def serve(worker: Worker, commands: Iterable[str], replies: TextIO) -> None:
    """Answer commands until there are no more."""
    replied = time.perf_counter(), time.process_time()
    for line in commands:
        waited = time.perf_counter() - replied[0], time.process_time() - replied[1]
        try:
            answer = _answer(worker, json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answer["waited"] = waited
        time.sleep(SETTLE)
        replied = time.perf_counter(), time.process_time()
        print(json.dumps(answer), file=replies, flush=True)


def main(worker: Worker) -> None:
    """Serve a worker on the standard streams; what a library prints goes to standard error."""
    with os.fdopen(os.dup(1), "w") as replies:
        os.dup2(2, 1)
        serve(worker, sys.stdin, replies)


def _answer(worker: Worker, command: dict[str, Any]) -> dict[str, Any]:
    match command["do"]:
        case "facts":
            return {"versions": dict(_versions(worker.packages)), "pools": pools()}
        case "prepare":
            numbers = problem(CASES[command["case"]])
            start = time.perf_counter()
            worker.prepare(numbers)
            return {"first": time.perf_counter() - start}
        case "check":
            return {"figures": worker.check()}
        case "round":
            return {"seconds": worker.round(command["epochs"])}
        case other:
            raise ValueError(f"got the command {other!r}, expected facts, prepare, check or round")


def _versions(packages: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            yield name, importlib.metadata.version(name)
