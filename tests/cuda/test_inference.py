"""Predictions as replayed graphs, against the CPU's, in the kind of array that came in."""

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.backend import devices
from mlpcore.backend.devices import Backend
from mlpcore.network.inference import RecordedInference
from networks import MEMBERS, either, scrambled

#: More rows than a recorded pass takes, and some that fill none.
X = np.random.default_rng(0).normal(size=(23, 4))


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backend, "cache_bytes", 1)
    monkeypatch.setattr("mlpcore.network.inference.FEW_ROWS", 6)


@either
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("output", ["softmax", "sigmoid", "identity", "exponential"])
def test_a_replayed_pass_predicts_as_the_cpu_does(
    cupy: Any, output: str, normalization: str | None, members: int | None
) -> None:
    settings: dict[str, Any] = {"output": output, "normalization": normalization}
    net = scrambled([4, 6, 5, 3], activation="tanh", members=members, **settings)
    ours = net.to(cupy.backend)
    assert isinstance(ours.inference, RecordedInference)
    inputs = [X, X.astype(np.float32)] + ([] if members is None else [np.stack([X] * MEMBERS)])
    for given in inputs:
        for got, want in (
            (ours.predict(given), net.predict(given)),
            (ours.forward(given), net.forward(given)),
        ):
            assert type(got) is np.ndarray
            np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)
    if members is not None:
        mean = ours.predict(X, reduce="mean")
        np.testing.assert_allclose(mean, net.predict(X, reduce="mean"), rtol=1e-10)


def test_results_are_of_the_kind_that_came_in(cupy: Any) -> None:
    net = scrambled([4, 5, 3])
    ours, own = net.to(cupy.backend), cupy.array(X)
    got = ours.predict(own)
    assert type(got) is type(own)
    np.testing.assert_allclose(got.get(), net.predict(X), rtol=1e-10)
    assert type(ours.predict(X.tolist())) is np.ndarray


def test_another_library_s_array_on_the_device_is_shared(
    standing_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes by DLPack is not copied, and the result goes back by DLPack."""

    class Foreign:
        def __init__(self, array: Any):
            self.array = array

        def __dlpack_device__(self) -> tuple[int, int]:
            return 2, 0

    class Library:
        from_dlpack = Foreign

    theirs = Foreign(standing_in.array(X))
    on = standing_in.backend
    monkeypatch.setattr(type(on.xp), "from_dlpack", lambda self, x: x.array, raising=False)
    monkeypatch.setattr(devices, "namespace", lambda array: Library)
    assert on.adopted(theirs) is theirs.array
    back = on.returned(theirs.array, theirs)
    assert isinstance(back, Foreign)
    assert back.array is theirs.array
    assert on.adopted(X) is X


def test_work_of_other_streams_comes_first(on_the_shim: Any) -> None:
    net = scrambled([4, 5, 3])
    ours = net.to(on_the_shim.backend)
    with on_the_shim.xp.cuda.Stream(non_blocking=True):
        got = ours.predict(X)
    np.testing.assert_allclose(got, net.predict(X), rtol=1e-10)


def test_nothing_is_allocated_by_a_second_prediction(on_the_shim: Any) -> None:
    ours = scrambled([4, 5, 3]).to(on_the_shim.backend)
    ours.predict(X)
    on_the_shim.xp.zeros = on_the_shim.xp.empty = None
    ours.predict(X)


def test_auto_leaves_small_networks_to_the_cpu(
    standing_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_gpu", lambda number: standing_in.backend)
    assert mc.MLP([4, 5, 3], backend="auto").backend.name == "cpu"
    assert mc.MLP([4, 5, 3], members=2000, backend="auto").backend.name == "gpu:0"
    assert devices.backend("auto").name == "gpu:0"


def test_a_gpu_that_is_named_becomes_the_current_one(
    standing_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[int] = []
    device = type(standing_in.backend.device)
    monkeypatch.setattr(device, "use", lambda self: used.append(self.id), raising=False)
    runtime = types.SimpleNamespace(getDeviceCount=lambda: 2, CUDARuntimeError=RuntimeError)
    monkeypatch.setattr(standing_in.xp.cuda, "runtime", runtime)
    monkeypatch.setitem(sys.modules, "array_api_compat.cupy", types.ModuleType("cupy"))
    monkeypatch.setattr("array_api_compat.cupy", None, raising=False)
    assert devices.backend("gpu:1").device.id == 1
    assert devices.backend("gpu").device.id == 0
    assert used == [1, 0]
