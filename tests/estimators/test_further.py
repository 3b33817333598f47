"""The parameters beyond scikit-learn's."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.metrics import balanced_accuracy_score, make_scorer

import mlpcore as mc
from mlpcore import sklearn as ours
from mlpcore.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

Data = tuple[np.ndarray, np.ndarray]
FURTHER = {
    "backend": None,
    "precision": "auto",
    "initializer": None,
    "normalization": None,
    "dropout": 0.0,
    "weight_decay": 0.0,
    "clip_norm": None,
    "scoring": None,
    "callbacks": (),
    "progress": False,
}
OF_CLASSES = {"class_weight": None, "label_smoothing": 0.0}


def quick(**parameters: Any) -> MLPClassifier:
    """A small one that learns fast."""
    defaults = {"learning_rate_init": 0.02, "max_iter": 30, "random_state": 0}
    return MLPClassifier(**({"hidden_layer_sizes": (10,)} | defaults | parameters))


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_the_signature_is_scikit_learns_and_more(name: str) -> None:
    mine = inspect.signature(getattr(ours, name)).parameters
    theirs = inspect.signature(getattr(neural_network, name)).parameters
    assert list(mine)[: len(theirs)] == list(theirs)
    for key, parameter in theirs.items():
        assert (mine[key].kind, mine[key].default) == (parameter.kind, parameter.default)
    further = {key: mine[key].default for key in list(mine)[len(theirs) :]}
    assert further == FURTHER | (OF_CLASSES if name == "MLPClassifier" else {})
    documented = inspect.getdoc(getattr(ours, name))
    for key in mine:
        assert key in documented, key


def test_precision_is_that_of_the_features_or_ones_own(iris: Data) -> None:
    X, y = iris
    for dtype in ("float32", "float64"):
        assert quick().fit(X.astype(dtype), y).coefs_[0].dtype == dtype
        own = quick(precision=dtype).fit(X, y)
        assert own.network_.dtype == dtype
        assert own.predict_proba(X).dtype == dtype
    assert quick().fit((10 * X).astype(int), y).coefs_[0].dtype == np.float64


@pytest.mark.parametrize(
    "parameters",
    [
        {"dropout": 0.3},
        {"normalization": "batch"},
        {"normalization": "layer"},
        {"weight_decay": 0.1},
        {"clip_norm": 0.01},
        {"initializer": "he_normal"},
        {"activation": "gelu"},
        {"activation": "leaky_relu(negative_slope=0.2)"},
        {"label_smoothing": 0.1},
    ],
    ids=str,
)
def test_each_makes_a_difference_and_learns(iris: Data, parameters: dict[str, Any]) -> None:
    X, y = iris
    plain, other = quick().fit(X, y), quick(**parameters).fit(X, y)
    assert not np.array_equal(plain.coefs_[0], other.coefs_[0])
    assert other.score(X, y) > 0.8
    again = quick(**parameters).fit(X, y)
    np.testing.assert_array_equal(other.coefs_[0], again.coefs_[0])


def test_a_rate_and_an_activation_for_each_layer(iris: Data) -> None:
    X, y = iris
    deep = MLPClassifier((9, 8), ["tanh", "selu"], dropout=[0.0, 0.2], random_state=0, max_iter=5)
    assert deep.fit(X, y).network_.settings.activation == ["tanh", "selu"]
    with pytest.raises(ValueError, match="got 1 values of activation, expected one, or one for"):
        MLPClassifier((9, 8), ["tanh"]).fit(X, y)


def test_weight_decay_is_that_of_adamw(iris: Data) -> None:
    X, y = iris
    mine = quick(alpha=0.0, weight_decay=0.3, shuffle=False, max_iter=4).fit(X, y)
    start = quick(alpha=0.0, shuffle=False, max_iter=1, learning_rate_init=1e-300).fit(X, y)
    net = start.network_
    net.fit(
        X,
        y,
        optimizer=mc.AdamW(0.02, weight_decay=0.3),
        batch_size=150,
        epochs=4,
        shuffle=False,
        progress=False,
    )
    np.testing.assert_allclose(mine.network_.parameters, net.parameters, rtol=1e-12)


def test_held_out_examples_of_ones_own(iris: Data) -> None:
    X, y = iris
    held_out = X[100:], y[100:]
    seen: list[mc.Epoch] = []
    classifier = quick(callbacks=[seen.append]).fit(X[:100], y[:100], validation_data=held_out)
    assert len(classifier.validation_loss_curve_) == classifier.n_iter_ == 30
    loss = -np.mean(classifier.predict_log_proba(X[100:])[np.arange(50), y[100:]])
    assert classifier.validation_loss_curve_[-1] == pytest.approx(loss)
    assert classifier.validation_scores_[-1] == classifier.score(*held_out)
    assert seen[-1].validation_loss == classifier.validation_loss_curve_[-1]
    assert seen[-1].validation_metrics == {"score": classifier.validation_scores_[-1]}
    early = quick(early_stopping=True, n_iter_no_change=2)
    early.fit(X[:100], y[:100], validation_data=(*held_out, np.linspace(0, 1, 50)))
    assert early.n_iter_ < 30
    assert early.score(*held_out, np.linspace(0, 1, 50)) == early.best_validation_score_


def test_it_changes_nothing_to_be_watched(iris: Data) -> None:
    X, y = iris
    alone = quick().fit(X, y)
    watched = quick(progress=True, callbacks=[lambda epoch: None])
    watched.fit(X, y, validation_data=(X, y))
    np.testing.assert_array_equal(alone.coefs_[0], watched.coefs_[0])
    assert alone.loss_curve_ == watched.loss_curve_


@pytest.mark.parametrize(
    "scoring", ["balanced_accuracy", make_scorer(balanced_accuracy_score)], ids=["name", "callable"]
)
def test_scores_for_early_stopping(iris: Data, scoring: Any) -> None:
    X, y = iris
    classifier = quick(early_stopping=True, scoring=scoring, validation_fraction=0.3)
    classifier.fit(X, y)
    _, held_out = quick(early_stopping=True, validation_fraction=0.3)._prepare(X, y, None)
    rows = held_out.examples.rows
    best = balanced_accuracy_score(y[rows], classifier.predict(X[rows]))
    assert best == classifier.best_validation_score_


def test_a_scorer_gets_the_weights(iris: Data) -> None:
    X, y = iris
    weight = np.random.default_rng(0).uniform(0, 2, 150)
    named, own = (
        quick(early_stopping=True, scoring=scoring).fit(X, y, weight)
        for scoring in ("accuracy", None)
    )
    assert named.validation_scores_ == pytest.approx(own.validation_scores_)


def test_a_scorer_sees_the_names_of_the_columns(iris: Data) -> None:
    pandas = pytest.importorskip("pandas")
    X, y = iris
    table = pandas.DataFrame(X, columns=list("abcd"))

    def scorer(estimator: Any, held_out: Any, labels: Any) -> float:
        assert list(held_out.columns) == list("abcd")
        return float(estimator.score(held_out, labels))

    with warnings.catch_warnings(action="error", category=UserWarning):
        quick(early_stopping=True, scoring=scorer, tol=1.0).fit(table, y)


def test_a_scorer_that_takes_no_weights(iris: Data) -> None:
    X, y = iris
    quick(early_stopping=True, scoring=lambda e, X, y: e.score(X, y), class_weight="balanced").fit(
        X, y
    )
    MLPRegressor(early_stopping=True, scoring="neg_max_error", max_iter=3).fit(X, y, np.ones(150))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_what_a_callback_returns(iris: Data, solver: str) -> None:
    X, y = iris
    for answer, epochs in ((np.True_, 1), (True, 1), (1, 3), (None, 3)):
        fitted = quick(solver=solver, max_iter=3, tol=0.0, callbacks=[lambda _, a=answer: a])
        assert fitted.fit(X, y).n_iter_ == epochs
    for wrong in (None, print, ["print"]):
        with pytest.raises(TypeError, match=r"got callbacks=.*expected a list of functions"):
            quick(solver=solver, callbacks=wrong).fit(X, y)


def test_parameters_that_are_assigned(iris: Data) -> None:
    X, y = iris
    first, second = quick(random_state=0).fit(X, y), quick(random_state=1).fit(X, y)
    second.coefs_, second.intercepts_ = first.coefs_, first.intercepts_
    np.testing.assert_array_equal(second.predict_proba(X), first.predict_proba(X))
    with pytest.raises(ValueError, match="zip"):
        second.coefs_ = first.coefs_[:1]


def test_what_is_no_width_or_no_pair(iris: Data) -> None:
    X, y = iris
    with pytest.raises(ValueError, match=r"got hidden_layer_sizes=5\.9"):
        quick(hidden_layer_sizes=(5.9,)).fit(X, y)
    with pytest.raises(TypeError, match="got validation_data that is no pair"):
        quick().fit(X, y, validation_data=X)


def test_a_batch_that_weighs_nothing_changes_nothing(iris: Data) -> None:
    """scikit-learn divides by its weight, 0."""
    X, y = iris
    settings = {"shuffle": False, "batch_size": 50, "solver": "sgd", "momentum": 0.0}
    weight = np.where(np.arange(150) < 50, 0.0, 1.0)
    weighted = quick(**settings).fit(X, y, sample_weight=weight)
    fewer = quick(**settings).fit(X[50:], y[50:])
    np.testing.assert_allclose(weighted.coefs_[0], fewer.coefs_[0])


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_callback_may_end_the_training(iris: Data, solver: str) -> None:
    losses: list[float] = []

    def callback(epoch: mc.Epoch) -> bool:
        losses.append(epoch.loss)
        return len(losses) == 3

    with warnings.catch_warnings(action="error"):
        classifier = quick(solver=solver, callbacks=[callback]).fit(*iris)
    assert len(losses) == classifier.n_iter_ == len(classifier.loss_curve_) == 3


def test_ctrl_c_keeps_what_was_learned(iris: Data) -> None:
    def press(epoch: mc.Epoch) -> None:
        if epoch.index == 4:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match=r"Training interrupted by user\."):
        classifier = quick(callbacks=[press]).fit(*iris)
    assert classifier.n_iter_ == 5
    assert classifier.score(*iris) > 0.5


def test_progress_needs_its_extra(iris: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r"got no tqdm.*; install it with"):
        quick(progress=True).fit(*iris)


def test_lbfgs_prints_its_losses(iris: Data, capsys: pytest.CaptureFixture[str]) -> None:
    classifier = quick(solver="lbfgs", verbose=True, max_iter=3).fit(*iris)
    assert capsys.readouterr().out.splitlines() == [
        f"Iteration {number}, loss = {loss:.8f}"
        for number, loss in enumerate(classifier.loss_curve_, start=1)
    ]
    assert classifier.loss_curve_[-1] == classifier.loss_


def test_what_lbfgs_does_not_take(iris: Data) -> None:
    for parameters, words in (
        ({"dropout": 0.1}, "a network with dropout"),
        ({"normalization": "batch"}, 'a network with normalization="batch"'),
        ({"weight_decay": 0.1}, "with weight_decay=0.1 and clip_norm=None, expected neither"),
    ):
        with pytest.raises(ValueError, match=words):
            quick(solver="lbfgs", **parameters).fit(*iris)
    assert quick(solver="lbfgs", normalization="layer").fit(*iris).score(*iris) > 0.95


def test_values_that_no_parameter_takes(iris: Data) -> None:
    for parameters in (
        {"precision": "float8"},
        {"normalization": "group"},
        {"clip_norm": 0.0},
        {"label_smoothing": 1.0},
        {"class_weight": "even"},
        {"momentum": 1.0},
    ):
        with pytest.raises(ValueError, match=f"The '{next(iter(parameters))}' parameter of"):
            quick(**parameters).fit(*iris)
    for parameters, words in (
        ({"dropout": 1.5}, "dropout"),
        ({"activation": "rellu"}, "nearest is 'relu'"),
        ({"initializer": "he"}, "initializer"),
        ({"backend": "tpu"}, "backend='tpu'"),
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be > 0"),
    ):
        with pytest.raises(ValueError, match=words):
            quick(**parameters).fit(*iris)


def test_the_network_goes_its_own_way(iris: Data) -> None:
    X, y = iris
    classifier = quick().fit(X, y)
    np.testing.assert_array_equal(classifier.network_.predict(X), classifier.predict_proba(X))
    assert classifier.coefs_[0].base is not None
    classifier.coefs_[0][...] = 0
    assert not np.any(classifier.network_.weights[0])


def test_no_hidden_layer_is_a_linear_model(values: Data) -> None:
    X, y = values
    linear = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, tol=1e-10).fit(X, y)
    solution, *_ = np.linalg.lstsq(np.column_stack((X, np.ones(90))), y, rcond=None)
    np.testing.assert_allclose(linear.coefs_[0][:, 0], solution[:3], atol=1e-4)
