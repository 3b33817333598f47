"""Products in smaller types than the rest: what is cast, what is multiplied, and what stays."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import io, training
from mlpcore.backend import cuda
from mlpcore.backend.cuda import plan, products
from mlpcore.backend.cuda.precision import CARRIER, SCALE, Recorded, narrowed
from mlpcore.functions.affine import affine_input_gradient, affine_weight_gradient
from mlpcore.training.batches import batches
from mlpcore.training.crew import Crew, Job
from mlpcore.training.data import prepare
from narrow import halves, rounded, scales
from networks import either
from training_cases import FEATURES, LABELS, MEMBERS, OUTPUTS, ROWS, X

SIZES = [FEATURES, 6, 5, OUTPUTS]
CAST = ("bfloat16", "float16")
NARROW = ("tf32", *CAST)
#: Results that are as in float32 would tell that nothing is narrowed; but a device may multiply
#: small matrices in float32 though it is allowed TensorFloat-32.
LEAST_APART = {"tf32": 0.0, "bfloat16": 1e-5, "float16": 1e-5}


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


def test_a_matrix_becomes_the_nearest_halves(cupy: Any, rng: np.random.Generator) -> None:
    """What is too large becomes NaN, since a saturating activation would hide an infinity."""
    flat = rng.normal(size=(3, 48)).astype(np.float32)
    flat[0, 8:14] = np.inf, np.nan, 65519, 65520, -1e30, 1e-7
    x = cupy.array(flat)[:, 8:36].reshape(3, 4, 7)
    y = cupy.xp.zeros((3, 4, 7), dtype="uint16")
    for launch in cuda.prepare("to_float16", [x], [y], {}):
        launch.run()
    want = halves(flat[:, 8:36].reshape(3, 4, 7))
    np.testing.assert_array_equal(y.get().view(np.float16), want)
    assert np.isnan(want[0, 0, [0, 1, 3, 4]]).all()
    assert want[0, 0, 2] == 65504


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (33, 8), (300, 41)])
def test_gradients_are_scaled_into_the_range(
    cupy: Any, shape: Any, members: Any, rng: np.random.Generator
) -> None:
    """By a power of two of each member's own, wherever its largest number lies."""
    x = rng.normal(size=(*members, *shape))
    x *= 10.0 ** rng.uniform(-30, 30, members)[..., None, None] if members else 1e-30
    x = x.astype(np.float32)
    scale = cupy.xp.zeros(members, dtype="float32")
    y = cupy.xp.zeros(x.shape, dtype="uint16")
    z = cupy.xp.zeros(x.shape, dtype="float32")
    for launch in cuda.prepare("to_scaled_float16", [cupy.array(x)], [scale, y], {}):
        launch.run()
    np.testing.assert_array_equal(scale.get(), scales(x))
    want = halves(x * scales(x)[..., None, None])
    np.testing.assert_array_equal(y.get().view(np.float16), want)
    scaled = cupy.array(want.astype(np.float32))
    for launch in cuda.prepare("unscale", [scaled, scale], [z], {}):
        launch.run()
    np.testing.assert_allclose(z.get(), x, rtol=2**-11, atol=2**-30 * np.max(np.abs(x)))
    np.testing.assert_array_equal(z.get(), want / scales(x)[..., None, None])


def test_the_ends_of_the_range_of_scales(cupy: Any) -> None:
    """Nothing but zeros, what no float32 scales far enough, and what is no number."""
    x = np.zeros((5, 2, 3), np.float32)
    x[1:, 1, 2] = -2e-38, 3e38, np.inf, np.nan
    scale = cupy.xp.zeros((5,), dtype="float32")
    y = cupy.xp.zeros(x.shape, dtype="uint16")
    for launch in cuda.prepare("to_scaled_float16", [cupy.array(x)], [scale, y], {}):
        launch.run()
    found = scale.get()
    np.testing.assert_array_equal(found[:3], np.exp2([126, 126, -113]).astype(np.float32))
    assert np.isfinite(found).all()
    got = y.get().view(np.float16)
    np.testing.assert_array_equal(got[:3], halves(x[:3] * found[:3, None, None]))
    assert np.isnan(got[3:, 1, 2]).all()


def test_gradients_of_any_size_are_multiplied(cupy: Any, rng: np.random.Generator) -> None:
    """As NumPy does with the same halves; in the range of float32, not in that of float16."""
    x, weight, dz = (
        rng.normal(size=(3, *size)).astype(np.float32) for size in [(9, 6), (6, 4), (9, 4)]
    )
    dz *= np.float32([1e-20, 1, 1e20])[:, None, None]
    recording = plan.Plan(cupy.backend.device, "float16")
    own = [cupy.array(a) for a in (x, weight, dz)]
    dx, dw = (cupy.array(np.zeros_like(a)) for a in (x, weight))
    of_x, of_weight, of_dz, of_dx, of_dw = map(recording.symbol, (*own, dx, dw))
    affine_weight_gradient(of_x, of_dz, out=of_dw)
    affine_input_gradient(of_dz, of_weight, out=of_dx)
    recording.finish()
    recording.run(0, 1)
    scale = scales(dz)[:, None, None]
    of_x, of_weight, of_dz = (halves(a).astype(np.float64) for a in (x, weight, dz * scale))
    assert np.isfinite(of_dz).all()
    for got, scaled, exact in [
        (dx, of_dz @ of_weight.swapaxes(1, 2), dz.astype(np.float64) @ weight.swapaxes(1, 2)),
        (dw, of_x.swapaxes(1, 2) @ of_dz, x.swapaxes(1, 2).astype(np.float64) @ dz),
    ]:
        near = {"rtol": 1e-5, "atol": 1e-5}
        np.testing.assert_allclose(got.get() * scale / 2**14, scaled / 2**14, **near)
        np.testing.assert_allclose(got.get() * scale / 2**14, exact * scale / 2**14, atol=4e-3)


