"""The benchmark suite, installed or in a checkout, and results that look like a real run's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("matplotlib")
pytest.importorskip("threadpoolctl")
pytest.importorskip("sklearn")

from mlpcore.cli.bench import module

MACHINE = {
    "processor": "Some(R) Processor",
    "cores": 2,
    "caches": {"L1": "48K"},
    "gpu": None,
    "system": "Linux x86_64",
    "python": "3.11.7",
    "kernels": {"kernels": "fused"},
    "threads": 2,
    "versions": {"numpy": "2"},
    "pools": {"cpu": [{"internal_api": "openblas", "version": None, "num_threads": 2}]},
}


class Fake:
    """A worker's process that answers in this one, with right figures times a factor."""

    def __init__(self, name: str, seconds: float, log: list[str], factor: float = 1.0):
        self.library = module("libraries").LIBRARIES[name]
        self.seconds, self.log, self.factor = seconds, log, factor

    def ask(self, **command: Any) -> dict[str, Any]:
        """Answer as a worker does."""
        cases = module("cases")
        if command["do"] == "prepare":
            self.case = cases.KINDS[command["kind"]](**command["case"])
            return {"first": 0.5}
        if command["do"] == "release":
            return {}
        if command["do"] == "check":
            return {"figures": (self.factor * self.case.expected(self.library.multiplies)).tolist()}
        self.log.append(f"{self.library.name} {command['count']}")
        return {"seconds": self.seconds * len(self.log), "processors": 1.5}


@pytest.fixture
def fake() -> type[Fake]:
    """The class of fake processes."""
    return Fake


def _seconds(library: str, work: float) -> float:
    """The more a library starts with, the faster it is later."""
    start, speed = {
        "cpu": (2e-6, 1.0),
        "cpu_bodies": (3e-4, 0.5),
        "gpu": (5e-5, 50.0),
        "gpu_bodies": (5e-4, 25.0),
        "products": (8e-6, 1.1),
    }.get(library, (1e-4, 0.8))
    return start + work / speed / 1e13


def made_up(libraries: tuple[str, ...], *, gpu: bool = False, busy: bool = False) -> Any:
    """Results of a full run in which every library got figures wherever it takes part."""
    suite, results = module("suite"), module("results")
    known = [module("libraries").LIBRARIES[name] for name in libraries]
    rng = np.random.default_rng(0)

    def rounds(library: str, work: float) -> list[float]:
        return (_seconds(library, work) * rng.uniform(0.97, 1.03, 5)).tolist()

    measured = []
    for contest in suite.contests(suite.Settings(full=True, peers=True)):
        found = suite.empty(contest)
        for library in contest.among(known):
            work = found.flops + 10.0 * found.bytes
            found.values[library.name] = rounds(library.name, work)
            if found.unit == "B":
                found.values[library.name] = [2.0 * found.bytes]
            elif busy:
                found.busy[library.name] = [1.5 * v for v in found.values[library.name]]
        measured.append(found)
    card = {"name": "Some GPU", "memory": 8e9, "driver": "580"}
    return results.Results(
        machine=MACHINE | {"gpu": card if gpu else None},
        date="2024-06-07T00:00:00+00:00",
        commit="abc",
        settings={"rounds": 5, "sittings": 1},
        contests=measured,
    )


@pytest.fixture
def results() -> Any:
    """Results of a machine with a processor and the peers."""
    names = ("cpu", "cpu_bodies", "products", "jax_jit", "jax_scan", "pytorch", "sklearn")
    return made_up(names, busy=True)


@pytest.fixture
def results_of_gpu() -> Any:
    """Results of a machine with a graphics processor too, without peers."""
    return made_up(("cpu", "cpu_bodies", "gpu", "gpu_bodies"), gpu=True)


@pytest.fixture
def checkout() -> Path:
    """The root of the source; skips the tests away from it."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "bench" / "results").exists():
        pytest.skip("there is no checkout here")
    return root
