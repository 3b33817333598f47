"""``pytest bench/test_steps.py``: seconds of one training step inside `MLP.fit`, by case."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bench.cases import CASES, Case, problem
from bench.reference import training_figures, validate
from bench.workers.ours import Ours
from mlpcore.backend.devices import backend

#: How long a round takes about.
SECONDS = 0.1


def _backends() -> list[str]:
    """The backends at hand."""
    try:
        return ["cpu", backend("gpu").name]
    except RuntimeError:
        return ["cpu"]


class Clock:
    """A timer on which a step takes what `Ours.round` says that it took.

    A fit also records its step and runs a first epoch, neither of which belongs to the figure.
    """

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


CLOCK = Clock()


@pytest.mark.parametrize("name", _backends())
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.benchmark(group="steps", timer=CLOCK)
def test_step(benchmark: Any, case: Case, name: str) -> None:
    numbers = problem(case)
    ours = Ours(name)
    ours.prepare(numbers)
    validate(f"{name} on {case.name}", ours.check(), training_figures(numbers))
    epochs = max(1, math.ceil(SECONDS / (ours.round(1) * case.batches)))

    def one_round() -> None:
        CLOCK.now += ours.round(epochs)

    benchmark.pedantic(one_round, rounds=3)
    benchmark.extra_info["layers, batch"] = case.title
    if benchmark.stats:
        seconds = benchmark.stats.stats.median
        benchmark.extra_info["GFLOP/s"] = round(case.flops / seconds / 1e9, 2)
        benchmark.extra_info["GB/s at least"] = round(case.bytes / seconds / 1e9, 2)
