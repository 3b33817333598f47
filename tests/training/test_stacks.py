"""Stacks: each member trains as it does alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import schedules
from small_training import CLASSES, FEATURES, LOTTERY, MEMBERS, ROWS, VALUES, X, Y, fit, network

pytestmark = pytest.mark.filterwarnings("error")

#: Hyperparameters that differ by member: arguments of the network, the optimizer, those of `fit`.
STACKS: dict[str, tuple[dict[str, Any], Any, dict[str, Any]]] = {
    "seed": ({"seed": [5, 2, 5]}, mc.Adam(0.01), {}),
    "numbered members": ({"seed": 4}, mc.Adam(0.01), {}),
    "learning rate": ({}, mc.SGD([0.1, 0.0, 0.3]), {}),
    "schedule": ({}, mc.SGD(schedules.WarmUp([0.1, 0.2, 0.3], epochs=[1.0, 2.0, 3.0])), {}),
    "cosine": ({}, mc.SGD(schedules.CosineDecay([0.1, 0.2, 0.3], epochs=[1.0, 2.0, 3.0])), {}),
    "plateau": ({}, mc.SGD(schedules.ReduceOnPlateau([0.1, 1e-9, 0.3], patience=0)), {}),
    "l2": ({}, mc.SGD(0.1, l2=[0.0, 0.1, 0.5]), {}),
    "weight decay": ({}, mc.AdamW(0.01, weight_decay=[0.0, 0.1, 0.5]), {}),
    "clip norm": ({}, mc.SGD(0.1, clip_norm=[0.01, 0.5, np.inf]), {}),
    "clip value": ({}, mc.SGD(0.1, clip_value=[0.01, 0.5, np.inf]), {}),
    "both clips and l2": (
        {},
        mc.Adam(0.01, clip_norm=[0.1, 0.5, 1.0], clip_value=[0.1, 0.05, 0.01], l2=[0.5, 0.1, 0.0]),
        {},
    ),
    "momentum": ({}, mc.SGD(0.1, momentum=[0.0, 0.5, 0.9]), {}),
    "Nesterov": ({}, mc.SGD(0.1, momentum=[0.1, 0.5, 0.9], nesterov=True), {}),
    "rho": ({}, mc.RMSProp(0.01, rho=[0.5, 0.9, 0.99], epsilon=[1e-8, 1e-4, 1e-2]), {}),
    "epsilon": ({}, mc.Adagrad(0.1, epsilon=[1e-8, 1e-4, 1e-2]), {}),
    "betas": ({}, mc.Adam(0.01, beta1=[0.0, 0.9, 0.5], beta2=[0.9, 0.99, 0.999], epsilon=1e-4), {}),
    "dropout": ({"dropout": np.array([0.1, 0.5, 0.0])}, mc.Adam(0.01), {}),
    "dropout by layer": ({"dropout": [0.2, np.array([0.1, 0.5, 0.3])]}, mc.Adam(0.01), {}),
    "label smoothing": ({"label_smoothing": np.array([0.0, 0.1, 0.5])}, mc.Adam(0.01), {}),
    "sample weight": (
        {},
        mc.Adam(0.01),
        {"sample_weight": np.random.default_rng(3).uniform(0.1, 2.0, (MEMBERS, ROWS))},
    ),
    "features": (
        {},
        mc.Adam(0.01),
        {"X": np.random.default_rng(4).normal(size=(MEMBERS, ROWS, FEATURES))},
    ),
    "targets": (
        {"output": "identity", "loss": "huber(delta=0.5)"},
        mc.Adam(0.01),
        {"y": np.random.default_rng(5).normal(size=(MEMBERS, ROWS, CLASSES))},
    ),
    "early stopping": (
        {},
        mc.Adam([0.002, 0.1, 0.3]),
        {"epochs": 40, "validation_data": LOTTERY, "early_stopping": 2},
    ),
}


@pytest.mark.parametrize("normalization", [None, "batch"])
@pytest.mark.parametrize(("arguments", "optimizer", "settings"), STACKS.values(), ids=STACKS)
def test_each_member_trains_as_it_does_alone(
    arguments: dict[str, Any], optimizer: Any, settings: dict[str, Any], normalization: str | None
) -> None:
    arguments = {"normalization": normalization, "activation": "tanh"} | arguments
    stack = network(members=MEMBERS, **arguments)
    singles = [stack[e] for e in range(MEMBERS)]
    data = {"X": X, "y": Y if stack.head.target == "labels" else VALUES}
    history = fit(stack, optimizer=optimizer, **(data | settings))
    for e, single in enumerate(singles):
        own = {
            name: value[e] if name in ("X", "y", "sample_weight") else value
            for name, value in settings.items()
        }
        expected = fit(single, optimizer=optimizer.select(e), **(data | own))
        np.testing.assert_allclose(stack.parameters[e], single.parameters, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(
            stack.statistics.flat[e], single.statistics.flat, rtol=1e-10, atol=1e-12
        )
        epochs = len(expected)
        np.testing.assert_allclose(np.array(history.loss)[:epochs, e], expected.loss, rtol=1e-10)
        np.testing.assert_allclose(
            np.array(history.learning_rate)[:epochs, e], expected.learning_rate, rtol=1e-14
        )
        np.testing.assert_array_equal(np.asarray(history.best_epoch)[e], expected.best_epoch)


def test_the_values_of_the_stacks_above_matter() -> None:
    for name, (arguments, optimizer, settings) in STACKS.items():
        stack = network(members=MEMBERS, **({"seed": [1, 1, 1]} | arguments))
        y = Y if stack.head.target == "labels" else VALUES
        fit(stack, optimizer=optimizer, **({"y": y} | settings))
        assert not np.allclose(stack.parameters[0], stack.parameters[1], rtol=1e-8), name
