"""Schedules: against values computed by hand, and Torch's where the definitions agree."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mlpcore.training.schedules import (
    Constant,
    CosineDecay,
    ExponentialDecay,
    InverseScaling,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    WarmUp,
)

#: Schedule, and pairs of an epoch and the learning rate then.
BY_HAND = [
    (Constant(0.3), [(0, 0.3), (7.5, 0.3)]),
    (StepDecay(0.8, factor=0.5, every=4), [(0, 0.8), (3.99, 0.8), (4, 0.4), (8.5, 0.2)]),
    (ExponentialDecay(0.8, factor=0.25), [(0, 0.8), (0.5, 0.4), (1, 0.2), (2, 0.05)]),
    (InverseScaling(0.6), [(0, 0.6), (3, 0.3), (8, 0.2)]),
    (InverseScaling(0.6, decay=2.0, power=1.0), [(0, 0.6), (0.5, 0.3), (1, 0.2)]),
    (CosineDecay(0.8, epochs=6), [(0, 0.8), (2, 0.6), (3, 0.4), (4, 0.2), (6, 0.0), (9, 0.0)]),
    (CosineDecay(0.8, epochs=6, end=0.2), [(0, 0.8), (3, 0.5), (6, 0.2), (7, 0.2)]),
    (WarmUp(0.8, epochs=4, first=0.5), [(0, 0.4), (2, 0.6), (4, 0.8), (9, 0.8)]),
    (
        WarmUp(StepDecay(0.8, factor=0.5, every=2), epochs=4, first=0),
        [(1, 0.2), (3, 0.3), (4, 0.2)],
    ),
    (
        OneCycle(0.8, epochs=10, rise=0.4, first=0.5, last=0.25),
        [(0, 0.4), (2, 0.6), (4, 0.8), (7, 0.5), (10, 0.2), (11, 0.2)],
    ),
    (ReduceOnPlateau(0.8), [(0, 0.8), (100, 0.8)]),
]


def name(value: object) -> str | None:
    return type(value).__name__ if isinstance(value, Schedule) else None


@pytest.mark.parametrize(("schedule", "pairs"), BY_HAND, ids=name)
def test_values_by_hand(schedule: Schedule, pairs: list[tuple[float, float]]) -> None:
    for epoch, rate in pairs:
        assert type(schedule(epoch)) is float
        assert schedule(epoch) == pytest.approx(rate, abs=1e-15)
    assert schedule.start()(pairs[0][0]) == pytest.approx(pairs[0][1])


def torch_rates(
    make: Callable[[Any, Any], Any], epochs: int, learning_rate: float = 0.8
) -> list[float]:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=learning_rate)
    scheduler = make(torch.optim.lr_scheduler, optimizer)
    rates = []
    for _ in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        (StepDecay(0.8, factor=0.3, every=5), lambda s, o: s.StepLR(o, 5, gamma=0.3)),
        (ExponentialDecay(0.8, factor=0.9), lambda s, o: s.ExponentialLR(o, gamma=0.9)),
        (CosineDecay(0.8, 20, end=0.1), lambda s, o: s.CosineAnnealingLR(o, 20, eta_min=0.1)),
        (WarmUp(0.8, epochs=6, first=0.25), lambda s, o: s.LinearLR(o, 0.25, total_iters=6)),
        (
            # Torch counts the peak and the end as the last steps before, 0.4 * 20 - 1 and 20 - 1.
            OneCycle(0.8, epochs=19, rise=7 / 19, first=0.1, last=0.001),
            lambda s, o: s.OneCycleLR(
                o, 0.8, total_steps=20, pct_start=0.4, div_factor=10, final_div_factor=100
            ),
        ),
    ],
    ids=name,
)
@pytest.mark.filterwarnings("ignore:Detected call of:UserWarning")
def test_agrees_with_torch(schedule: Schedule, make: Callable[[Any, Any], Any]) -> None:
    rates = torch_rates(make, 19)
    ours = np.array([schedule(epoch) for epoch in range(19)])
    np.testing.assert_allclose(ours, np.array(rates), rtol=1e-12)


def test_reduce_on_plateau_agrees_with_torch(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    losses = 1.0 / np.sqrt(1.0 + np.arange(60)) + 0.1 * rng.uniform(size=60)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.8)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=2, threshold=0.01, min_lr=0.02, eps=0.0
    )
    ours = ReduceOnPlateau(0.8, 0.5, patience=2, threshold=0.01, minimum=0.02).start()
    seen = set()
    for epoch, loss in enumerate(losses):
        theirs.step(loss)
        ours.observe(loss)
        seen.add(ours(epoch))
        assert ours(epoch) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
    assert {0.8, 0.4, 0.02} <= seen


def test_reduce_on_plateau_waits_and_drops_each_member_alone() -> None:
    schedule = ReduceOnPlateau(np.array([1.0, 1.0, 2.0]), factor=0.5, patience=1).start()
    rates = []
    for loss in ([3.0, 3.0, 3.0], [2.0, 3.0, math.nan], [1.0, 3.0, math.nan], [0.5, 3.0, 1.0]):
        schedule.observe(np.array(loss))
        rates.append(np.array(schedule(0)).tolist())
    assert rates == [[1.0, 1.0, 2.0], [1.0, 1.0, 2.0], [1.0, 0.5, 1.0], [1.0, 0.5, 1.0]]


def test_reduce_on_plateau_with_negative_losses() -> None:
    schedule = ReduceOnPlateau(1.0, factor=0.5, patience=0, threshold=0.1).start()
    schedule.observe(-1.0)
    schedule.observe(-1.2)
    assert schedule(2) == 1.0
    schedule.observe(-1.25)
    assert schedule(3) == 0.5


def test_each_start_remembers_alone() -> None:
    schedule = WarmUp(ReduceOnPlateau(0.8, factor=0.5, patience=0), epochs=1)
    first, second = schedule.start(), schedule.start()
    for _ in range(2):
        first.observe(1.0)
    assert (first(5), second(5), schedule(5)) == (0.4, 0.8, 0.8)
    with pytest.raises(RuntimeError, match="call start"):
        schedule.observe(1.0)
    Constant(0.1).observe(1.0)
    assert schedule == WarmUp(ReduceOnPlateau(0.8, factor=0.5, patience=0), epochs=1)


PAIR = np.array([0.5, 0.25])
PER_MEMBER = [
    Constant(PAIR),
    StepDecay(PAIR, factor=PAIR, every=2 / PAIR),
    ExponentialDecay(PAIR, factor=PAIR),
    InverseScaling(PAIR, decay=PAIR, power=PAIR),
    CosineDecay(PAIR, epochs=4 / PAIR, end=PAIR / 4),
    WarmUp(ExponentialDecay(PAIR), epochs=4 / PAIR, first=PAIR),
    OneCycle(PAIR, epochs=4 / PAIR, rise=PAIR, first=PAIR, last=PAIR / 4),
    ReduceOnPlateau(PAIR),
]


@pytest.mark.parametrize("schedule", PER_MEMBER, ids=name)
def test_one_value_per_member(schedule: Schedule) -> None:
    schedule.check_members(2)
    with pytest.raises(ValueError, match=r"got 2 values for .*expected a number or 3 values"):
        schedule.check_members(3)
    with pytest.raises(ValueError, match="expected a number for a single"):
        schedule.check_members(None)
    for epoch in (0.0, 3.5, 6.0, 20.0):
        rates = schedule(epoch)
        assert isinstance(rates, np.ndarray)
        assert rates.dtype == np.float64
        assert rates.tolist() == [schedule.select(0)(epoch), schedule.select(1)(epoch)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Constant(-0.1),
            r"got -0.1 for Constant\(learning_rate=...\), expected at least 0",
        ),
        (lambda: Constant(math.nan), "expected at least 0"),
        (lambda: Constant(math.inf), "expected at least 0"),
        (lambda: Constant("fast"), "got 'fast'"),
        (lambda: Constant([[0.1]]), "one number for each member"),
        (lambda: CosineDecay(0.1, epochs=0), "epochs=...*expected above 0"),
        (lambda: OneCycle(0.1, 10, rise=1.0), "rise=...*expected above 0 and below 1"),
        (lambda: ReduceOnPlateau(0.1, factor=1.0), "expected at least 0 and below 1"),
        (lambda: WarmUp(-0.1), "learning_rate"),
    ],
)
def test_bad_values(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_schedule_says_what_it_lacks() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Schedule()
