"""What the tests of sweeps share: small data, and the same networks trained one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.experiments.folds import splits
from mlpcore.training.optimizers import optimizer as find_optimizer


@pytest.fixture
def classes() -> tuple[np.ndarray, np.ndarray]:
    """Three classes of 50 rows in all: features and labels."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, 50)
    return rng.normal(size=(50, 4)) + 1.5 * np.eye(3, 4)[y], y


@pytest.fixture
def values() -> tuple[np.ndarray, np.ndarray]:
    """Two values to predict, of 41 rows."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(41, 3))
    return X, np.stack([X[:, 0] * X[:, 1], X.sum(axis=1)], axis=-1)


def train_alone(
    X: Any, y: Any, setting: dict[str, Any], rows: Any, **fit: Any
) -> tuple[mc.MLP, Any]:
    """One network trained by itself on some rows: what each member is to end with."""
    setting = dict(setting)
    kind = type(find_optimizer(setting.pop("optimizer", "adam")))
    names = [name for name in setting if name in kind.__dataclass_fields__]
    optimizer = kind(**{name: setting.pop(name) for name in names})
    training = ("batch_size", "epochs", "shuffle", "class_weight")
    settings = {name: setting.pop(name) for name in training if name in setting}
    labels = y.ndim == 1
    outputs = y.max() + 1 if labels else y.shape[1]
    setting.setdefault("output", "softmax" if labels else "identity")
    hidden = setting.pop("hidden")
    network = mc.MLP([X.shape[1], *hidden, outputs], dtype="float64", **setting)
    history = network.fit(X[rows], y[rows], optimizer=optimizer, progress=False, **settings, **fit)
    return network, history


@pytest.fixture
def alone() -> Any:
    """``alone(X, y, setting, rows, **fit)``: the network and its history."""
    return train_alone


@pytest.fixture
def one_by_one() -> Any:
    """``one_by_one(settings, X, y, cv, fixed)``: accuracy and last loss, ``(settings, splits)``."""

    def train(settings: Any, X: Any, y: Any, cv: Any, fixed: dict[str, Any]) -> Any:
        found = []
        for setting in settings:
            for split in splits(cv, X, y, labels=y if y.ndim == 1 else None):
                network, history = train_alone(X, y, {**fixed, **setting}, split.training)
                held_out = X[split.held_out], y[split.held_out]
                found.append((-float(network.loss(*held_out)), history.loss))
        return found

    return train
