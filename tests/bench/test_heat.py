"""How a contest is held: validated first, in turn, with as many runs as fill a round."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats

from mlpcore.cli.bench import module

cases, heat, results = module("cases"), module("heat"), module("results")
libraries = module("libraries")
groups, suite, statistics = module("groups"), module("suite"), module("statistics")
TINY = groups.STEPS["tiny"]


def held(workers: Any, found: Any, rounds: int = 3, seconds: float = 9e-4, **more: Any) -> None:
    one = heat.Heat(TINY, found, rounds=rounds, seconds=seconds, **more)
    one.sit(workers)
    for _ in range(one.rounds):
        one.round()


def measured(fake: Any, factor: float = 1.0, **seconds: float) -> tuple[Any, list[str]]:
    log: list[str] = []
    workers = [fake(name, value, log, factor) for name, value in seconds.items()]
    found = results.Measured("steps", "tiny", TINY.title)
    held(workers, found)
    return found, log


def test_rounds_alternate(fake: Any) -> None:
    found, log = measured(fake, cpu=1e-6, products=2e-6, jax_jit=9e-6, jax_scan=3e-6)
    names = [line.split()[0] for line in log]
    turns = ["cpu", "products", "jax_jit", "jax_scan"]
    assert list(dict.fromkeys(names)) == turns
    assert names[-8:] == turns[::-1] + turns
    assert log[0] == "cpu 1"
    assert log[1] == log[-4] == "cpu 5"  # of 200 steps a microsecond each
    assert len(found.values["cpu"]) == 3
    assert found.first["cpu"] == 0.5
    assert found.better("jax") == "jax_scan"
    assert found.better("pytorch") is None


def test_a_long_trial_is_a_round(fake: Any) -> None:
    found, log = measured(fake, cpu=1.0, products=1.0)
    assert log == ["cpu 1", "products 1", "products 1", "cpu 1", "cpu 1", "products 1"]
    assert found.values["cpu"] == [1.0, 4.0, 5.0]


def test_busy_rounds_stand_beside_the_others(fake: Any) -> None:
    found = results.Measured("steps", "tiny", TINY.title)
    held([fake("cpu", 1.0, [])], found, rounds=2, seconds=1.0, busy=True)
    assert found.values["cpu"] == [1.0, 3.0]
    assert found.busy["cpu"] == [2.0, 4.0]
    assert found.slow_down("cpu").median == statistics.Spread.of([2.0, 4 / 3]).median
    assert found.slow_down("gpu") is None
    assert found.processors == {"cpu": [1.5, 1.5]}


@pytest.mark.parametrize("factor", [1.01, float("nan")])
@pytest.mark.parametrize("name", ["cpu", "products"])
def test_a_wrong_result_has_no_time(fake: Any, name: str, factor: float) -> None:
    found, log = measured(fake, factor, **{name: 1e-6})
    assert log == []
    assert found.values == found.first == {}
    assert f"{name} on 4-3-2-2, batch 32 gave" in found.faults[name]
    held([fake(name, 1e-6, log)], found)
    assert log == []


def test_a_library_that_fails_later_has_no_time(fake: Any) -> None:
    """As a process does that dies; the others go on."""

    class Dying(fake):  # type: ignore[misc]
        def ask(self, **command: Any) -> dict[str, Any]:
            if command["do"] == "round" and len(self.log) > 4:
                raise libraries.WorkerError("the worker cpu failed: it ended without an answer")
            return dict(super().ask(**command))

    log: list[str] = []
    found = suite.empty(suite.contests(suite.Settings(only=("steps",), peers=True))[-1])
    held([Dying("cpu", 1e-6, log), fake("products", 1e-6, log)], found, busy=True)
    assert list(found.values) == list(found.busy) == list(found.processors) == ["products"]
    assert len(found.values["products"]) == len(found.busy["products"]) == 3
    assert "without an answer" in found.faults["cpu"]


def test_a_wrong_number_of_figures_is_an_error() -> None:
    with pytest.raises(cases.WrongResultError, match="2 figures, expected 3"):
        TINY.validate("x", [1.0, 1.0], np.ones(3))


def test_a_fit_must_reach_its_goal_and_tell_the_truth() -> None:
    fit = groups.GROUPS["fits"].contests(False)["digits"]
    fit.validate("x", [0.98, 0.98], fit.expected())
    for own, exact in ((0.9, 0.9), (0.98, 0.9), (float("nan"), 0.98)):
        with pytest.raises(cases.WrongResultError, match="accuracy"):
            fit.validate("x", [own, exact], fit.expected())


def test_spreads() -> None:
    spread = statistics.Spread.of([4.0, 1.0, 2.0, 3.0, 5.0, 9.0, 7.0, 6.0, 8.0])
    assert (spread.minimum, spread.lower, spread.median) == (1, 2, 5)
    assert (spread.upper, spread.maximum) == (8, 9)
    assert statistics.Spread.of([4.0, 1.0]).median == 2.5
    assert spread.over(2).median == 2.5
    assert spread.touches(statistics.Spread.of([8.0, 9.0, 12.0]))
    assert not spread.touches(statistics.Spread.of([8.5, 9.0]))
    # The machine slowed down tenfold in the second round; the ratio does not see it.
    ratios = statistics.ratios([2.0, 20.0, 2.0], [1.0, 10.0, 1.0])
    assert ratios.minimum == ratios.maximum == 2
    with pytest.raises(ValueError, match="as many of both"):
        statistics.ratios([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="no values"):
        statistics.Spread.of([])


@pytest.mark.parametrize("n", [5, 6, 8, 9, 15, 40])
def test_the_interval_holds_the_median_as_often_as_it_says(n: int) -> None:
    rng = np.random.default_rng(n)
    spreads = [statistics.Spread.of(list(rng.exponential(size=n))) for _ in range(4000)]
    share = np.mean([spread.lower <= math.log(2) <= spread.upper for spread in spreads])
    below, out = scipy.stats.binom(n, 0.5).cdf, 0
    while below(out + 1) <= 0.025:
        out += 1
    assert share == pytest.approx(1 - 2 * below(out), abs=0.02)
    assert share > 0.94 or n < 6


def test_counts() -> None:
    case = cases.Training((4, 3, 2), 10, 1)
    forward, by_weights, by_input = 10 * (4 * 3 + 3 * 2), 10 * (4 * 3 + 3 * 2), 10 * 3 * 2
    assert case.flops == 2 * (forward + by_weights + by_input)
    assert case.parameters == 5 * 3 + 4 * 2
    assert case.bytes > 4 * 10 * case.parameters
    assert case.memory == 4 * (4 * case.parameters + 10 * (4 + 3 + 2 + 3))
    assert cases.Training((4, 3, 2), 10, 1, members=5).memory == 5 * case.memory
