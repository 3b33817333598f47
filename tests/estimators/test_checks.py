"""scikit-learn's checks of an estimator, without a single expected failure.

``MLPCORE_TEST_ALL_CHECKS=1`` runs them for more parameters than the defaults.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
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
def test_it_is_an_estimator(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


#: SciPy must hear of the mode before it is imported, so it takes a process of its own.
ARRAY_API = """
import json, warnings
from sklearn.utils.estimator_checks import check_estimator
from mlpcore.sklearn import MLPClassifier, MLPRegressor
warnings.simplefilter("ignore")
found = {}
for estimator in (MLPClassifier(max_iter=5), MLPRegressor(max_iter=5)):
    for result in check_estimator(estimator, on_fail=None, on_skip=None):
        if "array_api" in result["check_name"]:
            found.setdefault(result["status"], []).append(str(result["exception"]))
print(json.dumps(found))
"""


def test_arrays_of_other_libraries_come_back_as_they_came() -> None:
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    result = subprocess.run(
        [sys.executable, "-c", ARRAY_API],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    assert "failed" not in found, found["failed"]
    assert len(found["passed"]) >= 4
