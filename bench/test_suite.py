"""Every figure of the suite; choose with ``-k``, such as ``pytest bench/ -k "steps and tiny"``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .contest import Contest
from .results import Measured


class Clock:
    """A timer on which a call takes as long as a round was found to take."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


CLOCK = Clock()


@pytest.mark.benchmark(timer=CLOCK)
def test_figure(
    benchmark: Any, sitting: Callable[[Contest], Measured], contest: Contest, library: str
) -> None:
    measured = sitting(contest)
    if library not in measured.values:
        pytest.fail(measured.faults.get(library, "the library did not start"))
    rounds = iter(measured.values[library])
    benchmark.group = contest.words
    benchmark.name = library
    benchmark.pedantic(
        lambda: CLOCK.advance(next(rounds)), rounds=len(measured.values[library]), iterations=1
    )
    median = measured.median(library)
    if measured.flops:
        benchmark.extra_info["GFLOP/s"] = round(measured.flops / median / 1e9, 2)
    if measured.bytes:
        benchmark.extra_info["GB/s at least"] = round(measured.bytes / median / 1e9, 2)
