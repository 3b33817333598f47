"""The stacked search: the results of scikit-learn's, candidate by candidate and fold by fold."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn import config_context
from sklearn.exceptions import FitFailedWarning, UnsetMetadataPassedError
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
            assert mine.cv_results_[name].dtype == column.dtype
        elif "time" not in name:
            np.testing.assert_allclose(
                np.asarray(mine.cv_results_[name], float), column, atol=1e-9, err_msg=name
            )
    assert set(mine.cv_results_) - set(theirs.cv_results_) == {"epochs"}
    for name in ("best_index_", "best_params_", "n_splits_", "multimetric_"):
        assert getattr(mine, name, "none") == getattr(theirs, name, "none"), name
    assert getattr(mine, "best_score_", 0) == pytest.approx(getattr(theirs, "best_score_", 0))


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


def test_a_scorer_that_takes_no_weights(iris: Data) -> None:
    X, y = iris
    mine, theirs = (
        kind(quick(), {"alpha": [1e-3, 10.0]}, cv=3, scoring=lambda model, X, y: model.score(X, y))
        for kind in (StackedSearchCV, GridSearchCV)
    )
    for search in (mine, theirs):
        with pytest.warns(UserWarning, match="does not support sample_weight"):
            search.fit(X, y, sample_weight=np.linspace(0, 1, 150))
    assert_same_results(mine, theirs)


def both_scores(estimator: Any, X: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Two scores at once."""
    return {"right": estimator.score(X, y), "wrong": estimator.score(X, y) - 1}


@pytest.mark.parametrize(
    "settings",
    [
        {"scoring": ["accuracy", "neg_log_loss"], "refit": "neg_log_loss"},
        {"scoring": ("accuracy", "neg_log_loss"), "refit": False},
        {"scoring": {"a": "accuracy", "b": "f1_macro"}, "refit": lambda results: 1},
        {"scoring": both_scores, "refit": "wrong"},
        {"scoring": "f1_macro", "refit": False},
    ],
    ids=["one decides", "none decides", "a function decides", "a function scores", "no refit"],
)
def test_several_scores_and_who_decides(iris: Data, settings: dict[str, Any]) -> None:
    X, y = iris
    grid = {"alpha": [1e-3, 10.0], "solver": ["adam", "lbfgs"]}
    settings = settings | {"cv": 3, "return_train_score": True}
    mine = StackedSearchCV(quick(), grid, **settings).fit(X, y)
    theirs = GridSearchCV(quick(), grid, **settings).fit(X, y)
    assert_same_results(mine, theirs)
    assert hasattr(mine, "best_estimator_") == bool(settings["refit"])
    assert isinstance(mine.scorer_, dict) == isinstance(theirs.scorer_, dict)
    if isinstance(settings["refit"], str):
        assert mine.score(X, y) == theirs.score(X, y)


def test_several_scores_need_one_that_decides(iris: Data) -> None:
    with pytest.raises(ValueError, match="For multi-metric scoring, the parameter refit must be"):
        StackedSearchCV(quick(), {}, scoring=["accuracy", "f1_macro"]).fit(*iris)
    with pytest.raises(ValueError, match="For multi-metric scoring, the parameter refit must be"):
        StackedSearchCV(quick(), {}, scoring=both_scores, refit="neither").fit(*iris)


def test_failures_of_several_scores(iris: Data) -> None:
    X, y = iris
    grid = {"learning_rate_init": [0.01, 1e200], "solver": ["sgd"], "activation": ["identity"]}
    settings = {"scoring": both_scores, "refit": "right", "cv": 3, "return_train_score": True}
    found = []
    for kind in (StackedSearchCV, GridSearchCV):
        with (
            pytest.warns(FitFailedWarning, match="3 fits failed out of a total of 6"),
            pytest.warns(UserWarning, match="scores are non-finite"),
        ):
            found.append(kind(quick(), grid, **settings).fit(X, y))
    assert_same_results(*found)
    assert np.isnan(found[0].cv_results_["mean_train_wrong"][1])


def test_weights_are_routed(iris: Data) -> None:
    X, y = iris
    weight = np.random.default_rng(0).uniform(0.1, 2, 150)
    params = {"sample_weight": weight, "groups": np.arange(150) % 3}
    with config_context(enable_metadata_routing=True):
        for scored in (True, False):
            estimator = quick().set_fit_request(sample_weight=True)
            estimator.set_score_request(sample_weight=scored)
            mine, theirs = (
                kind(estimator, {"alpha": [1e-3, 10.0]}, cv=GroupKFold(3)).fit(X, y, **params)
                for kind in (StackedSearchCV, GridSearchCV)
            )
            assert_same_results(mine, theirs)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            StackedSearchCV(quick(), {"alpha": [1.0]}).fit(X, y, sample_weight=weight)


