"""The stacked search: the results of scikit-learn's, candidate by candidate and fold by fold."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlpcore.sklearn import MLPClassifier, MLPRegressor, StackedSearchCV, stacks

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

Data = tuple[np.ndarray, np.ndarray]


def quick(**parameters: Any) -> MLPClassifier:
    """A small one that learns fast."""
    defaults = {"learning_rate_init": 0.02, "max_iter": 25, "random_state": 0}
    return MLPClassifier((6,), **(defaults | parameters))


CASES: dict[str, tuple[dict[str, Any], dict[str, list[Any]]]] = {
    "rates and widths": (
        {},
        {
            "alpha": [1e-4, 1.0],
            "learning_rate_init": [1e-3, 0.1],
            "hidden_layer_sizes": [(4,), (6,), (5, 4)],
            "activation": ["relu", "tanh"],
        },
    ),
    "solvers": ({}, {"solver": ["sgd", "adam", "lbfgs"], "momentum": [0.0, 0.9]}),
    "convergence": ({"max_iter": 60}, {"tol": [1e-3, 0.05], "n_iter_no_change": [2, 5]}),
    "early stopping": (
        {"early_stopping": True, "n_iter_no_change": 3, "max_iter": 40},
        {"learning_rate_init": [0.005, 0.1]},
    ),
    "further": (
        {},
        {
            "dropout": [0.0, 0.2],
            "label_smoothing": [0.0, 0.1],
            "class_weight": [None, "balanced"],
            "normalization": [None, "layer"],
        },
    ),
    "rates that change": ({"solver": "sgd"}, {"learning_rate": ["constant", "adaptive"]}),
}


def assert_same_results(mine: Any, theirs: Any) -> None:
    for name, column in theirs.cv_results_.items():
        if name == "params":
            assert mine.cv_results_[name] == column
        elif name.startswith("param_"):
            assert mine.cv_results_[name].tolist() == column.tolist()
        elif "time" not in name:
            np.testing.assert_allclose(
                np.asarray(mine.cv_results_[name], float), column, atol=1e-9, err_msg=name
            )
    assert set(mine.cv_results_) - set(theirs.cv_results_) == {"epochs"}
    assert (mine.best_index_, mine.best_params_) == (theirs.best_index_, theirs.best_params_)
    assert mine.best_score_ == pytest.approx(theirs.best_score_)
    assert mine.n_splits_ == theirs.n_splits_


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("classes", [2, 3])
def test_the_results_of_a_grid_search(iris: Data, case: str, classes: int) -> None:
    X, y = iris[0], np.minimum(iris[1], classes - 1)
    parameters, grid = CASES[case]
    settings = {"cv": 3, "return_train_score": True}
    mine = StackedSearchCV(quick(**parameters), grid, **settings).fit(X, y)
    theirs = GridSearchCV(quick(**parameters), grid, **settings).fit(X, y)
    assert_same_results(mine, theirs)
    np.testing.assert_array_equal(mine.predict(X), theirs.predict(X))
    assert mine.classes_.tolist() == theirs.classes_.tolist()
    assert mine.score(X, y) == theirs.score(X, y)


def test_the_results_of_a_regression(values: Data) -> None:
    X, y = values
    estimator = MLPRegressor(hidden_layer_sizes=(5,), max_iter=20, random_state=0)
    grid = {"loss": ["squared_error", "huber", "absolute_error"], "early_stopping": [False, True]}
    settings = {"cv": 4, "scoring": "neg_mean_absolute_error"}
    mine = StackedSearchCV(estimator, grid, **settings).fit(X, y)
    assert_same_results(mine, GridSearchCV(estimator, grid, **settings).fit(X, y))


def test_the_results_of_weighted_rows(iris: Data) -> None:
    X, y = iris
    weight = np.random.default_rng(0).uniform(0.1, 2, 150)
    grid = {"alpha": [1e-3, 10.0], "early_stopping": [True, False]}
    mine = StackedSearchCV(quick(), grid, cv=3).fit(X, y, sample_weight=weight)
    assert_same_results(mine, GridSearchCV(quick(), grid, cv=3).fit(X, y, sample_weight=weight))


def test_splitters_and_groups(iris: Data) -> None:
    X, y = iris
    groups = np.arange(150) % 5
    grid = {"alpha": [1e-3, 10.0]}
    mine = StackedSearchCV(quick(), grid, cv=GroupKFold(5)).fit(X, y, groups=groups)
    assert_same_results(
        mine, GridSearchCV(quick(), grid, cv=GroupKFold(5)).fit(X, y, groups=groups)
    )
    folds = StratifiedKFold(3, shuffle=True, random_state=1)
    assert StackedSearchCV(quick(), grid, cv=folds, refit=False).fit(X, y).n_splits_ == 3


def test_a_fold_that_lacks_a_class_is_fitted_by_itself(iris: Data) -> None:
    X, y = iris
    cv = [(np.flatnonzero(y != 2), np.flatnonzero(y == 2)), (np.arange(100), np.arange(100, 150))]
    grid = {"alpha": [1e-3, 10.0]}
    mine = StackedSearchCV(quick(), grid, cv=cv).fit(X, y)
    assert_same_results(mine, GridSearchCV(quick(), grid, cv=cv).fit(X, y))


def test_candidates_are_drawn(iris: Data) -> None:
    search = StackedSearchCV(
        quick(max_iter=3), {"alpha": loguniform(1e-6, 1.0)}, n_iter=4, random_state=0, cv=2
    ).fit(*iris)
    assert len(search.cv_results_["params"]) == 4
    assert len({one["alpha"] for one in search.cv_results_["params"]}) == 4


def test_all_train_in_a_few_stacks(iris: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    train = stacks.train

    def counted(together: Any, whole: Any) -> bool:
        sizes.append(len(together))
        return train(together, whole)

    monkeypatch.setattr("mlpcore.sklearn.trials.train", counted)
    grid = {"alpha": np.logspace(-5, 0, 6), "learning_rate_init": [0.01, 0.02, 0.05]}
    StackedSearchCV(quick(max_iter=2), grid, cv=5, refit=False).fit(*iris)
    assert sum(sizes) == 90
    assert len(sizes) == 2  # of 64 at most


def test_failures_have_the_score_of_failures(iris: Data) -> None:
    X, y = iris
    estimator = quick(solver="sgd", activation="identity", max_iter=5)
    grid = {"learning_rate_init": [0.01, 1e200]}
    with pytest.warns(FitFailedWarning, match="3 fits failed out of a total of 6; the first was"):
        search = StackedSearchCV(estimator, grid, cv=3).fit(X, y)
    assert search.best_params_ == {"learning_rate_init": 0.01}
    assert np.isnan(search.cv_results_["mean_test_score"][1])
    assert search.sweep_.diverged == 3
    with pytest.raises(ValueError, match="Solver produced non-finite"):
        StackedSearchCV(estimator, grid, cv=3, error_score="raise").fit(X, y)
    with pytest.raises(ValueError, match="All the 3 fits failed"):
        StackedSearchCV(estimator, {"learning_rate_init": [1e200]}, cv=3).fit(X, y)
    with pytest.warns(FitFailedWarning, match="nearest is 'relu'"):
        StackedSearchCV(quick(), {"activation": ["relu", "rellu"]}, cv=3).fit(X, y)


def test_the_same_as_a_sweep(iris: Data) -> None:
    pandas = pytest.importorskip("pandas")
    search = StackedSearchCV(quick(max_iter=7), {"alpha": [1e-3, 1.0]}, cv=3).fit(*iris)
    assert isinstance(search.sweep_.to_pandas(), pandas.DataFrame)
    assert all(len(record.loss) == 7 for record in search.sweep_.records)
    assert search.cv_results_["epochs"].tolist() == [7, 7]


def test_other_estimators_are_refused(iris: Data) -> None:
    with pytest.raises(TypeError, match="got Pipeline, expected an MLPClassifier or MLPRegressor"):
        StackedSearchCV(make_pipeline(StandardScaler(), quick()), {}).fit(*iris)


def test_nothing_is_said_where_all_converge(iris: Data) -> None:
    with warnings.catch_warnings(action="error"):
        StackedSearchCV(quick(tol=1.0, n_iter_no_change=1), {"alpha": [0.1]}, cv=2).fit(*iris)
