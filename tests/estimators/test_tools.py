"""With scikit-learn's tools: pipelines, searches, cloning, pickling, tables and routed metadata."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlpcore.sklearn import MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

Data = tuple[np.ndarray, np.ndarray]


def quick(**parameters: Any) -> MLPClassifier:
    """A small one that learns fast."""
    defaults = {"learning_rate_init": 0.02, "max_iter": 60, "random_state": 0}
    return MLPClassifier((10,), **(defaults | parameters))


def test_in_a_pipeline_and_a_search(iris: Data) -> None:
    X, y = iris
    pipeline = make_pipeline(StandardScaler(), quick())
    grid = {"mlpclassifier__alpha": [1e-4, 100.0], "mlpclassifier__dropout": [0.0, 0.1]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_params_["mlpclassifier__alpha"] == 1e-4
    assert search.best_score_ > 0.9
    assert cross_val_score(pipeline, X, y, cv=3, n_jobs=2).mean() > 0.9


def test_clones_are_unfitted_and_alike(iris: Data) -> None:
    first = quick(class_weight={0: 2.0}, callbacks=(print,)[:0]).fit(*iris)
    second = clone(first)
    assert not hasattr(second, "network_")
    assert second.get_params() == first.get_params()
    np.testing.assert_array_equal(second.fit(*iris).coefs_[0], first.coefs_[0])
    assert repr(quick(alpha=0.5)) == (
        "MLPClassifier(alpha=0.5, hidden_layer_sizes=(10,), learning_rate_init=0.02,\n"
        "              max_iter=60, random_state=0)"
    )


@pytest.mark.parametrize("keep", ["pickle", "joblib"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_kept_and_taken_up_again(iris: Data, keep: str, solver: str) -> None:
    """What comes back predicts alike, and goes on training in the same bits."""
    X, y = iris
    parameters = {"solver": solver, "learning_rate": "adaptive", "normalization": "batch"}
    first = quick(**parameters, n_iter_no_change=1, tol=0.05)
    for _ in range(4):
        first.partial_fit(X, y, classes=[0, 1, 2])
    if keep == "pickle":
        second = pickle.loads(pickle.dumps(first))
    else:
        file = io.BytesIO()
        joblib.dump(first, file)
        file.seek(0)
        second = joblib.load(file)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    for _ in range(4):
        first.partial_fit(X, y)
        second.partial_fit(X, y)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert first.loss_curve_ == second.loss_curve_
    assert first._optimizer.learning_rate == second._optimizer.learning_rate


def test_tables_keep_their_names(iris: Data) -> None:
    pandas = pytest.importorskip("pandas")
    X, y = iris
    table = pandas.DataFrame(X, columns=list("abcd"))
    pipeline = make_pipeline(StandardScaler(), quick(early_stopping=True))
    pipeline.set_output(transform="pandas").fit(table, pandas.Series(y))
    assert pipeline[-1].feature_names_in_.tolist() == list("abcd")
    assert pipeline.score(table, y) > 0.5
    with pytest.raises(ValueError, match="feature names should match"):
        pipeline[-1].predict(table[["b", "a", "c", "d"]])


def test_weights_are_routed(iris: Data) -> None:
    X, y = iris
    weight = np.where(y == 2, 1e-9, 1.0)
    with config_context(enable_metadata_routing=True):
        estimator = (
            quick().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        )
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), estimator)
        found = cross_validate(
            pipeline, X, y, params={"sample_weight": weight}, cv=3, return_estimator=True
        )
        assert np.all(found["test_score"] > 0.9)
        assert all(2 not in fitted.predict(X[y == 0]) for fitted in found["estimator"])
        search = GridSearchCV(estimator, {"alpha": [0.1]}, cv=3).fit(X, y, sample_weight=weight)
        assert search.best_score_ > 0.9


def test_under_a_meta_estimator(iris: Data) -> None:
    assert BaggingClassifier(quick(), n_estimators=3, random_state=0).fit(*iris).score(*iris) > 0.9


def test_a_generator_is_drawn_from(iris: Data) -> None:
    """An integer repeats itself; a generator goes on, as scikit-learn's own does."""
    first, second = (
        quick(random_state=np.random.RandomState(5), max_iter=2).fit(*iris) for _ in range(2)
    )
    np.testing.assert_array_equal(first.coefs_[0], second.coefs_[0])
    generator = np.random.RandomState(5)
    third, fourth = (quick(random_state=generator, max_iter=2).fit(*iris) for _ in range(2))
    np.testing.assert_array_equal(first.coefs_[0], third.coefs_[0])
    assert not np.array_equal(third.coefs_[0], fourth.coefs_[0])


MISSING = """
import sys
sys.modules["sklearn"] = None
import mlpcore
try:
    import mlpcore.sklearn
except ImportError as fault:
    print(fault)
"""


def test_the_error_names_the_extra() -> None:
    result = subprocess.run(
        [sys.executable, "-P", "-c", MISSING], capture_output=True, text=True, check=True
    )
    wanted = 'got no scikit-learn; install it with: pip install "mlpcore[sklearn]"'
    assert result.stdout.strip() == wanted
