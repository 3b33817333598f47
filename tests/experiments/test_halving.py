"""Successive halving: who goes on, for how long, and with what result."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.experiments import train
from mlpcore.experiments.halving import budget, shares, survivors

SPACE = {
    "learning_rate": [1e-4, 1e-3, 1e-2, 0.1, 1.0],
    "hidden": [(5,), (7,), (4, 4)],
    "dropout": [0.0, 0.2],
}
FIXED = {"cv": 2, "batch_size": 8, "dtype": "float64", "metric": "loss", "refit": False}


@pytest.mark.parametrize(
    ("settings", "epochs", "factor", "expected"),
    [
        (30, 27, 3, [1 / 27, 1 / 9, 1 / 3, 1]),
        (27, 100, 3, [1 / 27, 1 / 9, 1 / 3, 1]),
        (26, 100, 3, [1 / 9, 1 / 3, 1]),
        (100, 8, 2, [1 / 8, 1 / 4, 1 / 2, 1]),
        (2, 100, 3, [1]),
        (50, 1, 3, [1]),
        (50, 100, None, [1]),
    ],
)
def test_shares(settings: int, epochs: int, factor: Any, expected: list[float]) -> None:
    assert shares(settings, epochs, factor) == pytest.approx(expected)


def test_budgets_are_whole_and_end_at_all() -> None:
    assert [budget(27, share) for share in shares(30, 27, 3)] == [1, 3, 9, 27]
    assert [budget(20, share) for share in shares(30, 20, 3)] == [3, 7, 20]


@pytest.mark.parametrize("factor", [1, 0, 2.5, "3"])
def test_bad_factors(factor: Any) -> None:
    with pytest.raises(ValueError, match="got halving="):
        shares(10, 10, factor)


def test_the_best_third_goes_on_and_nan_never() -> None:
    scores = {0: 0.1, 1: math.nan, 2: 0.5, 3: 0.4, 4: 0.3, 5: 0.2, 6: 0.0}
    assert survivors(scores, 3) == [2, 3, 4]
    assert survivors({0: math.nan, 1: 0.0, 2: math.nan}, 2) == [1]
    assert survivors({0: math.nan}, 2) == []


@pytest.mark.parametrize("early_stopping", [None, 2])
@pytest.mark.parametrize("limits", [{}, {"max_members": 3}], ids=["whole", "cut"])
def test_survivors_end_as_if_trained_in_full(
    early_stopping: Any, limits: Any, classes: Any
) -> None:
    arguments = {**FIXED, "epochs": 9, "early_stopping": early_stopping}
    result = mc.sweep(SPACE, *classes, halving=3, **limits, **arguments)
    full = mc.sweep(SPACE, *classes, **arguments)
    in_full = {record.key: record for record in full.records}
    rungs: dict[int, set[int]] = {}
    for record in result.records:
        rungs.setdefault(record.rung, set()).add(record.setting)
        theirs = in_full[record.key]
        assert record.epochs == (1, 3, 9)[record.rung]
        losses = theirs.loss[: record.epochs]
        np.testing.assert_allclose(record.loss, losses[: len(record.loss)], rtol=1e-10)
        if record.rung == 2:
            assert len(record.loss) == len(theirs.loss)
            np.testing.assert_allclose(record.score, theirs.score, rtol=1e-10)
            np.testing.assert_allclose(record.held_out_loss, theirs.held_out_loss, rtol=1e-10)
            assert record.best_epoch == theirs.best_epoch
    assert [len(rungs[rung]) for rung in (0, 1, 2)] == [20, 6, 4]
    ranks = result.columns["rank_test_score"]
    assert max(ranks[list(rungs[2])]) < min(ranks[list(rungs[1])])
    assert max(ranks[list(rungs[1])]) < min(ranks[list(rungs[0])])
    assert result.best_index in rungs[2]


def test_each_round_keeps_the_best_and_trains_only_what_is_new(
    classes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs: list[int] = []
    fit = train.fit

    def counting(*arguments: Any, **settings: Any) -> Any:
        history = fit(*arguments, **settings)
        epochs.append(int(np.isfinite(history.loss).sum()))
        return history

    monkeypatch.setattr(train, "fit", counting)
    result = mc.sweep(SPACE, *classes, halving=3, epochs=9, **FIXED)
    assert sum(epochs) == 2 * (30 * 1 + 10 * 2 + 4 * 6)
    scores = result.columns["mean_test_score"]
    rungs = np.array([0] * 30)
    for record in result.records:
        rungs[record.setting] = record.rung
    full = mc.sweep(SPACE, *classes, epochs=1, **FIXED).columns["mean_test_score"]
    assert min(full[rungs > 0]) >= max(scores[rungs == 0])


def test_schedules_go_on_where_they_were(values: Any) -> None:
    plateau = mc.schedules.ReduceOnPlateau
    rates = [plateau(0.3, patience=0), plateau(0.03, patience=1), plateau(1e-3), plateau(1e-4)]
    arguments = {**FIXED, "epochs": 8, "hidden": (5,), "optimizer": "sgd", "momentum": 0.5}
    result = mc.sweep({"learning_rate": rates}, *values, halving=2, **arguments)
    full = mc.sweep({"learning_rate": rates}, *values, **arguments)
    best = [record for record in result.records if record.rung == 2]
    assert len(best) == 2
    for record in best:
        (theirs,) = [other for other in full.records if other.key == record.key]
        np.testing.assert_allclose(record.loss, theirs.loss, rtol=1e-10)
        np.testing.assert_allclose(record.score, theirs.score, rtol=1e-10)


def test_members_that_diverge_fall_out(classes: Any) -> None:
    space = {"learning_rate": [1e300, 1e-2, 1e-3], "hidden": (5,), "optimizer": "sgd"}
    result = mc.sweep(space, *classes, halving=2, epochs=4, **FIXED)
    assert result.diverged == 2
    assert np.isnan(result.columns["mean_test_score"][0])
    assert result.columns["rank_test_score"][0] == 3
    every = {**space, "learning_rate": [1e300, 1e299]}
    result = mc.sweep(every, *classes, halving=2, epochs=4, **FIXED)
    assert result.diverged == 4
    assert result.best_params is None
    assert math.isnan(result.best_score)
