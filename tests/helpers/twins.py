"""The same training on a device and on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

import mlpcore as mc
from mlpcore import training
from training_cases import FEATURES, LABELS, OUTPUTS, X

TOLERANCE: dict[str, dict[str, float]] = {
    "float32": {"rtol": 1e-4, "atol": 2e-5},
    "float64": {"rtol": 1e-10, "atol": 1e-12},
}


def fit(net: mc.MLP, recorded: bool, y: Any = LABELS, **arguments: Any) -> mc.History:
    """Train with a last, shorter batch in each epoch."""
    settings: dict[str, Any] = {"batch_size": 4, "epochs": 3, "optimizer": mc.SGD(0.1)}
    settings |= {"progress": False} | arguments
    data = settings.pop("X", X)
    return training.fit(net, data, y, recorded=recorded, **settings)


def twins(
    cupy: Any, *, hidden: tuple[int, ...] = (6, 5), **arguments: Any
) -> tuple[mc.MLP, mc.MLP]:
    """The same network on the device and on the CPU."""
    own = {"activation": "tanh", "dtype": "float64"} | arguments
    sizes = [FEATURES, *hidden, OUTPUTS]
    return mc.MLP(sizes, backend=cupy.backend, **own), mc.MLP(sizes, **own)


def assert_equal_steps(ours: mc.MLP, theirs: mc.MLP, **arguments: Any) -> None:
    """Train both, the one by recorded steps: the same parameters, and the same history."""
    assert ours.backend.records
    histories = fit(ours, True, **arguments), fit(theirs, False, **arguments)
    tolerance = TOLERANCE[theirs.dtype]
    expected = theirs.tensors()
    for name, value in ours.tensors().items():
        np.testing.assert_allclose(value, expected[name], **tolerance, err_msg=name)
    for name in ("loss", "gradient_norm", "learning_rate"):
        got, want = (getattr(history, name) for history in histories)
        np.testing.assert_allclose(got, want, **tolerance, err_msg=name)
