"""``pytest bench/test_leaving.py``: half of a stack stops halfway, beside one that goes on."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import training

MEMBERS, EPOCHS, ROUNDS = 64, 20, 3

#: What it should take of the time; half of the members less for half of it is 0.75.
MOST = 0.8


def seconds(stopping: int, *, recorded: bool) -> float:
    """How long a stack trains of which so many members stop halfway.

    A member with a learning rate of 0 never improves, and one that falls steadily never stops.
    """
    numbers = np.random.default_rng(0)
    X = numbers.standard_normal((2000, 64), dtype=np.float32)
    y = X @ numbers.standard_normal((64, 10), dtype=np.float32)
    rates = np.where(np.arange(MEMBERS) < stopping, 0.0, 1e-4)
    stack = mc.MLP([64, 100, 10], output="identity", members=MEMBERS)
    start = time.perf_counter()
    history = training.fit(
        stack,
        X,
        y,
        optimizer=mc.Adam(rates),
        batch_size=200,
        epochs=EPOCHS,
        validation_data=(X, y),
        early_stopping=EPOCHS // 2 - 1,
        progress=False,
        recorded=recorded,
    )
    taken = time.perf_counter() - start
    trained = np.isfinite(np.array(history.loss)).sum(axis=0)
    assert np.all(trained == np.where(rates == 0, EPOCHS // 2, EPOCHS))
    return taken


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "functional"])
def test_half_that_stop_halfway(recorded: bool, benchmark: Any) -> None:
    whole, half = [], []
    for _ in range(ROUNDS):
        whole.append(seconds(0, recorded=recorded))
        half.append(seconds(MEMBERS // 2, recorded=recorded))
    share = median(h / w for h, w in zip(half, whole, strict=True))
    benchmark.extra_info["share of the time"] = round(share, 3)
    benchmark.extra_info["at most"] = MOST
    benchmark.pedantic(lambda: seconds(MEMBERS // 2, recorded=recorded), rounds=1)
    print(f"{share:.3f} of the time, at most {MOST}")
