"""Trainings and hyperparameters that cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import schedules

ROWS, FEATURES, OUTPUTS = 7, 3, 3
X = np.random.default_rng(0).normal(size=(ROWS, FEATURES))
LABELS = np.arange(ROWS) % OUTPUTS

#: Arguments of `fit`, and words of the message.
UNFIT: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "optimizer": ({"optimizer": "adm"}, ("optimizer 'adm'", "sgd", "nearest is 'adam'")),
    "parameter of an optimizer": (
        {"optimizer": "adam(learning_rat=0.1)"},
        ("'learning_rat'", "beta1", "nearest is 'learning_rate'"),
    ),
    "metric": ({"metrics": ["acuracy"]}, ("metric 'acuracy'", "r2", "nearest is 'accuracy'")),
    "metric for values": ({"metrics": "r2"}, ('metric "r2"', "softmax", '"accuracy"')),
    "monitor": (
        {"early_stopping": mc.EarlyStopping(monitor="validation_acuracy")},
        ("'acuracy'", "nearest is 'accuracy'"),
    ),
    "monitor without validation data": (
        {"early_stopping": mc.EarlyStopping(monitor="validation_loss")},
        ("validation_loss", "validation_data"),
    ),
    **{
        f"batch_size={size!r}": ({"batch_size": size}, (f"batch_size={size!r}", "positive integer"))
        for size in (0, -1, 2.5, True, None, "x", float("nan"))
    },
    **{
        f"epochs={epochs!r}": ({"epochs": epochs}, (f"epochs={epochs!r}", "at least 0"))
        for epochs in (-1, 2.5, True, None, "x", float("nan"))
    },
    **{
        f"early_stopping={patience!r}": (
            {"early_stopping": patience},
            ("patience", "positive integer"),
        )
        for patience in (0, -1, 2.5, "x")
    },
    "rates of members": (
        {"optimizer": mc.Adam(np.array([0.1, 0.2]))},
        ("2 values", "Adam(learning_rate=...)", "a number"),
    ),
    "schedule of members": (
        {"optimizer": mc.Adam(schedules.WarmUp(np.array([0.1, 0.2])))},
        ("2 values", "Constant(learning_rate=...)", "a number"),
    ),
}


@pytest.mark.parametrize(("arguments", "words"), UNFIT.values(), ids=UNFIT)
def test_trainings_that_cannot_be(
    arguments: dict[str, Any], words: tuple[str, ...], refused: Any, unchanged: Any
) -> None:
    net = mc.MLP([FEATURES, OUTPUTS])
    with unchanged(net), refused(ValueError, *words):
        net.fit(X, LABELS, **arguments, progress=False)


@pytest.mark.parametrize("name", ["learning_rate", "l2", "weight_decay", "clip_norm", "clip_value"])
@pytest.mark.parametrize("optimizer", [mc.SGD, mc.RMSProp, mc.Adagrad, mc.Adam, mc.AdamW])
@pytest.mark.parametrize("value", [-0.1, [0.1, -0.1], float("nan"), "x", [[0.1]], []], ids=str)
def test_rates_that_cannot_be(optimizer: Any, name: str, value: Any, refused: Any) -> None:
    with refused(ValueError, repr(value), f"{optimizer.__name__}({name}=...)"):
        optimizer(**{name: value})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: mc.SGD(momentum=1.0), ("SGD(momentum=...)", "1.0", "below 1")),
        (lambda: mc.SGD(nesterov=True), ("momentum=0", "above 0")),
        (lambda: mc.Adam(beta1=-0.1), ("Adam(beta1=...)", "-0.1", "below 1")),
        (lambda: mc.Adam(beta2=1.0), ("Adam(beta2=...)", "1.0", "below 1")),
        (lambda: mc.Adam(epsilon=0.0), ("Adam(epsilon=...)", "0.0", "above 0")),
        (lambda: mc.Adam(clip_norm=0.0), ("Adam(clip_norm=...)", "0.0", "above 0")),
        (lambda: mc.RMSProp(rho=1.5), ("RMSProp(rho=...)", "1.5", "below 1")),
        (lambda: mc.EarlyStopping(min_delta=-1.0), ("min_delta=-1.0", "at least 0")),
        (lambda: schedules.StepDecay(-1.0), ("StepDecay(learning_rate=...)", "-1.0")),
    ],
)
def test_hyperparameters_that_cannot_be(make: Any, words: tuple[str, ...], refused: Any) -> None:
    with refused(ValueError, *words):
        make()
