"""Arrays of two libraries, and backends that are not there."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import functions

ROWS, FEATURES, OUTPUTS = 7, 3, 3
X = np.random.default_rng(0).normal(size=(ROWS, FEATURES))
LABELS = np.arange(ROWS) % OUTPUTS


def test_a_function_of_arrays_of_two_libraries(refused: Any) -> None:
    torch = pytest.importorskip("torch")
    strict = pytest.importorskip("array_api_strict")
    x, weight, bias = np.ones((2, 3)), np.ones((3, 4)), np.ones(4)
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("torch", lambda: functions.affine(x, torch.tensor(weight), bias)),
        ("torch", lambda: functions.softmax_cross_entropy(x, torch.tensor([0, 1]))),
        ("array_api_strict", lambda: functions.squared_error(strict.asarray(x), x)),
    ]
    for other, call in calls:
        with refused(TypeError, "arrays of two libraries", "numpy", other, "convert"):
            call()


@pytest.mark.parametrize(
    "call",
    [
        lambda x, its: functions.relu.backward(x, its, x),
        lambda x, its: functions.softmax.backward(x, x, its),
        lambda x, its: functions.layer_norm(x, its[0, :], x[0]),
        lambda x, its: functions.updates.sgd(x, its, learning_rate=0.1),
    ],
    ids=["relu.backward", "softmax.backward", "layer_norm", "sgd"],
)
def test_any_function_of_arrays_of_two_libraries(call: Any, refused: Any) -> None:
    torch = pytest.importorskip("torch")
    x = np.ones((2, 3))
    with refused(TypeError, "arrays of two libraries", "numpy", "torch", "convert"):
        call(x, torch.ones(2, 3, dtype=torch.float64))


def test_a_function_of_no_array(refused: Any) -> None:
    with refused(TypeError, "no array", "at least one"):
        functions.relu(1.0)


@pytest.mark.parametrize("name", ["torch", "array_api_strict"])
def test_a_network_converts_data_of_any_library(name: str) -> None:
    xp = pytest.importorskip(name)
    net = mc.MLP([FEATURES, 4, OUTPUTS], dtype="float64")
    expected, g = net.loss_and_gradients(X, LABELS, sample_weight=np.ones(ROWS))
    loss, h = net.loss_and_gradients(
        xp.asarray(X), xp.asarray(LABELS), sample_weight=xp.asarray(np.ones(ROWS))
    )
    assert type(loss) is type(expected)
    np.testing.assert_array_equal(loss, expected)
    np.testing.assert_array_equal(h.flat, g.flat)


def test_complex_numbers_of_the_network_s_own_library(refused: Any) -> None:
    strict = pytest.importorskip("array_api_strict")
    net = mc.MLP([FEATURES, OUTPUTS], output="identity", backend=strict)
    values = strict.asarray(X)
    net.loss(values, values)
    for data in ((values + 0j, values), (values, values + 0j)):
        with refused(TypeError, "complex128", "real numbers"):
            net.loss(*data)


@pytest.mark.parametrize("name", ["tpu", "gpu:x", "gpu0", "CPU"])
def test_unknown_backends(name: str, refused: Any) -> None:
    with refused(ValueError, f"backend={name!r}", '"cpu"', '"gpu"', '"auto"'):
        mc.MLP([3, 2], backend=name)


@pytest.mark.parametrize("name", ["gpu", "gpu:1"])
def test_a_gpu_without_cupy(name: str, monkeypatch: pytest.MonkeyPatch, unchanged: Any) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(RuntimeError) as raised:
        mc.MLP([3, 2], backend=name)
    for word in ('backend="gpu', "CuPy is not installed", "pip install", "mlpcore[cuda"):
        assert word in str(raised.value)
    net = mc.MLP([3, 2])
    with unchanged(net), pytest.raises(RuntimeError, match="CuPy is not installed"):
        net.to(name)
    assert mc.MLP([3, 2], backend="auto").backend.name == "cpu"


class NoDriverError(RuntimeError):
    """What CuPy raises where the CUDA driver is missing."""


@pytest.mark.parametrize("count", [0, 1, NoDriverError()], ids=["none", "one", "no driver"])
def test_a_gpu_without_a_device(count: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def device_count() -> int:
        if isinstance(count, Exception):
            raise count
        return int(count)

    cupy = types.ModuleType("cupy")
    runtime = types.SimpleNamespace(getDeviceCount=device_count, CUDARuntimeError=NoDriverError)
    cupy.cuda = types.SimpleNamespace(runtime=runtime)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "array_api_compat.cupy", cupy)
    with pytest.raises(RuntimeError) as raised:
        mc.MLP([3, 2], backend="gpu:1")
    for word in ('backend="gpu:1"', f"{count if count == 1 else 0} CUDA devices", "nvidia-smi"):
        assert word in str(raised.value)
    if count != 1:
        assert mc.MLP([3, 2], backend="auto").backend.name == "cpu"