def test_what_else_fit_takes(iris: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held-out examples of one's own are watched in each fit by itself."""
    X, y = iris
    estimator = quick(early_stopping=True, n_iter_no_change=1)
    held_out = X[100:], y[100:]
    mine, theirs = (
        kind(estimator, {"alpha": [1e-3, 10.0]}, cv=3).fit(X, y, validation_data=held_out)
        for kind in (StackedSearchCV, GridSearchCV)
    )
    assert_same_results(mine, theirs)
    assert mine.best_estimator_.best_validation_score_ == mine.best_estimator_.score(*held_out)


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
    with (
        pytest.warns(FitFailedWarning, match="3 fits failed out of a total of 6.\n(.*\n)*.*finite"),
        pytest.warns(UserWarning, match="One or more of the test scores are non-finite"),
    ):
        search = StackedSearchCV(estimator, grid, cv=3).fit(X, y)
    assert search.best_params_ == {"learning_rate_init": 0.01}
    assert np.isnan(search.cv_results_["mean_test_score"][1])
    assert search.sweep_.diverged == 3
    with pytest.raises(ValueError, match="Solver produced non-finite"):
        StackedSearchCV(estimator, grid, cv=3, error_score="raise").fit(X, y)
    with pytest.raises(ValueError, match="All the 3 fits failed"):
        StackedSearchCV(estimator, {"learning_rate_init": [1e200]}, cv=3).fit(X, y)
    search = StackedSearchCV(quick(), {"activation": ["relu", "rellu"]}, cv=3, error_score=-1)
    with pytest.warns(FitFailedWarning, match="nearest is 'relu'"):
        search.fit(X, y)
    assert search.cv_results_["mean_test_score"][1] == -1


def test_rows_that_only_some_fits_can_take(iris: Data) -> None:
    """A NaN fails the fits that train on it, and the scores of the others."""
    X, y = iris[0].copy(), iris[1]
    X[0, 0] = np.nan
    found = []
    for kind in (StackedSearchCV, GridSearchCV):
        search = kind(quick(), {"alpha": [1e-3, 10.0]}, cv=3, error_score=0.0, refit=False)
        with (
            pytest.warns(FitFailedWarning, match="4 fits failed out of a total of 6"),
            pytest.warns(UserWarning, match="Scoring failed"),
        ):
            found.append(search.fit(X, y))
    assert_same_results(*found)


def test_ctrl_c_ends_the_search(iris: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(self: Any, epoch: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mlpcore.sklearn.stacks._Watch.observe", pressed)
    with pytest.raises(KeyboardInterrupt):
        StackedSearchCV(quick(), {"alpha": [1e-3, 10.0]}, cv=3).fit(*iris)


def test_tables_keep_their_names(iris: Data) -> None:
    pandas = pytest.importorskip("pandas")
    X, y = iris
    table = pandas.DataFrame(X, columns=list("abcd"))
    search = StackedSearchCV(quick(), {"alpha": [1e-3, 10.0]}, cv=3).fit(table, pandas.Series(y))
    assert search.feature_names_in_.tolist() == list("abcd")
    theirs = GridSearchCV(quick(), {"alpha": [1e-3, 10.0]}, cv=3).fit(X, y)
    assert_same_results(search, theirs)


def test_the_same_as_a_sweep(iris: Data) -> None:
    pandas = pytest.importorskip("pandas")
    search = StackedSearchCV(quick(max_iter=7), {"alpha": [1e-3, 1.0]}, cv=3).fit(*iris)
    assert isinstance(search.sweep_.to_pandas(), pandas.DataFrame)
    assert all(len(record.loss) == 7 for record in search.sweep_.records)
    assert search.cv_results_["epochs"].tolist() == [7, 7]
    estimator = quick(early_stopping=True, n_iter_no_change=3)
    early = StackedSearchCV(estimator, {"alpha": [0.1]}, cv=5)
    records = early.fit(*iris).sweep_.records
    assert early.cv_results_["epochs"].tolist() == [max(record.epochs for record in records)]
    assert len({record.epochs for record in records}) > 1
    for record in records:
        assert 0 <= record.best_epoch < record.epochs == len(record.held_out_loss)


def test_other_estimators_are_refused(iris: Data) -> None:
    with pytest.raises(TypeError, match="got Pipeline, expected an MLPClassifier or MLPRegressor"):
        StackedSearchCV(make_pipeline(StandardScaler(), quick()), {}).fit(*iris)


def test_nothing_is_said_where_all_converge(iris: Data) -> None:
    with warnings.catch_warnings(action="error"):
        StackedSearchCV(quick(tol=1.0, n_iter_no_change=1), {"alpha": [0.1]}, cv=2).fit(*iris)
