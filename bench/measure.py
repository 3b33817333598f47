"""Measure a case: every library validated, then timed in turn, round by round."""

from __future__ import annotations

import contextlib
import functools
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np

from bench.cases import Case, Problem, problem
from bench.reference import product_figures, training_figures, validate
from bench.statistics import Spread, ratios

#: A row of the results, as JSON.
Record = dict[str, Any]


class Library(Protocol):
    """What is asked of a worker's process."""

    name: str

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and wait for the answer."""


def measure(
    case: Case, libraries: Sequence[Library], *, rounds: int, seconds: float, busy: bool = False
) -> Record:
    """Validate and time some libraries on a case.

    Args:
        case: what to train.
        libraries: the workers; each is asked in turn, so that all see the same machine.
        rounds: how often each is asked.
        seconds: how long a round takes about; always whole epochs.
        busy: whether each round is measured twice, alone and with a busy process beside it.

    Raises:
        bench.reference.WrongResultError: for a library that computes something else.
    """
    figures = _Figures(problem(case))
    first = {library.name: _prepare(case, library, figures) for library in libraries}
    epochs = {library.name: _epochs(case, library, seconds) for library in libraries}
    alone: dict[str, list[float]] = {library.name: [] for library in libraries}
    beside: dict[str, list[float]] = {library.name: [] for library in libraries}
    for _ in range(rounds):
        _one_round(libraries, epochs, alone)
        if busy:
            with busy_process():
                _one_round(libraries, epochs, beside)
    record = {
        "layers": case.title,
        "gflop": case.flops / 1e9,
        "mbyte": case.bytes / 1e6,
        "targets": asdict(case.targets),
        "libraries": {
            name: {
                "first_step": float(f"{first[name]:.4g}"),
                "epochs_a_round": epochs[name],
                "seconds": [float(f"{value:.5g}") for value in values],
                "spread": asdict(Spread.of(values)),
            }
            for name, values in alone.items()
        },
        "ratios": compare(alone),
    }
    if busy:
        record["slow_down"] = {name: asdict(ratios(beside[name], alone[name])) for name in alone}
    return record


def compare(seconds: dict[str, list[float]]) -> Record:
    """Our ratios to the better JAX, to PyTorch and to the products, round by round."""
    if "ours" not in seconds:
        return {}
    ours = seconds["ours"]
    found: Record = {}
    for against in ("jax", "pytorch", "products"):
        other = better(seconds, against)
        if other is not None:
            pair = (ours, seconds[other]) if against == "products" else (seconds[other], ours)
            found[against] = {"of": other, **asdict(ratios(*pair))}
    return found


def better(seconds: dict[str, list[float]], library: str) -> str | None:
    """The variant of a library with the lower median; ``None`` where none was timed."""
    medians = {
        name: Spread.of(values).median
        for name, values in seconds.items()
        if name == library or name.startswith(f"{library}_")
    }
    return min(medians, key=medians.__getitem__, default=None)


@contextlib.contextmanager
def busy_process() -> Iterator[None]:
    """A process that keeps one processor busy, on whichever the system puts it."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


class _Figures:
    """The reference's figures, each computed once."""

    def __init__(self, numbers: Problem):
        self.numbers = numbers

    @functools.cached_property
    def training(self) -> np.ndarray:
        return training_figures(self.numbers)

    @functools.cached_property
    def products(self) -> np.ndarray:
        return product_figures(self.numbers)


def _prepare(case: Case, library: Library, figures: _Figures) -> float:
    """The seconds of the first step; the library is right, or there is no time of it."""
    first = library.ask(do="prepare", case=case.name)["first"]
    got = library.ask(do="check")["figures"]
    expected = figures.products if library.name.startswith("products") else figures.training
    validate(f"{library.name} on {case.name}", got, expected)
    return float(first)


def _epochs(case: Case, library: Library, seconds: float) -> int:
    """How many epochs fill a round, from a warm one."""
    library.ask(do="round", epochs=1)
    once = library.ask(do="round", epochs=1)["seconds"] * case.batches
    return max(1, math.ceil(seconds / once))


def _one_round(
    libraries: Sequence[Library], epochs: dict[str, int], seconds: dict[str, list[float]]
) -> None:
    for library in libraries:
        answer = library.ask(do="round", epochs=epochs[library.name])
        seconds[library.name].append(answer["seconds"])
