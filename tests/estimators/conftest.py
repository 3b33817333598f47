"""Small data, and the warning of a training that is cut short."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

#: Without scikit-learn there is nothing to test here.
collect_ignore_glob = [] if importlib.util.find_spec("sklearn") else ["test_*.py"]


@pytest.fixture
def iris() -> tuple[np.ndarray, np.ndarray]:
    """Standardised features in random order, and three classes."""
    from sklearn.datasets import load_iris
    from sklearn.preprocessing import scale

    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return scale(X)[order], y[order]


@pytest.fixture
def values() -> tuple[np.ndarray, np.ndarray]:
    """Features, and a value that depends on them."""
    X = np.random.default_rng(1).normal(size=(90, 3))
    return X, X[:, 0] * 2 + np.sin(X[:, 1])
