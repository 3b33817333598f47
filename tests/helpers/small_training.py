"""A training so small that tests can afford many: float64, with a last, shorter batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mlpcore as mc

ROWS, FEATURES, CLASSES = 11, 4, 3
SIZE, EPOCHS, STEPS = 4, 3, 3
MEMBERS = 3

X = np.random.default_rng(0).normal(size=(ROWS, FEATURES))
Y = np.array([0, 1, 2, 1, 0, 2, 1, 1, 0, 2, 0])
VALUES = np.random.default_rng(1).normal(size=(ROWS, CLASSES))
WEIGHTS = np.random.default_rng(2).uniform(0.2, 2.0, ROWS)

#: Validation rows whose labels are drawn by lot: what is learned soon hurts there.
LOTTERY = (np.random.default_rng(8).normal(size=(ROWS, FEATURES)), np.roll(Y, 1))

either = pytest.mark.parametrize("members", [None, MEMBERS], ids=["single", "stacked"])


def network(**arguments: Any) -> mc.MLP:
    """A small network in float64."""
    return mc.MLP([FEATURES, 6, 5, CLASSES], **({"dtype": "float64"} | arguments))


def fit(net: mc.MLP, y: Any = Y, **arguments: Any) -> mc.History:
    """A short training."""
    defaults = {"batch_size": SIZE, "epochs": EPOCHS, "progress": False}
    return net.fit(arguments.pop("X", X), y, **(defaults | arguments))
