"""The regressor: its losses, and one output or several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import d2_absolute_error_score, mean_poisson_deviance

from mlpcore.sklearn import MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

Data = tuple[np.ndarray, np.ndarray]


def exact(**parameters: Any) -> MLPRegressor:
    """One that fits closely."""
    defaults = {"solver": "lbfgs", "max_iter": 400, "random_state": 0}
    return MLPRegressor(hidden_layer_sizes=(12,), **(defaults | parameters))


def test_values_come_back_in_their_shape(values: Data) -> None:
    X, y = values
    assert exact().fit(X, y).predict(X).shape == (90,)
    columns = np.column_stack((y, X[:, 2]))
    both = exact().fit(X, columns)
    assert both.predict(X).shape == (90, 2)
    assert both.score(X, columns) > 0.99
    assert both.n_outputs_ == 2
    with pytest.warns(DataConversionWarning):
        assert exact().fit(X, y[:, None]).predict(X).shape == (90,)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "huber(delta=0.5)"])
def test_losses_of_values(values: Data, loss: str) -> None:
    X, y = values
    regressor = exact(loss=loss).fit(X, y)
    assert regressor.out_activation_ == "identity"
    assert d2_absolute_error_score(y, regressor.predict(X)) > 0.9


def test_robust_losses_heed_outliers_less(values: Data) -> None:
    X, y = values
    spoilt = np.where(np.arange(90) % 15 == 0, 60.0, y)
    settings = {"loss": "squared_error", "alpha": 1.0}
    plain = exact(**settings).fit(X, spoilt)
    for loss in ("absolute_error", "huber"):
        robust = exact(**settings | {"loss": loss}).fit(X, spoilt)
        assert np.median(np.abs(robust.predict(X) - y)) < np.median(np.abs(plain.predict(X) - y))


def test_counts(values: Data) -> None:
    X, _ = values
    rate = np.exp(0.5 * X[:, 0] + 1)
    y = np.random.default_rng(0).poisson(rate)
    regressor = exact(loss="poisson", alpha=10.0).fit(X, y)
    assert regressor.out_activation_ == "exp"
    assert np.all(regressor.predict(X) > 0)
    assert mean_poisson_deviance(rate, regressor.predict(X)) < 0.2
    with pytest.raises(ValueError, match="expected values at least 0"):
        exact(loss="poisson").fit(X, y - 5)


def test_the_reported_losses(values: Data) -> None:
    """Half the squared error, as a mean over outputs; half of Poisson's deviance, as a sum."""
    X, y = values
    columns = np.column_stack((y, X[:, 2]))
    settings = {"solver": "sgd", "alpha": 0.0, "learning_rate_init": 1e-12, "max_iter": 1}
    squared = exact(**settings).fit(X, columns)
    error = np.mean((squared.predict(X) - columns) ** 2)
    assert squared.loss_ == pytest.approx(error / 2)
    strict = exact(**settings | {"alpha": 3.0, "batch_size": 30}).fit(X, columns)
    penalty = 1.5 * sum(np.sum(weight**2) for weight in strict.coefs_) / 30
    assert strict.loss_ == pytest.approx(error / 2 + penalty)
    counts = np.random.default_rng(0).poisson(2.0, size=90)
    poisson = exact(loss="poisson", **settings).fit(X, counts)
    deviance = mean_poisson_deviance(counts, poisson.predict(X))
    assert poisson.loss_ == pytest.approx(deviance / 2)


def test_an_unknown_loss(values: Data) -> None:
    with pytest.raises(
        ValueError, match=r"got loss 'hubert', expected one of .*nearest is 'huber'"
    ):
        exact(loss="hubert").fit(*values)


def test_partial_fits_are_a_fit(values: Data) -> None:
    X, y = values
    settings = {"solver": "adam", "batch_size": 32, "max_iter": 6}
    whole, pieces = exact(**settings).fit(X, y), exact(**settings)
    for _ in range(6):
        pieces.partial_fit(X, y)
    np.testing.assert_array_equal(whole.predict(X), pieces.predict(X))
    with pytest.raises(ValueError, match="got y with 2 columns, expected 1 as in the first call"):
        pieces.partial_fit(X, np.column_stack((y, y)))


def test_a_training_that_diverges(values: Data) -> None:
    X, y = values
    wild = {"solver": "sgd", "learning_rate_init": 1e3, "activation": "identity"}
    with pytest.raises(ValueError, match=r"Solver produced non-finite .* lower the rate"):
        exact(**wild).fit(X, y)
    kept = exact(early_stopping=True, **wild).fit(X, y)
    assert np.isnan(kept.validation_scores_[-1])
    assert np.isnan(kept.loss_)
    assert all(np.isfinite(weight).all() for weight in kept.coefs_)
