"""What a sweep found: columns as scikit-learn has them, and pictures."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.experiments import Record, SweepResult

FIXED = {"epochs": 4, "batch_size": 8, "refit": False}


def record(setting: int, split: int, score: float, **changes: Any) -> Record:
    values: dict[str, Any] = {
        "setting": setting,
        "split": split,
        "repeat": 0,
        "rung": 0,
        "score": score,
        "epochs": 3,
        "best_epoch": 2,
        "diverged": False,
        "loss": (0.3, 0.2, 0.1),
        "held_out_loss": (),
        "fit_seconds": 0.5,
        "score_seconds": 0.25,
    }
    return Record(**values | changes)


def test_columns_are_those_of_scikit_learn(classes: Any) -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    neural = pytest.importorskip("sklearn.neural_network")
    X, y = classes
    grid = {"alpha": [0.1, 0.2], "hidden_layer_sizes": [(4,), (5, 5)]}
    search = selection.GridSearchCV(neural.MLPClassifier(max_iter=1), grid, cv=3, refit=False)
    with pytest.warns(Warning, match="Maximum iterations"):
        theirs = search.fit(X, y).cv_results_
    space = {"l2": [0.1, 0.2], "hidden": [(4,), (5, 5)]}
    result = mc.sweep(space, X, y, cv=3, **FIXED)
    ours = result.columns
    renamed = {"param_alpha": "param_l2", "param_hidden_layer_sizes": "param_hidden"}
    assert {renamed.get(name, name) for name in theirs} == set(ours) - {"epochs"}
    for name, column in theirs.items():
        mine = ours[renamed.get(name, name)]
        assert len(mine) == len(column) == 4
        if not name.startswith("param"):
            assert (mine.dtype.kind, mine.shape) == (column.dtype.kind, column.shape), name
    assert ours["params"] == result.settings
    assert ours["param_hidden"].tolist() == [(4,), (5, 5)] * 2
    assert result.best_score == max(ours["mean_test_score"])
    assert ours["rank_test_score"][result.best_index] == 1


def test_means_deviations_and_ranks() -> None:
    scores = [[0.5, 0.7], [0.9, 0.7], [0.6, 0.6], [0.9, math.nan]]
    records = [record(i, j, score) for i, row in enumerate(scores) for j, score in enumerate(row)]
    result = SweepResult([{"l2": float(i)} for i in range(4)], records, "accuracy", 2, 1)
    columns = result.columns
    np.testing.assert_allclose(columns["mean_test_score"], [0.6, 0.8, 0.6, np.nan])
    np.testing.assert_allclose(columns["std_test_score"], [0.1, 0.1, 0.0, np.nan], atol=1e-15)
    assert columns["rank_test_score"].tolist() == [2, 1, 2, 4]
    assert columns["mean_fit_time"].tolist() == [0.5] * 4
    assert columns["mean_score_time"].tolist() == [0.25] * 4
    assert result.best_params == {"l2": 1.0}


def test_names_that_a_setting_lacks_are_masked(classes: Any) -> None:
    space = [{"l2": [0.1]}, {"optimizer": "sgd", "momentum": [0.9]}]
    result = mc.sweep(space, *classes, cv=2, hidden=(4,), **FIXED)
    assert result.columns["param_l2"].mask.tolist() == [False, True]
    assert result.columns["param_momentum"].filled(0).tolist() == [0, 0.9]


def test_to_pandas(classes: Any, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    space = [{"l2": [0.1, 0.2], "hidden": [(4,)]}, {"l2": 0.3, "hidden": (4, 4), "dropout": 0.1}]
    frame = mc.sweep(space, *classes, cv=2, **FIXED).to_pandas()
    assert frame.shape[0] == 3
    assert frame["param_l2"].tolist() == [0.1, 0.2, 0.3]
    assert frame["param_dropout"].isna().tolist() == [True, True, False]
    frame.to_csv(tmp_path / "frame.csv", index=False)
    back = pandas.read_csv(tmp_path / "frame.csv")
    np.testing.assert_array_equal(back["mean_test_score"], frame["mean_test_score"])


def test_results_can_be_kept(classes: Any) -> None:
    result = mc.sweep({"l2": [0.0, 0.1]}, *classes, cv=2, hidden=(4,), epochs=2)
    kept = pickle.loads(pickle.dumps(result))
    assert kept.records == result.records
    assert kept.best_params == result.best_params
    np.testing.assert_array_equal(kept.best_network.parameters, result.best_network.parameters)


def brightness(path: Path) -> Any:
    """The picture as grey values."""
    return pytest.importorskip("matplotlib.image").imread(path)[..., :3].mean(axis=-1)


def test_the_picture_has_a_panel_for_each_name_that_varies(classes: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    space = {
        "learning_rate": [1e-4, 1e-3, 1e-2, 0.1],
        "hidden": [(4,), (5, 5)],
        "activation": ["relu", "tanh"],
        "l2": [0.1],
    }
    result = mc.sweep(space, *classes, cv=2, curves=True, **FIXED)
    path = tmp_path / "sweep.png"
    figure = result.plot(path)
    panels = [axes for axes in figure.axes if axes.axison]
    names = [axes.get_xlabel() for axes in panels]
    assert names == ["learning_rate", "hidden", "activation", "epoch"]
    assert [axes.get_ylabel() for axes in panels] == ["accuracy"] * 3 + ["held-out loss"]
    assert panels[0].get_xscale() == "log"
    assert [tick.get_text() for tick in panels[1].get_xticklabels()] == ["4", "5x5"]
    curves = [line for line in panels[3].lines if len(line.get_xdata()) == 4]
    assert len(curves) == 16 * 2
    best = [line for line in panels[3].lines if len(line.get_xdata()) == 1]
    assert len(best) == 2
    points = panels[0].lines[0]
    np.testing.assert_array_equal(points.get_ydata(), result.columns["mean_test_score"])
    shades = brightness(path)
    assert min(shades.shape) > 500
    assert 0.005 < (shades < 0.9).mean() < 0.5


def test_pictures_of_little(classes: Any, tmp_path: Path) -> None:
    """Nothing that varies, everything diverged, nothing at all, and curves of the training."""
    pytest.importorskip("matplotlib")
    arguments = {"cv": 2, "hidden": (4,), "optimizer": "sgd", **FIXED}
    for space in ({}, {"learning_rate": [1e300, 1e301]}, {"learning_rate": [1e300, 0.1]}):
        figure = mc.sweep(space, *classes, **arguments).plot(tmp_path / "sweep.png")
        assert figure.axes[-1].get_ylabel() == "training loss"
        assert brightness(tmp_path / "sweep.png").std() > 0.01
    nothing = SweepResult([{"l2": 0.1}, {"l2": 0.2}], [], "accuracy", 2, 1, complete=False)
    nothing.plot(tmp_path / "sweep.png")
    assert nothing.best_params is None
