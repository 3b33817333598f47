"""Products in smaller types than the rest: what is cast, what is multiplied, and what stays."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import training
from mlpcore.backend import cuda
from mlpcore.backend.cuda import plan, products
from mlpcore.backend.cuda.precision import CARRIER, Recorded, narrowed
from networks import either
from training_cases import FEATURES, LABELS, MEMBERS, OUTPUTS, X

SIZES = [FEATURES, 6, 5, OUTPUTS]
NARROW = ("tf32", "bfloat16")


def rounded(x: np.ndarray) -> np.ndarray:
    """To the nearest bfloat16, ties to even."""
    bits = x.astype(np.float32).view(np.uint32).astype(np.uint64)
    bits = bits + 0x7FFF + (bits >> 16 & 1)
    return (bits >> 16 << 16).astype(np.uint32).view(np.float32)


def nets(cupy: Any, precision: str, **arguments: Any) -> tuple[mc.MLP, mc.MLP]:
    """The same network on the device in a precision, and on the CPU."""
    own = {"activation": "tanh"} | arguments
    found = mc.MLP(SIZES, **own)
    return found.to(cupy.backend, precision=precision), found


def fit(net: mc.MLP, recorded: bool) -> mc.History:
    optimizer = mc.Adam(0.01, epsilon=1e-2)
    return training.fit(
        net, X, LABELS, optimizer=optimizer, batch_size=4, epochs=3, progress=False,
        recorded=recorded,
    )  # fmt: skip


def test_a_matrix_becomes_the_nearest_bfloats(cupy: Any, rng: np.random.Generator) -> None:
    """Also a view whose members lie apart, as weights do."""
    flat = rng.normal(size=(3, 48)).astype(np.float32)
    flat[0, 8:11] = np.inf, np.nan, 3e38
    x = cupy.array(flat)[:, 8:36].reshape(3, 4, 7)
    y = cupy.xp.zeros((3, 4, 7), dtype="uint16")
    for launch in cuda.prepare("to_bfloat16", [x], [y], {}):
        launch.run()
    got = (y.get().astype(np.uint32) << 16).view(np.float32)
    want = rounded(flat[:, 8:36].reshape(3, 4, 7))
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("transposed", [{}, {"transpose_left": True}, {"transpose_right": True}])
def test_products_of_bfloats_add_up_in_float32(
    cupy: Any, transposed: Any, rng: np.random.Generator
) -> None:
    left, right = rng.normal(size=(3, 5, 5)), rng.normal(size=(3, 5, 5))
    narrow = [rounded(a) for a in (left, right)]
    own = [cupy.array((a.view(np.uint32) >> 16).astype(np.uint16)) for a in narrow]
    out = cupy.array(np.zeros((3, 5, 5), np.float32))
    workspace = cupy.xp.empty(products.WORKSPACE_BYTES, dtype="uint8")
    product = products.Product(*own, out, precision="bfloat16", workspace=workspace, **transposed)
    product.run()
    a, b = (array.astype(np.float64) for array in narrow)
    a = np.swapaxes(a, 1, 2) if "transpose_left" in transposed else a
    b = np.swapaxes(b, 1, 2) if "transpose_right" in transposed else b
    np.testing.assert_allclose(out.get(), a @ b, rtol=1e-5, atol=1e-6)


@either
@pytest.mark.parametrize("precision", NARROW)
def test_training_is_near_that_in_float32(cupy: Any, precision: str, members: int | None) -> None:
    net, reference = nets(cupy, precision, members=members, dropout=0.2, normalization="layer")
    histories = fit(net, True), fit(reference, False)
    np.testing.assert_allclose(histories[0].loss, histories[1].loss, rtol=2e-2)
    apart = np.abs(net.parameters.get() - reference.parameters)
    assert 1e-5 < np.max(apart) < 0.02
    again, _ = nets(cupy, precision, members=members, dropout=0.2, normalization="layer")
    fit(again, True)
    assert again.parameters.get().tobytes() == net.parameters.get().tobytes()


@either
@pytest.mark.parametrize("precision", NARROW)
def test_predictions_are_near_those_in_float32(
    cupy: Any, precision: str, members: int | None
) -> None:
    net, reference = nets(cupy, precision, members=members)
    apart = np.abs(net.predict(X) - reference.predict(X))
    assert 1e-5 < np.max(apart) < 0.02


def test_infinities_are_found(cupy: Any) -> None:
    net, _ = nets(cupy, "bfloat16", output="identity")
    with pytest.raises(mc.DivergenceError):
        net.fit(X, X[:, :OUTPUTS], optimizer=mc.SGD(1e30), epochs=20, progress=False)
    assert np.all(np.isfinite(net.parameters.get()))


def test_a_matrix_is_cast_once_until_it_is_written() -> None:
    """Before the first product that reads it; and nothing else is."""

    class Matrix:
        shape = (2, 2)

    x, w, b, z, dz, dw = (Matrix() for _ in range(6))
    calls = [
        Recorded("affine", [x, w, b], [z], {}),
        Recorded("tanh", [z], [dz], {}),
        Recorded("affine_weight_gradient", [x, dz], [dw], {}),
        Recorded("relu", [z], [x], {}),
        Recorded("affine_weight_gradient", [x, dz], [dw], {}),
    ]
    rooms: list[Any] = []

    def allocate(shape: Any, dtype: Any) -> Any:
        assert (shape, dtype) == ((2, 2), CARRIER)
        rooms.append(Matrix())
        return rooms[-1]

    found = narrowed(calls, "bfloat16", allocate)
    casts = [call for call in found if call.name == "to_bfloat16"]
    assert [call.inputs for call in casts] == [[x], [w], [dz], [x]]
    assert [call.outputs for call in casts] == [[room] for room in rooms]
    of_x, of_w, of_dz, of_new_x = rooms
    others = [call.inputs for call in found if call.name != "to_bfloat16"]
    assert others == [[of_x, of_w, b], [z], [of_x, of_dz], [z], [of_new_x, of_dz]]
    assert narrowed(calls, "tf32", allocate) == calls


def test_the_backend_keeps_the_precision(standing_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    net, _ = nets(standing_in, "bfloat16", members=MEMBERS)
    for one in (net, net.copy(), net[1], net.to(net.backend, precision="bfloat16")):
        assert one.backend.precision == "bfloat16"
        assert one.backend.plan()._precision == "bfloat16"
    assert net.to(net.backend, precision="float32").backend.precision == "auto"
    with pytest.raises(ValueError, match='precision="bfloat16" with dtype="float64"'):
        mc.MLP(SIZES, dtype="float64", backend=net.backend)
    assert "precision" not in net.configuration
    monkeypatch.setattr("mlpcore.backend.devices._gpu", lambda number: standing_in.backend)
    assert pickle.loads(pickle.dumps(net)).backend.precision == "bfloat16"
    other, _ = nets(standing_in, "tf32", members=MEMBERS)
    with pytest.raises(ValueError, match="2 backends"):
        mc.MLP.stack([net, other])


def test_where_there_is_none(standing_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mc.MLP(SIZES, precision="float32").backend.precision == "auto"
    assert mc.MLP(SIZES, precision="float64", dtype="float64").dtype == "float64"
    for precision in NARROW:
        with pytest.raises(ValueError, match=f'precision="{precision}" on cpu, expected "float32"'):
            mc.MLP(SIZES, precision=precision)
        with pytest.raises(ValueError, match=f'precision="{precision}" with dtype="float64"'):
            mc.MLP(SIZES, precision=precision, dtype="float64", backend=standing_in.backend)
    with pytest.raises(ValueError, match='precision="float64" with dtype="float32"'):
        mc.MLP(SIZES, precision="float64")
    with pytest.raises(ValueError, match="got precision 'float16', expected one of auto, float32"):
        mc.MLP(SIZES, precision="float16")
    monkeypatch.setattr(products, "available", lambda: False)
    with pytest.raises(ValueError, match="on gpu:0"):
        mc.MLP(SIZES, precision="tf32", backend=standing_in.backend)


def test_what_is_cast_is_asked_for_too(standing_in: Any) -> None:
    """Rooms of casts are part of the workspace that is held against the device's memory."""
    recording = plan.Plan(standing_in.backend.device, "bfloat16")
    x, weight, bias = (standing_in.array(np.ones(s, np.float32)) for s in [(4, 3), (3, 2), (2,)])
    mc.functions.affine(*map(recording.symbol, (x, weight, bias)))
    recording.finish()
    assert [room.dtype.name for room in recording._rooms] == ["float32", "uint16", "uint16"]


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_estimators_have_it_too(on_the_shim: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    estimators = pytest.importorskip("mlpcore.sklearn")
    monkeypatch.setattr("mlpcore.backend.devices._gpu", lambda number: on_the_shim.backend)
    settings = {"hidden_layer_sizes": [5], "batch_size": 4, "max_iter": 3, "random_state": 0}
    found = [
        estimators.MLPClassifier(backend=where, precision=precision, **settings).fit(X, LABELS)
        for where, precision in (("gpu", "bfloat16"), ("cpu", "float32"))
    ]
    assert found[0].network_.backend.precision == "bfloat16"
    assert found[0].network_.dtype == "float32"
    apart = np.abs(found[0].predict_proba(X) - found[1].predict_proba(X))
    assert 1e-5 < np.max(apart) < 0.02
    assert found[0].predict(X).shape == LABELS.shape
    with pytest.raises(ValueError, match='precision="tf32" on cpu'):
        estimators.MLPClassifier(backend="cpu", precision="tf32").fit(X, LABELS)