@pytest.mark.parametrize("precision", CAST)
@pytest.mark.parametrize("transposed", [{}, {"transpose_left": True}, {"transpose_right": True}])
def test_products_of_small_types_add_up_in_float32(
    cupy: Any, transposed: Any, precision: str, rng: np.random.Generator
) -> None:
    left, right = rng.normal(size=(3, 5, 5)), rng.normal(size=(3, 5, 5))
    if precision == "bfloat16":
        narrow = [rounded(a) for a in (left, right)]
        bits = [(a.view(np.uint32) >> 16).astype(np.uint16) for a in narrow]
    else:
        narrow = [halves(a) for a in (left, right)]
        bits = [a.view(np.uint16) for a in narrow]
    own = [*map(cupy.array, bits)]
    out = cupy.array(np.zeros((3, 5, 5), np.float32))
    workspace = cupy.xp.empty(products.WORKSPACE_BYTES, dtype="uint8")
    product = products.Product(*own, out, precision=precision, workspace=workspace, **transposed)
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
    assert LEAST_APART[precision] <= np.max(apart) < 0.02
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
    assert LEAST_APART[precision] <= np.max(apart) < 0.02


@pytest.mark.parametrize("precision", CAST)
def test_infinities_are_found(cupy: Any, precision: str) -> None:
    net, _ = nets(cupy, precision, output="identity")
    with pytest.raises(mc.DivergenceError):
        net.fit(X, X[:, :OUTPUTS], optimizer=mc.SGD(1e30), epochs=20, progress=False)
    assert np.all(np.isfinite(net.parameters.get()))


@either
def test_gradients_that_vanish_for_float16_are_near_those_in_float32(
    cupy: Any, members: int | None
) -> None:
    """Each layer shrinks them a hundredfold; the last one's alone lie in the range of float16."""
    own: dict[str, Any] = {"activation": "sigmoid", "init_scale": 0.01, "members": members}
    net, reference = (
        mc.MLP([FEATURES, 6, 6, 6, OUTPUTS], **own).to(where, precision=precision)
        for where, precision in ((cupy.backend, "float16"), ("cpu", "float32"))
    )
    state = training.State(net, mc.SGD(0.1))
    job = Job(prepare(net, X, LABELS, None, None, None), None, batches(ROWS, ROWS), False, True)
    crew = Crew(state, job, np.arange(members or 1))
    crew.timetable.lay_out(state)
    crew.step.run(0, 1, np.ones(members or 1, dtype=bool))
    _, gradients = reference.loss_and_gradients(X, LABELS)
    views = net.layout.views(crew.step.gradient)
    found = [view["weight"].get() for view in views if "weight" in view]
    for got, wanted in zip(found, gradients.weights, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=4e-3 * np.max(np.abs(wanted)))
    assert np.max(np.abs(gradients.weights[0])) < 2**-25


def test_what_overflows_is_found(cupy: Any) -> None:
    """A feature that float32 takes and float16 does not, in front of what would hide infinities."""
    large = X * [1e5, 1, 1, 1]
    for activation in ("tanh", "relu"):
        net, reference = nets(cupy, "float16", activation=activation)
        before = net.parameters.get()
        with pytest.raises(mc.DivergenceError) as raised:
            net.fit(large, LABELS, batch_size=4, epochs=1, progress=False)
        assert (raised.value.epoch, raised.value.step) == (0, 0)
        np.testing.assert_array_equal(net.parameters.get(), before)
        with pytest.raises(ValueError, match=r'infinite in float16, .*precision="float32"'):
            net.predict(large)
        with pytest.raises(ValueError, match=r'infinite in float16, .*precision="float32"'):
            net.loss(large, LABELS)
        reference.fit(large, LABELS, batch_size=4, epochs=1, progress=False)


