"""The whole sweep against the same networks trained one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mlpcore as mc

FIXED = {"epochs": 4, "batch_size": 8}

SPACES: dict[str, Any] = {
    "rates, widths and depths": {
        "learning_rate": [1e-3, 1e-2],
        "hidden": [(5,), (7,), (6, 4), (3, 6), ()],
    },
    "activations": {
        "activation": ["relu", "tanh", "elu(alpha=0.5)", "elu(alpha=2.0)"],
        "hidden": [(5,), (7,)],
    },
    "by layer": {"activation": [("relu", "tanh"), ("tanh", "gelu")], "hidden": [(6, 4)]},
    "dropout": {"dropout": [0.0, 0.3, 0.5], "hidden": [(5,), (7,)], "seed": [0, 9]},
    "smoothing": {"label_smoothing": [0.0, 0.1], "hidden": [(5,)]},
    "initial weights": {"init": ["auto", "zeros", "normal(std=0.2)"], "init_scale": [0.5, 1.0]},
    "normalization": {"normalization": [None, "batch", "layer"], "hidden": [(5,), (7,)]},
    "adam": {"beta1": [0.0, 0.9], "l2": [0.0, 0.1], "clip_norm": [None, 0.01], "hidden": (5,)},
    "optimizers": [
        {"optimizer": "sgd", "momentum": [0.0, 0.5, 0.9], "learning_rate": [0.1]},
        {"optimizer": "sgd", "momentum": 0.9, "nesterov": True},
        {"optimizer": ["rmsprop", "adagrad", "adamw"], "weight_decay": [0.0, 0.1]},
    ],
    "schedules": {
        "learning_rate": [
            0.01,
            mc.schedules.CosineDecay(0.1, epochs=4),
            mc.schedules.CosineDecay(0.05, epochs=2),
            mc.schedules.WarmUp(mc.schedules.StepDecay(0.1, every=2), epochs=2),
            mc.schedules.WarmUp(mc.schedules.StepDecay(0.2, every=1), epochs=3),
            mc.schedules.ReduceOnPlateau(0.5, patience=0),
            mc.schedules.ReduceOnPlateau(0.1, patience=1),
        ]
    },
    "batches": {"batch_size": [8, 40, 100], "epochs": [3, 4], "shuffle": [True, False]},
}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_members_end_as_if_trained_alone(space: Any, classes: Any, one_by_one: Any) -> None:
    X, y = classes
    fixed = {"hidden": (5,), **FIXED}
    result = mc.sweep(space, X, y, cv=3, metric="loss", dtype="float64", refit=False, **fixed)
    expected = one_by_one(result.settings, X, y, 3, fixed)
    assert [record.key for record in result.records] == sorted(r.key for r in result.records)
    for record, (score, losses) in zip(result.records, expected, strict=True):
        np.testing.assert_allclose(record.score, score, rtol=1e-10)
        np.testing.assert_allclose(record.loss, losses, rtol=1e-10)
