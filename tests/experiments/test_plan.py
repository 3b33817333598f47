"""The plan: who trains with whom, what it costs, and the memory that it takes."""

from __future__ import annotations

import itertools
import tracemalloc
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.backend import kernels
from mlpcore.experiments import estimate
from mlpcore.experiments.cost import Cost, partition
from mlpcore.experiments.plan import Plan, cost, plan
from mlpcore.experiments.study import study
from mlpcore.experiments.train import Task, train

X = np.random.default_rng(0).normal(size=(1000, 20)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 10, 1000)
HALVES = [(np.arange(800), np.arange(800, 1000))]


def planned(space: Any, limits: Any = None, **arguments: Any) -> Plan:
    asked = study(space, X, Y, **{"cv": HALVES, "epochs": 2, "batch_size": 100, **arguments})
    members = asked.members(range(len(asked.settings)))
    found = plan(asked.problem, members, **(limits or {}))
    keys = [member.key for bucket in found.buckets for member in bucket.members]
    assert sorted(keys) == sorted(member.key for member in members)
    return found


def shapes(found: Plan) -> list[tuple[tuple[int, ...], int]]:
    return sorted((bucket.sizes, len(bucket.members)) for bucket in found.buckets)


def test_all_that_may_differ_comes_into_one_stack() -> None:
    space = {
        "learning_rate": [0.1, 0.2],
        "l2": [0.0, 0.1],
        "activation": ["relu", "tanh"],
        "seed": range(3),
        "hidden": (8,),
    }
    assert shapes(planned(space)) == [((20, 8, 10), 24)]


def test_what_may_not_differ_makes_stacks_of_its_own() -> None:
    space = {"batch_size": [50, 100], "optimizer": ["adam", "sgd"], "hidden": [(8,), (8, 8)]}
    found = planned(space)
    assert len(found.buckets) == 8
    assert planned({"hidden": (8,)}, cv=5).members == 5
    assert [bucket.rows for bucket in planned({"hidden": (8,)}, cv=3).buckets] == [666, 667]


@pytest.mark.parametrize(
    ("widths", "seeds", "stacks"),
    [
        ([(60,), (64,)], 4, 1),
        ([(32,), (100,)], 200, 2),
        ([(4,), (5,), (300,), (301,)], 60, 2),
        ([(1,), (1000,)], 1, 2),
        ([(16, 16), (16, 12)], 3, 1),
        ([(8, 200), (200, 8)], 100, 2),
    ],
)
def test_padding_only_where_it_pays(widths: Any, seeds: int, stacks: int) -> None:
    arguments = {"epochs": 30, "batch_size": 200}
    found = planned({"hidden": widths, "seed": range(seeds)}, **arguments)
    assert len(found.buckets) == stacks
    assert found.members == len(widths) * seeds


def test_the_partition_is_the_cheapest_of_all() -> None:
    """Against every way to put widths of one hidden layer together."""
    rng = np.random.default_rng(5)
    cost = Cost(inputs=20, outputs=3, batch=50, steps=10, epochs=5, threads=2)

    def every(places: list[int]) -> Any:
        if not places:
            yield []
            return
        first, rest = places[0], places[1:]
        for count in range(len(rest) + 1):
            for others in itertools.combinations(rest, count):
                left = [place for place in rest if place not in others]
                yield from ([[first, *others], *more] for more in every(left))

    for _ in range(20):
        widths = [(int(width),) for width in rng.choice(300, size=5, replace=False) + 1]
        members = rng.integers(1, 40, 5).tolist()

        def total(stacks: list[list[int]], widths: Any = widths, members: Any = members) -> float:
            return sum(
                cost.stack(max(widths[i] for i in stack), sum(members[i] for i in stack))
                for stack in stacks
            )

        least = min(total(stacks) for stacks in every(list(range(5))))
        found = partition(widths, members, cost.stack)
        assert sorted(place for stack in found for place in stack) == list(range(5))
        assert total(found) == pytest.approx(least, rel=1e-12)


def test_limits_cut_stacks_evenly() -> None:
    space = {"seed": range(10), "hidden": (8,)}
    whole = planned(space)
    cut = planned(space, {"max_members": 4})
    assert [len(bucket.members) for bucket in cut.buckets] == [3, 3, 4]
    each = planned({"hidden": (8,)}).bytes
    cut = planned(space, {"max_bytes": 3 * each})
    assert max(bucket.bytes for bucket in cut.buckets) <= 3 * each
    assert len(cut.buckets) == 4
    assert whole.bytes == sum(bucket.bytes for bucket in whole.buckets) > 9 * each
    with pytest.raises(ValueError, match=f"got max_bytes=10, expected at least {each}, which one"):
        planned(space, {"max_bytes": 10})


