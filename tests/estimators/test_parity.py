"""The same weights as scikit-learn's, number by number, where both take the rows in one order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.datasets import make_multilabel_classification

from mlpcore import sklearn as ours

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {
    "hidden_layer_sizes": (8, 6),
    "shuffle": False,
    "random_state": 3,
    "batch_size": 64,
    "max_iter": 25,
    "learning_rate_init": 0.01,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "sgd": {"solver": "sgd"},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "tol": 1e-2,
        "n_iter_no_change": 2,
        "learning_rate_init": 0.05,
    },
    "heavy ball": {"solver": "sgd", "nesterovs_momentum": False},
    "no momentum": {"solver": "sgd", "momentum": 0},
    "penalty": {"solver": "sgd", "activation": "logistic", "alpha": 1.0},
    "converged": {"solver": "sgd", "tol": 1e-2, "n_iter_no_change": 3, "learning_rate_init": 0.1},
    # Its epsilon stands outside of the correction of the bias, so it must not matter.
    "adam": {"solver": "adam", "epsilon": 1e-30},
    "lbfgs": {"solver": "lbfgs"},
    "lbfgs with penalty": {"solver": "lbfgs", "activation": "tanh", "alpha": 1.0},
}
PROBLEMS = ("classes", "two classes", "labels", "values", "counts", "columns")


def problem(name: str) -> tuple[str, np.ndarray, np.ndarray, dict[str, Any]]:
    """The estimator, features, targets and settings."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 5))
    if name == "labels":
        X, Y = make_multilabel_classification(150, random_state=0)
        return "MLPClassifier", (X - X.mean(axis=0)) / X.std(axis=0), Y, {}
    if name.endswith("classes"):
        numbers = (X[:, 0] + X[:, 1] ** 2 > 1).astype(int) + (X[:, 2] > 0.5)
        return "MLPClassifier", X, numbers > 0 if name == "two classes" else numbers, {}
    y = X[:, 0] * 2 + X[:, 1] ** 2
    if name == "counts":
        return "MLPRegressor", X, rng.poisson(np.exp(X[:, 0] / 2)), {"loss": "poisson"}
    return "MLPRegressor", X, y if name == "values" else np.column_stack((y, np.sin(X[:, 2]))), {}


def both(
    name: str, X: np.ndarray, y: np.ndarray, weight: Any = None, **settings: Any
) -> tuple[Any, Any]:
    """The estimator of each library, fitted."""
    return tuple(
        getattr(library, name)(**(SMALL | settings)).fit(X, y, sample_weight=weight)
        for library in (ours, neural_network)
    )