def test_a_member_that_overflows_leaves_the_others_alone(cupy: Any) -> None:
    own: dict[str, Any] = {"members": MEMBERS, "output": "identity"}
    net, _ = nets(cupy, "float16", **own)
    other, _ = nets(cupy, "float16", **own)
    settings: dict[str, Any] = {"batch_size": 4, "epochs": 6, "progress": False}
    with pytest.warns(RuntimeWarning, match=r"members \[1\], training diverged"):
        net.fit(X, X[:, :OUTPUTS], optimizer=mc.SGD([0.01, 1e5, 0.02]), **settings)
    other.fit(X, X[:, :OUTPUTS], optimizer=mc.SGD([0.01, 0.01, 0.02]), **settings)
    for member in (0, 2):
        got, want = (each.parameters.get()[member] for each in (net, other))
        # A device may find another product faster for two members than for three.
        close = {"rtol": 0} if cupy.blas else {"rtol": 1e-3, "atol": 1e-4}
        np.testing.assert_allclose(got, want, **close)
    assert np.isfinite(net.parameters.get()).all()


def test_digits_are_learned_as_in_float32(cupy: Any) -> None:
    """By three seeds at once: nearer to float32 than the seeds are to each other."""
    x, y = io.load_digits()
    order = np.random.default_rng(0).permutation(len(y))[:600]
    x, y = x[order], y[order]
    accuracy, losses = [], []
    for where, precision in ((cupy.backend, "float16"), ("cpu", "float32")):
        net = mc.MLP([64, 16, 10], members=3, seed=range(3)).to(where, precision=precision)
        history = net.fit(
            x[:400], y[:400], optimizer=mc.Adam(0.02), batch_size=100, epochs=6, progress=False
        )
        losses.append(np.array(history.loss))
        accuracy.append(np.mean(net.predict(x[400:]).argmax(-1) == y[400:], axis=-1))
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-2)
    assert np.min(accuracy) > 0.75
    assert np.max(np.abs(accuracy[0] - accuracy[1])) <= 0.02


@dataclass(eq=False)
class Matrix:
    """What a plan knows of a matrix before there is a workspace."""

    shape: tuple[int, ...]


def test_a_matrix_is_cast_once_until_it_is_written() -> None:
    """Before the first product that reads it; and nothing else is."""
    x, w, b, z, dz, dw = (Matrix((2, 2)) for _ in range(6))
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
        rooms.append(Matrix(shape))
        return rooms[-1]

    found = narrowed(calls, "bfloat16", allocate)
    casts = [call for call in found if call.name == "to_bfloat16"]
    assert [call.inputs for call in casts] == [[x], [w], [dz], [x]]
    assert [call.outputs for call in casts] == [[room] for room in rooms]
    of_x, of_w, of_dz, of_new_x = rooms
    others = [call.inputs for call in found if call.name != "to_bfloat16"]
    assert others == [[of_x, of_w, b], [z], [of_x, of_dz], [z], [of_new_x, of_dz]]
    assert narrowed(calls, "tf32", allocate) == calls


def test_gradients_are_scaled_once_and_every_result_scaled_back() -> None:
    x, w, b, z, dz, dw, dx = (Matrix((3, 2, 2)) for _ in range(7))
    calls = [
        Recorded("affine", [x, w, b], [z], {}),
        Recorded("affine_weight_gradient", [x, dz], [dw], {}),
        Recorded("affine_input_gradient", [dz, w], [dx], {}),
    ]
    rooms: list[Any] = []

    def allocate(shape: Any, dtype: Any) -> Any:
        assert (shape, dtype) in [((3, 2, 2), CARRIER), ((3,), SCALE)]
        rooms.append(Matrix(shape))
        return rooms[-1]

    found = narrowed(calls, "float16", allocate)
    of_x, of_w, scale, of_dz = rooms
    assert [(call.name, call.inputs, call.outputs) for call in found] == [
        ("to_float16", [x], [of_x]),
        ("to_float16", [w], [of_w]),
        ("affine", [of_x, of_w, b], [z]),
        ("to_scaled_float16", [dz], [scale, of_dz]),
        ("affine_weight_gradient", [of_x, of_dz], [dw]),
        ("unscale", [dw, scale], [dw]),
        ("affine_input_gradient", [of_dz, of_w], [dx]),
        ("unscale", [dx, scale], [dx]),
    ]


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
    with pytest.raises(ValueError, match="got precision 'float8', expected one of auto, float32"):
        mc.MLP(SIZES, precision="float8")
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
@pytest.mark.parametrize("small", CAST)
def test_estimators_have_it_too(
    on_the_shim: Any, small: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimators = pytest.importorskip("mlpcore.sklearn")
    monkeypatch.setattr("mlpcore.backend.devices._gpu", lambda number: on_the_shim.backend)
    settings = {"hidden_layer_sizes": [5], "batch_size": 4, "max_iter": 3, "random_state": 0}
    found = [
        estimators.MLPClassifier(backend=where, precision=precision, **settings).fit(X, LABELS)
        for where, precision in (("gpu", small), ("cpu", "float32"))
    ]
    assert found[0].network_.backend.precision == small
    assert found[0].network_.dtype == "float32"
    apart = np.abs(found[0].predict_proba(X) - found[1].predict_proba(X))
    assert 1e-5 < np.max(apart) < 0.02
    assert found[0].predict(X).shape == LABELS.shape
    with pytest.raises(ValueError, match='precision="tf32" on cpu'):
        estimators.MLPClassifier(backend="cpu", precision="tf32").fit(X, LABELS)
