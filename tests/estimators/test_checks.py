"""scikit-learn's checks of an estimator, without a single expected failure.

``MLPCORE_TEST_ALL_CHECKS=1`` runs them for more parameters than the defaults.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from mlpcore.sklearn import MLPClassifier, MLPRegressor

ESTIMATORS = [MLPClassifier(), MLPRegressor()]
if os.environ.get("MLPCORE_TEST_ALL_CHECKS"):
    settings: list[dict[str, Any]] = [
        {"solver": "sgd"},
        {"solver": "sgd", "learning_rate": "adaptive", "activation": "tanh"},
        {"normalization": "layer"},
        {"initializer": "he_normal"},
        {"weight_decay": 0.01, "clip_norm": 1.0},
    ]
    ESTIMATORS += [kind(**own) for kind in (MLPClassifier, MLPRegressor) for own in settings]
    ESTIMATORS += [
        MLPClassifier(label_smoothing=0.1),
        MLPClassifier(solver="lbfgs", max_iter=20),
        MLPRegressor(solver="lbfgs"),
        MLPRegressor(loss="huber"),
        MLPRegressor(loss="absolute_error"),
    ]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(ESTIMATORS)
def test_it_is_an_estimator(
    estimator: Any, check: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # else its checks of Torch's arrays are skipped
    check(estimator)
