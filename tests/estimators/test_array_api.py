"""Arrays of other libraries: they come back as they came, in scikit-learn's array-API mode."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sklearn import config_context
from sklearn.model_selection import GridSearchCV, cross_val_score

from mlpcore.sklearn import MLPClassifier, MLPRegressor, StackedSearchCV
from mlpcore.sklearn.arrays import Home

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

Data = tuple[np.ndarray, np.ndarray]


@pytest.fixture(params=["torch", "array_api_strict"])
def xp(request: pytest.FixtureRequest) -> ModuleType:
    """A library."""
    return pytest.importorskip(request.param)


@pytest.fixture
def mode(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """scikit-learn's array-API mode."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    with config_context(array_api_dispatch=True):
        yield


def quick(**parameters: Any) -> MLPClassifier:
    """A small one."""
    return MLPClassifier((9,), max_iter=20, random_state=0, **parameters)


def array_of(xp: ModuleType) -> type:
    """The class of a library's arrays."""
    return type(xp.asarray(0.0))


@pytest.mark.usefixtures("mode")
def test_a_classifier(iris: Data, xp: ModuleType) -> None:
    X, y = iris
    plain, other = quick().fit(X, y), quick().fit(xp.asarray(X), xp.asarray(y))
    features = xp.asarray(X)
    for found, wanted in (
        (other.predict(features), plain.predict(X)),
        (other.predict_proba(features), plain.predict_proba(X)),
        (other.predict_log_proba(features), plain.predict_log_proba(X)),
        (other.coefs_[0], plain.coefs_[0]),
        (other.intercepts_[0], plain.intercepts_[0]),
        (other.classes_, plain.classes_),
    ):
        assert isinstance(found, array_of(xp))
        np.testing.assert_array_equal(np.asarray(found), wanted)
    assert other.score(features, xp.asarray(y)) == pytest.approx(plain.score(X, y))


@pytest.mark.usefixtures("mode")
def test_a_regressor(values: Data, xp: ModuleType) -> None:
    X, y = (xp.asarray(array, dtype=xp.float32) for array in values)
    regressor = MLPRegressor(hidden_layer_sizes=(5,), solver="lbfgs", random_state=0).fit(X, y)
    predicted = regressor.predict(X)
    assert isinstance(predicted, array_of(xp))
    assert (predicted.dtype, tuple(predicted.shape)) == (xp.float32, (90,))
    assert regressor.score(X, y) > 0.9


@pytest.mark.usefixtures("mode")
def test_weights_and_held_out_examples(iris: Data, xp: ModuleType) -> None:
    X, y = iris
    weight = np.linspace(0, 2, 150)
    for parameters in ({}, {"scoring": "accuracy"}):
        settings = {"early_stopping": True, "n_iter_no_change": 3, **parameters}
        plain = quick(**settings).fit(X, y, weight)
        other = quick(**settings).fit(*map(xp.asarray, (X, y, weight)))
        np.testing.assert_array_equal(np.asarray(other.coefs_[0]), plain.coefs_[0])
        assert other.validation_scores_ == pytest.approx(plain.validation_scores_)


@pytest.mark.usefixtures("mode")
def test_strings_stay_numpys(iris: Data, xp: ModuleType) -> None:
    X, y = iris
    names = np.array(list("abc"))[y]
    classifier = quick().fit(xp.asarray(X), names)
    assert classifier.classes_.tolist() == list("abc")
    assert classifier.predict(xp.asarray(X)).dtype == names.dtype


@pytest.mark.usefixtures("mode")
def test_kept_and_read_again(iris: Data, xp: ModuleType) -> None:
    X, y = map(xp.asarray, iris)
    first = quick().fit(X, y)
    second = pickle.loads(pickle.dumps(first))
    assert isinstance(second.predict(X), array_of(xp))
    np.testing.assert_array_equal(np.asarray(second.coefs_[0]), np.asarray(first.coefs_[0]))


@pytest.mark.usefixtures("mode")
def test_another_library_than_in_training(iris: Data, xp: ModuleType) -> None:
    X, y = iris
    message = r"MLPClassifier.predict\(\) must use the same namespace and device"
    with pytest.raises(ValueError, match=message):
        quick().fit(xp.asarray(X), xp.asarray(y)).predict(X)
    with pytest.raises(ValueError, match=message):
        quick().fit(X, y).predict(xp.asarray(X))


@pytest.mark.usefixtures("mode")
def test_what_is_at_home_already_stays(xp: ModuleType) -> None:
    array = xp.asarray([1.0])
    assert Home.of(array).bring(array) is array


@pytest.mark.usefixtures("mode")
def test_in_a_search(iris: Data, xp: ModuleType) -> None:
    X, y = map(xp.asarray, iris)
    grid = {"alpha": [1e-3, 10.0]}
    mine, theirs = (kind(quick(), grid, cv=3).fit(X, y) for kind in (StackedSearchCV, GridSearchCV))
    for name in ("split0_test_score", "mean_test_score", "rank_test_score"):
        np.testing.assert_array_equal(mine.cv_results_[name], theirs.cv_results_[name])
    assert isinstance(mine.predict(X), array_of(xp))
    scores = cross_val_score(quick(alpha=1e-3), X, y, cv=3)
    np.testing.assert_array_equal(scores.mean(), mine.cv_results_["mean_test_score"][0])


def test_outside_of_that_mode_they_are_taken_as_numbers(values: Data, xp: ModuleType) -> None:
    X, y = values
    regressor = MLPRegressor(hidden_layer_sizes=(5,), max_iter=3, random_state=0)
    regressor.fit(xp.asarray(X), xp.asarray(y))
    assert isinstance(regressor.predict(xp.asarray(X)), np.ndarray)


@pytest.mark.usefixtures("mode")
def test_lists_are_numpys(values: Data) -> None:
    X, y = values
    regressor = MLPRegressor(hidden_layer_sizes=(5,), max_iter=3, random_state=0)
    assert isinstance(regressor.fit(X.tolist(), y.tolist()).predict(X.tolist()), np.ndarray)