SHAPES: dict[str, Any] = {
    "one hidden layer": {"hidden": (100,), "seed": range(24)},
    "batches that do not come out even": {"hidden": (60,), "seed": range(24), "batch_size": 150},
    "two, normalized, with dropout": {
        "hidden": (40, 30),
        "dropout": 0.2,
        "normalization": "batch",
        "seed": range(30),
    },
    "many parameters": {
        "hidden": (200, 200),
        "batch_size": 10,
        "dtype": "float64",
        "seed": range(8),
    },
    "many rows": {"hidden": (), "batch_size": 4, "seed": range(200)},
    "plain descent": {"hidden": (40, 30), "optimizer": "sgd", "seed": range(30)},
    "float64": {"hidden": (50,), "dtype": "float64", "seed": range(20)},
    "early stopping": {"hidden": (100,), "early_stopping": 5, "seed": range(24)},
    "widths padded": {"hidden": [(40,), (37,)], "seed": range(20)},
}


@pytest.mark.skipif(kernels.native() is None, reason="the kernels are not built")
@pytest.mark.parametrize("space", SHAPES.values(), ids=SHAPES)
def test_memory_is_as_counted(space: Any) -> None:
    """NumPy tells tracemalloc of every array, those of the replayed steps too."""
    arguments = {name: space[name] for name in ("dtype", "early_stopping") if name in space}
    rest = {name: value for name, value in space.items() if name not in arguments}
    asked = study(rest, X, Y, **{"cv": HALVES, "epochs": 2, "batch_size": 100, **arguments})
    (bucket,) = plan(asked.problem, asked.members(range(len(asked.settings)))).buckets
    train(asked.problem, Task(bucket, 1))
    tracemalloc.start()
    try:
        train(asked.problem, Task(bucket, 2))
        measured = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert measured == pytest.approx(bucket.bytes, rel=0.15)


def test_a_plan_can_be_printed_before_it_runs() -> None:
    space = {"hidden": [(8,), (8, 8)], "seed": range(3)}
    found = mc.plan_sweep(space, X, Y, cv=HALVES, epochs=7, batch_size=100)
    text = str(found).splitlines()
    assert len(text) == 4
    assert text[0].split() == [
        *("bucket", "members", "layers", "rows", "batch", "epochs", "memory", "estimate")
    ]
    assert text[1].split()[:6] == ["0", "3", "20-8-10", "800", "100", "7"]
    assert "6 networks in 2 stacks" in text[3]
    assert "an estimate, from short trials" in text[3]
    assert len(found.seconds) == 2
    assert all(0 < seconds < 60 for seconds in found.seconds)
    assert "estimate" not in str(planned(space))


@pytest.mark.parametrize(("hidden", "seeds"), [(8, 300), (8, 1), (512, 300)])
def test_an_estimate_is_near_what_a_plan_takes(
    hidden: int, seeds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where what an epoch takes besides its steps is longer than a few of them."""
    now, trials = 0.0, []

    def run(problem: Any, task: Task, tick: Any = None) -> None:
        nonlocal now
        members = task.bucket.members
        model = cost(problem, members[0])
        step = model.step(members[0].recipe.hidden)
        steps = len(members) / kernels.threads() * model.steps * step
        trials.append(steps)
        for _ in range(task.epochs):
            now += 4e-4 + steps
            if tick is not None:
                tick(len(members))

    monkeypatch.setattr(estimate, "train", run)
    monkeypatch.setattr(estimate, "time", SimpleNamespace(perf_counter=lambda: now))
    space, more = {"hidden": (hidden,), "seed": range(seeds)}, {"epochs": 50, "batch_size": 10}
    (bucket,) = planned(space, **more).buckets
    problem = study(space, X, Y, cv=HALVES, **more).problem
    (found,) = estimate.estimated(problem, Plan((bucket,))).seconds
    now = 0.0
    run(problem, Task(bucket, 50))
    assert found == pytest.approx(now, rel=0.2)
    assert max(trials[:-1]) < 0.1


def test_a_plan_takes_the_limits() -> None:
    found = mc.plan_sweep({"seed": range(4), "hidden": (3,)}, X, Y, cv=HALVES, max_members=2)
    assert len(found.buckets) == 2
