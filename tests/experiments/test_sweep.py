"""The whole sweep against the same networks trained one by one."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.experiments.folds import splits
from mlpcore.experiments.progress import SweepBar

FIXED = {"epochs": 4, "batch_size": 8}

SPACES: dict[str, Any] = {
    "rates, widths and depths": {
        "learning_rate": [1e-3, 1e-2],
        "hidden": [(5,), (7,), (6, 4), (3, 6), ()],
    },
    "activations": {
        "activation": ["relu", "tanh", "elu(alpha=0.5)", "elu(alpha=2.0)"],
        "hidden": [(5,), (7,)],
    },
    "by layer": {"activation": [("relu", "tanh"), ("tanh", "gelu")], "hidden": [(6, 4)]},
    "dropout": {"dropout": [0.0, 0.3, 0.5], "hidden": [(5,), (7,)], "seed": [0, 9]},
    "smoothing": {"label_smoothing": [0.0, 0.1], "hidden": [(5,)]},
    "initial weights": {"init": ["auto", "zeros", "normal(std=0.2)"], "init_scale": [0.5, 1.0]},
    "normalization": {"normalization": [None, "batch", "layer"], "hidden": [(5,), (7,)]},
    "adam": {"beta1": [0.0, 0.9], "l2": [0.0, 0.1], "clip_norm": [None, 0.01], "hidden": (5,)},
    "optimizers": [
        {"optimizer": "sgd", "momentum": [0.0, 0.5, 0.9], "learning_rate": [0.1]},
        {"optimizer": "sgd", "momentum": 0.9, "nesterov": True},
        {"optimizer": ["rmsprop", "adagrad", "adamw"], "weight_decay": [0.0, 0.1]},
    ],
    "schedules": {
        "learning_rate": [
            0.01,
            mc.schedules.CosineDecay(0.1, epochs=4),
            mc.schedules.CosineDecay(0.05, epochs=2),
            mc.schedules.WarmUp(mc.schedules.StepDecay(0.1, every=2), epochs=2),
            mc.schedules.WarmUp(mc.schedules.StepDecay(0.2, every=1), epochs=3),
            mc.schedules.ReduceOnPlateau(0.5, patience=0),
            mc.schedules.ReduceOnPlateau(0.1, patience=1),
        ]
    },
    "batches": {"batch_size": [8, 40, 100], "epochs": [3, 4], "shuffle": [True, False]},
}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_members_end_as_if_trained_alone(space: Any, classes: Any, one_by_one: Any) -> None:
    X, y = classes
    fixed = {"hidden": (5,), **FIXED}
    result = mc.sweep(space, X, y, cv=3, metric="loss", dtype="float64", refit=False, **fixed)
    expected = one_by_one(result.settings, X, y, 3, fixed)
    assert [record.key for record in result.records] == sorted(r.key for r in result.records)
    for record, (score, losses) in zip(result.records, expected, strict=True):
        np.testing.assert_allclose(record.score, score, rtol=1e-10)
        np.testing.assert_allclose(record.loss, losses, rtol=1e-10)


def test_regression_ends_as_if_trained_alone(values: Any, one_by_one: Any) -> None:
    X, y = values
    space = {
        "loss": ["squared_error", "huber(delta=0.5)", "huber(delta=2.0)", "absolute_error"],
        "hidden": [(5,), (7,)],
    }
    result = mc.sweep(space, X, y, cv=4, metric="loss", dtype="float64", refit=False, **FIXED)
    expected = one_by_one(result.settings, X, y, 4, FIXED)
    for record, (score, losses) in zip(result.records, expected, strict=True):
        np.testing.assert_allclose(record.score, score, rtol=1e-10)
        np.testing.assert_allclose(record.loss, losses, rtol=1e-10)
    assert mc.sweep({}, X, y, cv=4, hidden=(5,), **FIXED).metric == "r2"


@pytest.mark.parametrize("stopping", [2, mc.EarlyStopping(1, monitor="validation_accuracy")])
def test_each_member_stops_as_if_alone(stopping: Any, classes: Any, alone: Any) -> None:
    X, y = classes
    space = {"learning_rate": [1e-3, 0.1, 0.5], "hidden": [(5,), (6,)], "dropout": [0.0, 0.4]}
    fixed = {"epochs": 40, "batch_size": 8}
    arguments = {"early_stopping": stopping, "dtype": "float64", "cv": 3}
    result = mc.sweep(space, X, y, **arguments, **fixed)
    lengths = set()
    for record in result.records:
        split = splits(3, X, y, labels=y)[record.split]
        held_out = X[split.held_out], y[split.held_out]
        network, history = alone(
            *(X, y, {**fixed, **result.settings[record.setting]}, split.training),
            validation_data=held_out,
            early_stopping=stopping,
        )
        np.testing.assert_allclose(record.loss, history.loss, rtol=1e-10)
        np.testing.assert_allclose(record.held_out_loss, history.validation_loss, rtol=1e-10)
        assert record.best_epoch == history.best_epoch
        right = np.mean(network.predict(held_out[0]).argmax(axis=-1) == held_out[1])
        assert record.score == pytest.approx(right, abs=1e-12)
        lengths.add(len(record.loss))
    assert len(lengths) > 2
    assert min(lengths) < 40


def test_the_best_network_is_trained_on_all_rows(classes: Any, alone: Any) -> None:
    X, y = classes
    space = {"learning_rate": [1e-3, 0.1], "hidden": [(5,), (6,)]}
    result = mc.sweep(space, X, y, cv=3, seeds=[4, 2], dtype="float64", **FIXED)
    best = {**FIXED, **result.best_params, "seed": 4}
    expected, _ = alone(X, y, best, slice(None))
    assert result.best_network is not None
    assert result.best_network.configuration == expected.configuration
    np.testing.assert_allclose(result.best_network.parameters, expected.parameters, rtol=1e-10)
    assert mc.sweep(space, X, y, refit=False, **FIXED).best_network is None


def test_with_early_stopping_it_is_trained_for_the_mean_of_the_best_epochs(
    classes: Any, alone: Any
) -> None:
    X, y = classes
    fixed = {"hidden": (5,), "learning_rate": 0.1, "batch_size": 8}
    arguments = {"early_stopping": 3, "epochs": 50, "dtype": "float64"}
    result = mc.sweep({}, X, y, cv=3, **arguments, **fixed)
    epochs = round(np.mean([record.best_epoch + 1 for record in result.records]))
    assert 1 < epochs < 50
    expected, _ = alone(X, y, {**fixed, "epochs": epochs}, slice(None))
    np.testing.assert_allclose(result.best_network.parameters, expected.parameters, rtol=1e-10)


def test_seeds_are_averaged_over_and_a_seed_in_the_space_is_a_setting(classes: Any) -> None:
    X, y = classes
    arguments = {"cv": 2, "metric": "loss", "hidden": (5,), "refit": False, **FIXED}
    averaged = mc.sweep({"l2": [0.0, 0.1]}, X, y, seeds=3, **arguments)
    apart = mc.sweep({"l2": [0.0, 0.1], "seed": range(3)}, X, y, **arguments)
    assert len(averaged.settings) == 2
    assert len(apart.settings) == 6
    columns = [f"split{i}_test_score" for i in range(6)]
    scores = np.stack([averaged.columns[name] for name in columns], axis=-1)
    own = np.stack([apart.columns[f"split{i}_test_score"] for i in range(2)], axis=-1)
    np.testing.assert_array_equal(scores, own.reshape(2, 6))
    named = mc.sweep({"l2": [0.0, 0.1]}, X, y, seeds=range(3), **arguments)
    np.testing.assert_array_equal(
        named.columns["mean_test_score"], averaged.columns["mean_test_score"]
    )


def test_a_given_split(classes: Any, alone: Any) -> None:
    X, y = classes
    fixed = {"hidden": (5,), "dtype": "float64", **FIXED}
    result = mc.sweep({}, X[:30], y[:30], validation_data=(X[30:], y[30:]), **fixed)
    network, _ = alone(X, y, {"hidden": (5,), **FIXED}, slice(30))
    right = np.mean(network.predict(X[30:]).argmax(axis=-1) == y[30:])
    assert result.best_score == pytest.approx(right, abs=1e-12)
    pairs = [(np.arange(30), np.arange(30, 50))]
    assert mc.sweep({}, X, y, cv=pairs, **fixed).best_score == result.best_score
    np.testing.assert_allclose(result.best_network.parameters, network.parameters, rtol=1e-10)


def test_sample_and_class_weights(classes: Any, alone: Any) -> None:
    X, y = classes
    weight = np.random.default_rng(8).uniform(0.1, 2.0, 50)
    fixed = {"hidden": (5,), "class_weight": "balanced", **FIXED}
    result = mc.sweep({}, X, y, cv=3, metric="loss", dtype="float64", sample_weight=weight, **fixed)
    for record in result.records:
        split = splits(3, X, y, labels=y)[record.split]
        network, history = alone(X, y, fixed, split.training, sample_weight=weight[split.training])
        np.testing.assert_allclose(record.loss, history.loss, rtol=1e-10)
        held_out = split.held_out
        loss = network.loss(X[held_out], y[held_out], sample_weight=weight[held_out])
        assert record.score == pytest.approx(-float(loss), rel=1e-10)


def test_a_metric_of_ones_own(classes: Any) -> None:
    X, y = classes
    seen: list[Any] = []

    def right(network: mc.MLP, X: Any, y: Any) -> float:
        seen.append(network.members)
        return np.mean(network.predict(X).argmax(axis=-1) == y)

    space = {"learning_rate": [1e-3, 0.1], "hidden": [(5,), (6,)]}
    mine = mc.sweep(space, X, y, metric=right, refit=False, **FIXED)
    usual = mc.sweep(space, X, y, refit=False, **FIXED)
    assert seen == [None] * 20
    assert mine.metric == "right"
    np.testing.assert_allclose(
        mine.columns["mean_test_score"], usual.columns["mean_test_score"], rtol=1e-12
    )


def test_members_that_diverge_rank_last_and_hurt_nobody(classes: Any) -> None:
    X, y = classes
    arguments = {"optimizer": "sgd", "hidden": (5,), "metric": "loss", **FIXED}
    rates = [1e-3, 1e300, 1e-2]
    result = mc.sweep({"learning_rate": rates}, X, y, **arguments)
    healthy = mc.sweep({"learning_rate": rates[::2]}, X, y, **arguments)
    scores = result.columns["mean_test_score"]
    assert np.isnan(scores[1])
    np.testing.assert_array_equal(scores[::2], healthy.columns["mean_test_score"])
    assert result.diverged == 5
    assert result.columns["rank_test_score"].tolist() == [2, 3, 1]
    assert [record.diverged for record in result.records] == [False] * 5 + [True] * 5 + [False] * 5


@pytest.mark.parametrize("rate", [1e40, 1e300])
def test_huge_parameters_are_scored_without_a_word(rate: float, values: Any) -> None:
    """Every warning is an error here."""
    arguments = {"optimizer": "sgd", "hidden": (5,), "dtype": "float64", "cv": 2, **FIXED}
    result = mc.sweep({"learning_rate": [rate, 1e-3]}, *values, **arguments)
    assert result.diverged == 2
    assert result.best_params == {"learning_rate": 1e-3}


def test_a_refit_that_diverges_leaves_the_scores(classes: Any) -> None:
    X, y = classes
    X = X.copy()
    X[0] = 1.7e308
    cv = [(np.arange(1, 30), np.arange(30, 50))]
    with pytest.warns(RuntimeWarning, match="the best setting, {}, has no network"):
        result = mc.sweep({}, X, y, cv=cv, hidden=(5,), optimizer="sgd", dtype="float64", **FIXED)
    assert result.best_network is None
    assert result.best_score > 0


def interrupted(classes: Any, monkeypatch: pytest.MonkeyPatch, after: int) -> Any:
    """A sweep in which somebody presses Ctrl-C after so many epochs."""
    left = [after]
    tick = SweepBar.tick

    def pressed(self: SweepBar, members: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            signal.raise_signal(signal.SIGINT)
        tick(self, members)

    monkeypatch.setattr(SweepBar, "tick", pressed)
    space = {"learning_rate": [1e-3, 0.1], "hidden": [(5,), (5, 5)]}
    return mc.sweep(space, *classes, cv=2, max_members=1, **FIXED)


def test_ctrl_c_returns_what_has_ended(classes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    result = interrupted(classes, monkeypatch, after=14)
    assert not result.complete
    assert len(result.records) == 3
    assert result.best_network is None
    assert result.best_params == {"learning_rate": 0.001, "hidden": (5,)}
    assert np.isfinite(result.columns["mean_test_score"]).tolist() == [True, False, False, False]


def test_ctrl_c_before_anything_has_ended(classes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    result = interrupted(classes, monkeypatch, after=1)
    assert not result.complete
    assert list(result.records) == []
    assert result.best_params is None
    assert result.columns["rank_test_score"].tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("executor", [None, lambda: ThreadPoolExecutor(1)], ids=["here", "other"])
def test_one_bar_with_the_best_score(
    executor: Any, classes: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tqdm")
    space = {"learning_rate": [1e-3, 0.1], "hidden": [(5,), (5, 5)]}
    arguments = {"progress": True, "halving": 2, "early_stopping": 1, "executor": executor}
    result = mc.sweep(space, *classes, cv=2, **arguments, **FIXED)
    shown = capsys.readouterr().err.split("\r")[-1]
    assert "100%" in shown
    assert f"best {result.best_score:.4g}" in shown


@pytest.mark.parametrize(
    ("arguments", "fault", "message"),
    [
        ({"hiden": (5,)}, ValueError, "got hyperparameter 'hiden', expected one of hidden"),
        ({"metric": "acuracy"}, ValueError, "got metric 'acuracy', expected one of accuracy, r2"),
        ({"metric": "r2"}, ValueError, 'expected "accuracy"'),
        ({"seeds": 2, "seed": 3}, ValueError, "got seeds and a seed"),
        ({"seeds": 0}, ValueError, "got seeds=0"),
        ({"seeds": []}, ValueError, "got no seeds"),
        (
            {"cv": 2, "validation_data": (np.ones((1, 4)), [0])},
            ValueError,
            "validation_data and cv",
        ),
        ({"validation_data": (np.ones((1, 3)), [0])}, ValueError, "got validation_data that"),
        ({"validation_data": 3}, TypeError, "got validation_data that is no pair"),
        (
            {"validation_data": (np.ones((1, 4)), [0]), "repeats": 2},
            ValueError,
            "validation_data and cv or repeats",
        ),
        ({"random_state": None}, ValueError, "got random_state=None"),
        ({"halving": 1}, ValueError, "got halving=1"),
        ({"max_members": 0}, ValueError, "got max_members=0"),
        ({"max_bytes": 1}, ValueError, "got max_bytes=1, expected at least"),
        ({"retries": -1}, ValueError, "got retries=-1"),
        ({"sample_weight": np.ones(3)}, ValueError, "got sample_weight of shape"),
        ({"early_stopping": 0}, ValueError, "got patience=0"),
        ({"backend": "tpu"}, ValueError, "got backend='tpu'"),
    ],
)
def test_bad_arguments_are_refused_before_anything_runs(
    arguments: Any, fault: type[Exception], message: str, classes: Any, tmp_path: Path
) -> None:
    journal = tmp_path / "sweep.jsonl"
    with pytest.raises(fault, match=message):
        mc.sweep({}, *classes, journal=journal, **{**FIXED, **arguments})
    assert not journal.exists() or not journal.read_bytes()


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.ones((4, 2)), np.zeros(3, int), "got 3 rows in y but 4 in X"),
        (np.ones(4), np.zeros(4, int), "got X of shape"),
        (np.full((4, 2), np.nan), np.zeros(4, int), "NaN"),
        (np.ones((4, 2)), np.array(["a"] * 4), "got y of dtype"),
        (np.ones((4, 2)), np.array([-1, 0, 1, 1]), "labels from -1"),
        (np.ones((4, 2)), np.array([0, np.nan, 1, 1]), "got y with"),
        ([[1, 2], [3]], np.zeros(2, int), "got X that NumPy makes no array of"),
    ],
)
@pytest.mark.parametrize("output", [{}, {"output": "softmax"}], ids=["auto", "softmax"])
def test_bad_data(X: Any, y: Any, message: str, output: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        mc.sweep({}, X, y, cv=2, **FIXED, **output)


def test_sparse_features_and_no_folds(classes: Any) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    X, y = classes
    with pytest.raises(TypeError, match="got a sparse X"):
        mc.sweep({}, sparse.csr_array(X), y, **FIXED)
    with pytest.raises(ValueError, match="got cv=0"):
        mc.sweep({}, X, y, cv=0, **FIXED)


def test_lists_and_frames_are_data_too(classes: Any) -> None:
    pandas = pytest.importorskip("pandas")
    X, y = classes
    expected = mc.sweep({}, X, y, cv=2, hidden=(5,), refit=False, **FIXED).best_score
    for data in ((X.tolist(), y.tolist()), (pandas.DataFrame(X), pandas.Series(y))):
        assert mc.sweep({}, *data, cv=2, hidden=(5,), refit=False, **FIXED).best_score == expected


def test_whole_numbers_that_are_no_labels(classes: Any) -> None:
    X, y = classes
    with pytest.raises(ValueError, match=r'got labels up to 2000000 .* pass output="identity"'):
        mc.sweep({}, X, y * 10**6, **FIXED)
    assert mc.sweep({}, X, y * 10**6, output="identity", cv=2, **FIXED).metric == "r2"


def test_outputs_in_one_space_must_be_alike(classes: Any) -> None:
    with pytest.raises(ValueError, match="got the outputs"):
        mc.sweep({"output": ["softmax", "sigmoid"]}, *classes, **FIXED)


def test_parameters_of_a_loss_that_only_some_settings_give(classes: Any) -> None:
    X, y = classes[0], classes[0][:, 0]
    space = {"loss": ["huber", "huber(delta=0.3)"]}
    result = mc.sweep(space, X, y, cv=2, refit=False, **FIXED)
    each = [mc.sweep({"loss": [loss]}, X, y, cv=2, refit=False, **FIXED) for loss in space["loss"]]
    together = result.columns["mean_test_score"]
    assert together.tolist() == [alone.columns["mean_test_score"][0] for alone in each]


def test_weights_of_validation_data(classes: Any) -> None:
    X, y = classes
    weight = np.random.default_rng(3).uniform(0.1, 2.0, 50)
    fixed = {"hidden": (5,), "metric": "loss", "refit": False, **FIXED}
    apart = {"X": X[:30], "y": y[:30], "validation_data": (X[30:], y[30:], weight[30:].copy())}
    pairs = [(np.arange(30), np.arange(30, 50))]
    whole = mc.sweep({}, X, y, sample_weight=weight, cv=pairs, **fixed)
    result = mc.sweep({}, sample_weight=weight[:30], **apart, **fixed)
    assert result.best_score == whole.best_score
    weight[:30] = 1.0
    whole = mc.sweep({}, X, y, sample_weight=weight, cv=pairs, **fixed)
    assert mc.sweep({}, **apart, **fixed).best_score == whole.best_score


def test_numbers_of_numpy(classes: Any) -> None:
    X, y = classes
    arguments = {"seeds": 2, "early_stopping": 1, "random_state": 3}
    arrays = {name: np.int64(value) for name, value in arguments.items()}
    first, second = (mc.sweep({}, X, y, cv=2, **FIXED, **own) for own in (arguments, arrays))
    assert first.best_score == second.best_score
