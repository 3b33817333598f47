"""What the benchmark runs on a device: right, whatever the precision and wherever the rows are."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from mlpcore.cli.bench import module
from training_cases import FEATURES, OUTPUTS

cases, ours = module("cases"), module("workers.ours")


@pytest.mark.parametrize("way", ["resident", "streamed", "copies"])
def test_rows_of_the_host(on_the_shim: Any, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmark's task: training as the reference's, or the copies of it alone."""
    ours = module("workers.ours")
    case = module("cases").Streaming((FEATURES, 8, OUTPUTS), 4, 5, way=way)
    monkeypatch.setattr(module("workers.streaming"), "WINDOW_BYTES", 2 * 4 * FEATURES * 4)
    task = ours.streaming(case, partial(ours.Ours, backend=on_the_shim.backend))
    task.prepare()
    case.validate("it", task.check(), case.expected())
    assert task.round(2) > 0


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
@pytest.mark.parametrize("members", [None, 3])
def test_steps_by_precision(on_the_shim: Any, precision: str, members: int | None) -> None:
    case = cases.Training((FEATURES, 8, OUTPUTS), 4, 5, members=members, precision=precision)
    make = partial(ours.Ours, backend=on_the_shim.backend)
    task = module("workers.tasks").TrainingTask(case, make)
    task.prepare()
    case.validate("it", task.check(), case.expected())
    assert task.network.net.backend.precision == ("auto" if precision == "float32" else precision)


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_products_by_precision(
    on_the_shim: Any, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    peaks, clocks = module("workers.peaks"), module("workers.clocks")
    monkeypatch.setattr(peaks, "DeviceClock", lambda cupy: clocks.HostClock())
    case = cases.Product(16, 24, 8, precision)
    task = peaks.PeakTask(case)
    task.prepare()
    case.validate("it", task.check(), case.expected())
    assert task.round(2) > 0


def test_numbers_rounded_to_bfloat16() -> None:
    to_bfloat16 = module("workers.peaks").to_bfloat16
    x = np.array([1.0, -1.0, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, 0.0], np.float32)
    back = (to_bfloat16(x).astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(back, [1.0, -1.0, 1.0, 1 + 2**-6, 1 + 2**-7, 0.0])
