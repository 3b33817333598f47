"""Rows, smaller stacks and checkpoints on other array libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import schedules, training

pytestmark = pytest.mark.filterwarnings("error")

ROWS, FEATURES, OUTPUTS, MEMBERS = 14, 4, 3, 6

numbers = np.random.default_rng(0)
X = numbers.normal(size=(ROWS, FEATURES))
LABELS = numbers.integers(0, OUTPUTS, ROWS)
RATES = np.geomspace(0.003, 0.3, MEMBERS)
TRAIN = np.array([np.roll(np.arange(ROWS), e)[:10] for e in range(MEMBERS)])

libraries = pytest.mark.parametrize("name", ["array_api_strict", "torch"])


def train(backend: Any, **arguments: Any) -> tuple[np.ndarray, mc.History]:
    net = mc.MLP([FEATURES, 6, OUTPUTS], members=MEMBERS, dtype="float64", backend=backend)
    defaults: dict[str, Any] = {
        "optimizer": mc.Adam(schedules.ReduceOnPlateau(RATES, patience=1), epsilon=1e-4),
        "validation_data": (-X, np.roll(LABELS, 1)),
        "metrics": "accuracy",
        "batch_size": 4,
        "epochs": 25,
        "progress": False,
    }
    history = training.fit(net, X, LABELS, **(defaults | arguments))
    return net.backend.to_numpy(net.parameters), history


def assert_same(backend: Any, **arguments: Any) -> None:
    (ours, history), (theirs, expected) = train(backend, **arguments), train("cpu", **arguments)
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)
    for name in ("loss", "validation_loss", "learning_rate"):
        np.testing.assert_allclose(getattr(history, name), getattr(expected, name), rtol=1e-8)


@libraries
def test_folds(name: str) -> None:
    backend = pytest.importorskip(name)
    folds = {"rows": TRAIN, "validation_rows": ROWS - 1 - TRAIN, "validation_data": None}
    assert_same(backend, class_weight="balanced", epochs=3, **folds)


@libraries
def test_members_that_leave(name: str) -> None:
    assert_same(pytest.importorskip(name), early_stopping=2)


@libraries
def test_checkpoints(name: str, tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    backend = pytest.importorskip(name)
    expected, _ = train(backend, early_stopping=3)
    for epochs in (4, 7, 25):
        found, _ = train(backend, early_stopping=3, epochs=epochs, checkpoint=tmp_path)
    np.testing.assert_array_equal(found, expected)
