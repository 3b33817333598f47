"""Data of any form, type and value for the estimators: the plain data's result, or an error.

What scikit-learn's own checks take, dates and written numbers among it, the estimators take.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import dressings

pytest.importorskip("sklearn")

from sklearn.exceptions import ConvergenceWarning

from mlpcore.sklearn import MLPClassifier, MLPRegressor

ROWS = 8
X = np.random.default_rng(0).uniform(0.1, 1.0, (ROWS, 3)).round(2)
LABELS = (np.arange(ROWS) % 2).astype(float)
ESTIMATORS = {"classifier": (MLPClassifier, LABELS), "regressor": (MLPRegressor, 2 * X[:, 0])}
ARGUMENTS = ("X", "y", "sample_weight")
#: Scikit-learn's refusals, and what an array itself raises when one is made of it.
REFUSALS = (ValueError, TypeError, RuntimeError, OverflowError)


def predicted(kind: str, **changed: Any) -> np.ndarray | Exception:
    """Predictions after a short training, or why there are none; other warnings are errors."""
    estimator, y = ESTIMATORS[kind]
    data = {"X": X, "y": y, "sample_weight": np.ones(ROWS)} | changed
    model = estimator(hidden_layer_sizes=(4,), max_iter=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            model.fit(data["X"], data["y"], sample_weight=data["sample_weight"])
            return np.asarray(model.predict(data["X"]))
        except REFUSALS as fault:
            return fault


def good(kind: str, argument: str) -> np.ndarray:
    return {"X": X, "y": ESTIMATORS[kind][1], "sample_weight": np.ones(ROWS)}[argument]


def dressed(form: dressings.Dressing, array: np.ndarray) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return form(array)


def check(kind: str, argument: str, value: Any, plain: np.ndarray) -> None:
    got = predicted(kind, **{argument: value})
    if isinstance(got, Exception):
        assert str(got)
        return
    expected = predicted(kind, **{argument: plain})
    assert not isinstance(expected, Exception), expected
    assert np.isfinite(got.astype(float)).all()
    np.testing.assert_allclose(got.astype(float), expected.astype(float), rtol=1e-6)


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("argument", ARGUMENTS)
@pytest.mark.parametrize("form", dressings.FORMS)
def test_numbers_of_any_form(kind: str, argument: str, form: str) -> None:
    plain = good(kind, argument)
    value = dressed(dressings.FORMS[form], plain)
    check(kind, argument, value, plain)
    refused = {("classifier", "y", "objects"), ("X", "a sparse data frame")}
    if not {(kind, argument, form), (argument, form)} & refused:
        assert not isinstance(predicted(kind, **{argument: value}), Exception)


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("argument", ARGUMENTS)
@pytest.mark.parametrize("name", dressings.TYPES)
def test_numbers_of_any_type(kind: str, argument: str, name: str) -> None:
    value = dressed(dressings.TYPES[name], good(kind, argument))
    check(kind, argument, value, np.asarray(value, dtype=np.float64))


HARD = (np.nan, np.inf, -np.inf, 1e38, 3e38, 1e39, 1e308, 1e-310)


@pytest.mark.parametrize(
    ("kind", "argument", "number"),
    [
        (kind, argument, number)
        for kind in ESTIMATORS
        for argument in ARGUMENTS
        for number in HARD
        if (kind, argument) != ("classifier", "y") or not 1 < number < np.inf  # no label anywhere
    ],
)
def test_a_number_that_is_hard_to_take(kind: str, argument: str, number: float) -> None:
    plain = good(kind, argument).copy()
    plain.flat[2] = number
    check(kind, argument, plain.tolist(), plain)
    if not np.isfinite(number):
        assert isinstance(predicted(kind, **{argument: plain}), ValueError)


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("argument", ["X", "sample_weight"])
@pytest.mark.parametrize("form", ["complex", "ragged", "far too deep", "a mapping", "an object"])
def test_what_holds_no_numbers(kind: str, argument: str, form: str) -> None:
    value = dressings.STRANGE[form](good(kind, argument))
    assert isinstance(predicted(kind, **{argument: value}), REFUSALS)