def assert_same_weights(mine: Any, theirs: Any, rtol: float) -> None:
    for own, its in zip(mine.coefs_ + mine.intercepts_, theirs.coefs_ + theirs.intercepts_):
        np.testing.assert_allclose(own, its, rtol=rtol, atol=rtol * np.abs(its).max())


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_same_weights(name: str, setting: str) -> None:
    kind, X, y, own = problem(name)
    if name == "columns" and SETTINGS[setting]["solver"] == "lbfgs":
        pytest.skip("scikit-learn's loss and gradient differ there by the number of columns")
    mine, theirs = both(kind, X, y, **own, **SETTINGS[setting])
    assert_same_weights(mine, theirs, rtol=1e-6 if "lbfgs" in setting else 1e-9)
    for attribute in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(mine, attribute) == getattr(theirs, attribute), attribute
    assert mine.loss_ == pytest.approx(theirs.loss_, rel=1e-2)
    np.testing.assert_allclose(mine.predict(X), theirs.predict(X), rtol=1e-6)
    if kind == "MLPClassifier":
        own, its = mine.predict_proba(X), theirs.predict_proba(X)
        np.testing.assert_allclose(own, its, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_same_weights_of_weighted_rows(name: str) -> None:
    kind, X, y, own = problem(name)
    weight = np.random.default_rng(1).uniform(0, 2, len(X))
    weight[:60] = 0  # of the first batch four rows count; scikit-learn takes no batch without any
    mine, theirs = both(kind, X, y, weight, **own, solver="sgd")
    assert_same_weights(mine, theirs, rtol=1e-9)


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("name", ["two classes", "labels", "values", "counts"])
def test_the_same_course_of_early_stopping(name: str, weighted: bool) -> None:
    kind, X, y, own = problem(name)
    settings = {"solver": "sgd", "early_stopping": True, "n_iter_no_change": 3}
    weight = np.random.default_rng(1).uniform(0, 2, len(X)) if weighted else None
    mine, theirs = both(kind, X, y, weight, **own, **settings)
    assert_same_weights(mine, theirs, rtol=1e-9)
    np.testing.assert_allclose(mine.validation_scores_, theirs.validation_scores_, rtol=1e-9)
    assert mine.best_validation_score_ == pytest.approx(theirs.best_validation_score_)
    assert mine.best_loss_ is theirs.best_loss_ is None


def test_the_same_curve_without_a_penalty() -> None:
    kind, X, y, _ = problem("classes")
    mine, theirs = both(kind, X, y, solver="sgd", alpha=0.0)
    np.testing.assert_allclose(mine.loss_curve_, theirs.loss_curve_, rtol=1e-9)
    assert mine.best_loss_ == pytest.approx(theirs.best_loss_)


def test_the_same_course_of_a_warm_start() -> None:
    kind, X, y, _ = problem("values")
    settings = SMALL | {"solver": "sgd", "warm_start": True, "learning_rate": "invscaling"}
    mine, theirs = getattr(ours, kind)(**settings), getattr(neural_network, kind)(**settings)
    for _ in range(3):
        mine.fit(X, y)
        theirs.fit(X, y)
        assert_same_weights(mine, theirs, rtol=1e-9)
        assert (mine.n_iter_, mine.t_) == (theirs.n_iter_, theirs.t_)
    assert len(mine.loss_curve_) == len(theirs.loss_curve_)


def test_the_same_course_of_partial_fits() -> None:
    kind, X, y, _ = problem("classes")
    settings = SMALL | SETTINGS["adaptive"] | {"n_iter_no_change": 1, "batch_size": 20}
    mine, theirs = getattr(ours, kind)(**settings), getattr(neural_network, kind)(**settings)
    for chunk in np.array_split(np.arange(150), 3) * 4:
        mine.partial_fit(X[chunk], y[chunk], classes=[0, 1, 2])
        theirs.partial_fit(X[chunk], y[chunk], classes=[0, 1, 2])
    assert_same_weights(mine, theirs, rtol=1e-9)
    assert mine.t_ == theirs.t_


def test_the_same_lines_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    kind, X, y, _ = problem("two classes")
    lines = []
    for early_stopping in (True, False):
        settings = SMALL | {
            "solver": "sgd",
            "alpha": 0.0,
            "verbose": True,
            "learning_rate": "adaptive",
            "early_stopping": early_stopping,
            "n_iter_no_change": 2,
            "tol": 0.01,
            "max_iter": 60,
        }
        for library in (ours, neural_network):
            getattr(library, kind)(**settings).fit(X, y)
            lines.append(capsys.readouterr().out.splitlines())
    assert lines[0] == lines[1]
    assert lines[2] == lines[3]
    assert any("Setting learning rate to" in line for line in lines[2])


def test_the_same_figures_on_shuffled_rows() -> None:
    """Every epoch has another order than theirs, so only the mean over seeds agrees."""
    kind, X, y, _ = problem("classes")
    scores = np.array(
        [
            [
                one.score(X[100:], y[100:])
                for one in both(kind, X[:100], y[:100], shuffle=True, random_state=seed)
            ]
            for seed in range(5)
        ]
    )
    mine, theirs = scores.mean(axis=0)
    assert mine >= theirs - max(scores[:, 1].std(ddof=1) / np.sqrt(5), 0.01)
