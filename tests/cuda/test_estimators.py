"""The search of scikit-learn's manner on a device: what it keeps of the best epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from mlpcore.backend import devices
from mlpcore.sklearn import MLPClassifier, StackedSearchCV


def test_a_search_is_as_on_the_cpu(on_the_shim: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    monkeypatch.setattr(devices, "_gpu", lambda number: on_the_shim.backend)
    found = []
    for backend in ("cpu", "gpu"):
        estimator = MLPClassifier(
            (8,), max_iter=6, batch_size=16, early_stopping=True, random_state=0, backend=backend
        )
        search = StackedSearchCV(estimator, {"alpha": [1e-4, 1e-1]}, cv=2)
        with pytest.warns(Warning, match="Maximum iterations"):
            found.append(search.fit(X, y))
    on_cpu, on_gpu = (search.cv_results_ for search in found)
    np.testing.assert_allclose(on_gpu["mean_test_score"], on_cpu["mean_test_score"])
    np.testing.assert_allclose(found[1].predict_proba(X), found[0].predict_proba(X), atol=1e-6)
    assert on_the_shim.launched
