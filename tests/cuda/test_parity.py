"""The CUDA kernels against the bodies: on the CPU by a shim, and with ``-m gpu`` on a GPU."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from mlpcore.backend import cuda
from mlpcore.functions import activations, losses, updates
from mlpcore.functions.activations import by_member
from mlpcore.functions.affine import affine_bias_gradient
from mlpcore.functions.dropout import dropout
from mlpcore.functions.gather import gather_rows, gather_values
from mlpcore.functions.log_softmax import log_softmax
from mlpcore.functions.logsumexp import logsumexp
from mlpcore.functions.mask_columns import mask_columns
from mlpcore.functions.normalization import batch_norm, layer_norm, normalize, running_average
from mlpcore.functions.softmax import softmax
from mlpcore.functions.updates import gradient_norm

inf, nan = math.inf, math.nan
#: Single elements, primes, one past 16 bytes, above a block, above the resident grid.
SIZES = [(1, 1), (3, 1), (1, 3), (17, 5), (16, 16), (5, 49), (7, 131), (521, 3), (37, 104)]
EXTREMES = [0.0, -0.0, 1e-45, -1e-45, 1e-39, 1e38, -1e38, inf, -inf, nan, 88.5, -88.5, -103.5, 1e-4]
ACTIVATIONS = [getattr(activations, name) for name in dict.fromkeys(activations.__all__)]
LOSSES = [getattr(losses, name) for name in losses.__all__ if name != "Loss"]
RULES = [
    rule
    for name in updates.__all__
    if isinstance(rule := getattr(updates, name), updates.UpdateRule)
]


def assert_parity(
    cupy: Any, primitive: Any, *arrays: Any, tolerance: Any = None, **parameters: Any
) -> None:
    """The kernels give what the body gives, in the body's shapes and dtypes."""
    with np.errstate(all="ignore"):
        expected = primitive.reference(*arrays, **parameters)
    expected = expected if isinstance(expected, tuple) else (expected,)
    found = cupy.run(primitive, *arrays, **parameters)
    found = found if isinstance(found, tuple) else (found,)
    single = next(a for a in arrays if a is not None).dtype == np.float32
    tolerance = tolerance or (2e-5 if single else 1e-12)
    for got, want in zip(found, expected, strict=True):
        assert got.dtype == want.dtype
        assert got.shape == want.shape
        scale = np.max(np.abs(want[np.isfinite(want)]), initial=1e-30)
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * float(scale))


def per_member(low: float, high: float, members: tuple[int, ...]) -> Any:
    """A parameter: one number, or one for each member."""
    return np.linspace(low, high, members[0]) if members else low


@pytest.mark.gpu
def test_a_device_is_at_hand(device: Any) -> None:
    np.testing.assert_array_equal(device.run(activations.relu, np.array([-1.0, 2.0])), [0.0, 2.0])


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda p: p.name)
def test_activations(cupy: Any, activation: Any, dtype: str, rng: Any) -> None:
    for shape in [*SIZES, (), (5,), (2, 3, 4), (4099,)]:
        x = np.asarray(3 * rng.normal(size=shape)).astype(dtype)
        dy = np.asarray(rng.normal(size=shape)).astype(dtype)
        for given in [{}, {"approximate": "tanh"}][: 2 if activation.name == "gelu" else 1]:
            y = np.asarray(activation.reference(x, **given))
            assert_parity(cupy, activation, x, **given)
            assert_parity(cupy, activation.backward, dy, x, y, **given)


#: float32 arithmetic cancels near a zero, or in a tail: digits are lost that number in units of 1,
#: or of the incoming gradient. The CPU computes these in float64, which most GPUs are slow at.
CANCELLING = {
    "value": {"gelu", "hard_sigmoid", "mish", "silu"},
    "backward": {"gelu", "mish", "selu", "silu"},
}


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda p: p.name)
def test_float32_keeps_its_digits(cupy: Any, activation: Any, rng: Any) -> None:
    """Within 4 units in the last place of the float64 body."""
    n = 5000
    scales = 10.0 ** rng.uniform(-37, 38, n) * rng.choice([-1, 1], n)
    x = np.concatenate([rng.normal(size=n), rng.uniform(-88, 88, n), scales]).astype(np.float32)
    dy = rng.normal(size=x.shape).astype(np.float32)
    for given in [{}, {"approximate": "tanh"}][: 2 if activation.name == "gelu" else 1]:
        with np.errstate(all="ignore"):
            exact = activation.reference(x.astype(float), **given)
            y = exact.astype(np.float32)
            wide = (a.astype(float) for a in (dy, x, y))
            slope = activation.backward.reference(*wide, **given)
        got = cupy.run(activation, x, **given)
        one = np.float64(activation.name in CANCELLING["value"])
        assert units_apart(got, exact, one).max() <= 4
        got = cupy.run(activation.backward, dy, x, y, **given)
        one = np.abs(dy).astype(float) * (activation.name in CANCELLING["backward"])
        assert units_apart(got, slope, one).max() <= 4


def units_apart(got: np.ndarray, exact: np.ndarray, least: Any) -> np.ndarray:
    """Units in the last place of float32 between ``got`` and ``exact``, or of what is larger."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(np.float32)
        same = (got == rounded) | (np.abs(exact) < 1e-37)
        unit = np.spacing(np.maximum(np.abs(rounded), least).astype(np.float32)).astype(float)
        return np.where(same, 0.0, np.abs(got.astype(float) - exact) / unit)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda p: p.name)
def test_activations_of_extremes(cupy: Any, activation: Any, dtype: str) -> None:
    x = np.array(EXTREMES).astype(dtype)
    with np.errstate(all="ignore"):
        want = activation.reference(x)
        slope = activation.backward.reference(np.ones_like(x), x, want)
    for got, exact in [
        (cupy.run(activation, x), want),
        (cupy.run(activation.backward, np.ones_like(x), x, want), slope),
    ]:
        # CuPy compiles with subnormals flushed to zero.
        np.testing.assert_allclose(got, exact, rtol=1e-5, atol=1e-37)


@pytest.mark.parametrize("function", [activations.elu, activations.leaky_relu])
def test_a_parameter_for_each_member(cupy: Any, function: Any, rng: Any) -> None:
    x = rng.normal(size=(3, 4, 5))
    (name,) = function.reference.__kwdefaults__
    for given in [np.array([0.5, 1.0, 2.0]), np.float64(0.3), np.array(0.3)]:
        assert_parity(cupy, function, x, **{name: given})
        assert_parity(cupy, function.backward, x, x, x, **{name: given})


@pytest.mark.parametrize("shape", [*SIZES, (5, 1000)], ids=str)
@pytest.mark.parametrize("function", [softmax, log_softmax, logsumexp], ids=lambda p: p.name)
def test_rows(cupy: Any, function: Any, shape: Any, members: Any, dtype: str, rng: Any) -> None:
    x = (10 * rng.normal(size=(*members, *shape))).astype(dtype)
    y = function.reference(x)
    dy = rng.normal(size=y.shape).astype(dtype)
    assert_parity(cupy, function, x)
    assert_parity(cupy, function.backward, dy, x, y)
    assert_parity(cupy, function, np.ascontiguousarray(x[..., 0, :]))


@pytest.mark.parametrize("shape", [(50, 1), (50, 3), (50, 9), (50, 65)], ids=str)
@pytest.mark.parametrize("function", [softmax, log_softmax, logsumexp], ids=lambda p: p.name)
def test_rows_of_extremes(cupy: Any, function: Any, shape: Any, dtype: str, rng: Any) -> None:
    with np.errstate(all="ignore"):
        assert_parity(cupy, function, rng.choice(EXTREMES, size=shape).astype(dtype))
    if function is softmax:
        rows = cupy.run(softmax, (20 * rng.normal(size=shape)).astype(dtype))
        np.testing.assert_allclose(rows.sum(axis=-1), 1, rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (7, 131), (521, 3), (37, 104)], ids=str)
@pytest.mark.parametrize("loss", LOSSES, ids=lambda p: p.name)
def test_losses(cupy: Any, loss: Any, shape: Any, members: Any, dtype: str, rng: Any) -> None:
    z = rng.normal(size=(*members, *shape)).astype(dtype)
    y = rng.integers(0, 2, size=z.shape).astype(dtype)
    weight = rng.choice([0.0, 0.5, 2.0], size=z.shape[:-1]).astype(dtype)
    targets = [y, *([rng.integers(0, shape[-1], size=z.shape[:-1])] if loss.labels else [])]
    own = {"huber": "delta", "softmax_cross_entropy": "label_smoothing"}.get(loss.name)
    given = {own: per_member(0.1, 0.3, members)} if own else {}
    for target, sample_weight in itertools.product(targets, (None, weight)):
        assert_parity(cupy, loss.value_and_gradient, z, target, sample_weight, **given)
    assert_parity(cupy, loss, z, y, weight, **given)
    assert_parity(cupy, loss.gradient, z, y, None, **given)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda p: p.name)
def test_rows_without_weight_count_for_nothing(cupy: Any, loss: Any) -> None:
    z = np.array([[1.0, nan], [0.5, -0.5]], np.float32)
    y = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    for weight in ([0.0, 2.0], [0.0, 0.0], [1.0, 1.0]):
        assert_parity(cupy, loss.value_and_gradient, z, y, np.array(weight, np.float32))


@pytest.mark.parametrize("shape", [(23, 1), (23, 3), (23, 64), (3, 65), (521, 36)], ids=str)
def test_normalization(cupy: Any, shape: Any, members: Any, dtype: str, rng: Any) -> None:
    x, dy = (5 + rng.normal(size=(2, *members, *shape))).astype(dtype)
    gamma, beta, mean, variance = rng.uniform(0.5, 2, (4, *members, shape[-1])).astype(dtype)
    loose = 2e-4 if dtype == "float32" else 1e-11
    for function in (batch_norm, layer_norm):
        epsilon = per_member(1e-5, 1e-3, members)
        assert_parity(cupy, function, x, gamma, beta, epsilon=epsilon, tolerance=loose)
        _, m, v = function.reference(x, gamma, beta)
        assert_parity(cupy, function.backward, dy, x, gamma, m, v, tolerance=loose)
    assert_parity(cupy, normalize, x, gamma, beta, mean, variance, epsilon=1e-3)
    assert_parity(cupy, running_average, mean, variance, momentum=0.3, scale=1.1)


@pytest.mark.parametrize("shape", [*SIZES, (1031, 12)], ids=str)
def test_bias_gradient(cupy: Any, shape: Any, members: Any, dtype: str, rng: Any) -> None:
    assert_parity(cupy, affine_bias_gradient, rng.normal(size=(*members, *shape)).astype(dtype))


@pytest.mark.parametrize("size", [1, 17, 1000, 4099])
@pytest.mark.parametrize("rule", RULES, ids=lambda p: p.name)
def test_updates(cupy: Any, rule: Any, size: int, members: Any, dtype: str, rng: Any) -> None:
    theta, g, *state = rng.normal(size=(2 + rule.states, *members, size)).astype(dtype)
    state = [np.abs(s) for s in state]
    mask = (rng.uniform(size=size) < 0.7).astype(dtype)
    rate = per_member(0.01, 0.1, members)
    norm = gradient_norm.reference(g, theta, mask, l2=0.1, clip_value=1.0)
    assert_parity(cupy, rule, theta, g, mask, norm, *state, learning_rate=rate, l2=0.1,
                  weight_decay=rate, clip_value=1.0, clip_norm=0.5, step=3)  # fmt: skip
    assert_parity(cupy, rule, theta, g, None, None, *state, learning_rate=0.1, step=np.array(2))


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e30, inf])
def test_gradient_norm(cupy: Any, scale: float, members: Any, dtype: str, rng: Any) -> None:
    g, theta = rng.normal(size=(2, *members, 4099)).astype(dtype)
    g[..., 7] *= scale
    g[..., 8:10] *= scale if scale < inf else 1.0
    assert_parity(cupy, gradient_norm, g, theta, None)
    assert_parity(cupy, gradient_norm, g, theta, np.ones(4099, dtype), l2=0.1, clip_value=2.0)
    with np.errstate(over="ignore"):
        assert_parity(cupy, gradient_norm, g * g.dtype.type(1e30 * scale), theta, None)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (64, 64), (7, 131), (97, 104)], ids=str)
def test_dropout(cupy: Any, shape: Any, members: Any, dtype: str, rng: Any) -> None:
    x = rng.normal(size=(*members, *shape)).astype(dtype)
    seed = np.arange(11, 14) if members else 2**63 + 5
    member = np.arange(3) if members else 4
    for rate in (0.4, per_member(0.0, 0.5, members)):
        given = {"rate": rate, "seed": seed, "member": member, "step": 9, "layer": 2}
        want = dropout.reference(x, **given)
        np.testing.assert_array_equal(cupy.run(dropout, x, **given) == 0, want == 0)
        assert_parity(cupy, dropout, x, **given, tolerance=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (64, 64), (7, 131)], ids=str)
def test_padding(cupy: Any, shape: Any, dtype: str, rng: Any) -> None:
    """Members narrower than their arrays: zeros behind their width, and words of their own."""
    x = rng.normal(size=(3, *shape)).astype(dtype)
    width = np.array([1, (shape[1] + 1) // 2, shape[1]])
    assert_parity(cupy, mask_columns, x, width=width)
    given = {"rate": 0.4, "seed": np.arange(11, 14), "step": 9, "width": width}
    want = dropout.reference(x, **given)
    np.testing.assert_array_equal(cupy.run(dropout, x, **given) == 0, want == 0)
    assert_parity(cupy, dropout, x, **given, tolerance=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (64, 64), (7, 131)], ids=str)
def test_activations_by_member(cupy: Any, shape: Any, dtype: str, rng: Any) -> None:
    members = len(by_member.CHOICES)
    x, dy = (3 * rng.normal(size=(2, members, *shape))).astype(dtype)
    given = {"choice": rng.permutation(members), "parameter": np.linspace(0.1, 1.0, members)}
    y = by_member.activation_by_member.reference(x, **given)
    assert_parity(cupy, by_member.activation_by_member, x, **given)
    assert_parity(cupy, by_member.activation_by_member.backward, dy, x, y, **given)


@pytest.mark.parametrize("columns", [1, 3, 4, 104])
def test_gather(cupy: Any, columns: int, members: Any, dtype: str, rng: Any) -> None:
    index = rng.integers(0, 50, size=(*members, 13))
    for x in (rng.normal(size=(50, columns)), rng.normal(size=(*members, 50, columns))):
        assert_parity(cupy, gather_rows, x.astype(dtype), index)
        assert_parity(cupy, gather_values, np.ascontiguousarray(x[..., 0].astype(dtype)), index)
    labels = rng.integers(0, 9, size=50)
    np.testing.assert_array_equal(cupy.run(gather_values, labels, index), labels[index])


@pytest.mark.parametrize("shape", [(7, 13), (521, 8)], ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda p: p.name)
def test_fused_with_the_bias(
    cupy: Any, activation: Any, shape: Any, members: Any, dtype: str, rng: Any
) -> None:
    """The bias in front of an activation, and the bias gradient behind its derivative."""
    z, dy = rng.normal(size=(2, *members, *shape)).astype(dtype)
    bias = rng.normal(size=(*members, shape[-1])).astype(dtype)
    y, x = (cupy.array(np.full_like(z, 77)) for _ in range(2))
    fuse(cupy, f"bias_{activation.name}", [z, bias], [y, x])
    np.testing.assert_array_equal(x.get(), z + bias[..., None, :])
    np.testing.assert_allclose(y.get(), activation.reference(x.get()), rtol=2e-5, atol=2e-5)
    dx, db = cupy.array(np.full_like(z, 77)), cupy.array(np.full_like(bias, 77))
    fuse(cupy, f"{activation.name}_backward_bias", [dy, x.get(), y.get()], [dx, db])
    want = activation.backward.reference(dy, x.get(), y.get())
    np.testing.assert_allclose(dx.get(), want, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(db.get(), dx.get().sum(axis=-2), rtol=2e-4, atol=2e-4)


def fuse(cupy: Any, name: str, inputs: list[Any], outputs: list[Any], **parameters: Any) -> None:
    for launch in cuda.prepare(name, [cupy.array(a) for a in inputs], outputs, parameters):
        launch.run()


def test_members_strided_over_a_flat_buffer(cupy: Any, rng: Any) -> None:
    """The views into the flat parameters of a stack, read and written in place."""
    flat, dz = rng.normal(size=(3, 32)), rng.normal(size=(3, 50, 8))
    buffer = cupy.array(flat.copy())
    db = buffer[:, 16:24]
    fuse(cupy, "affine_bias_gradient", [dz], [db])
    flat[:, 16:24] = dz.sum(axis=-2)
    np.testing.assert_allclose(buffer.get(), flat)
    y, x = cupy.array(np.empty_like(dz)), cupy.array(np.empty_like(dz))
    for launch in cuda.prepare("bias_tanh", [cupy.array(dz), db], [y, x], {}):
        launch.run()
    np.testing.assert_allclose(y.get(), np.tanh(dz + flat[:, None, 16:24]))


def test_unaligned_arrays(cupy: Any, rng: Any) -> None:
    """Where 16-byte accesses would fault, elements are moved one by one."""
    buffer = cupy.array(rng.normal(size=42).astype(np.float32))
    x, y = buffer[1:], cupy.array(np.zeros(42, np.float32))[1:]
    fuse(cupy, "relu", [x], [y])
    np.testing.assert_array_equal(y.get(), np.maximum(x.get(), 0))


@pytest.mark.parametrize("function", [activations.tanh, softmax, log_softmax])
def test_float16(cupy: Any, function: Any, rng: Any) -> None:
    """Stored small, computed in float32, rounded once."""
    for shape in SIZES:
        x, dy = rng.normal(size=(2, *shape)).astype(np.float16)
        y = function.reference(x.astype(np.float32))
        np.testing.assert_allclose(cupy.run(function, x), y, rtol=2**-11, atol=1e-7)
        y = y.astype(np.float16)
        want = function.backward.reference(*(a.astype(np.float32) for a in (dy, x, y)))
        got = cupy.run(function.backward, dy, x, y)
        np.testing.assert_allclose(got, want, rtol=2**-10, atol=1e-6)


def test_a_smaller_copy_of_the_parameters(cupy: Any, rng: Any) -> None:
    """Master parameters in float32, and behind the update a copy for the products."""
    theta, g = rng.normal(size=(2, 1001)).astype(np.float32)
    want = theta - np.float32(0.5) * g
    new, copy = cupy.array(theta.copy()), cupy.array(np.zeros(1001, np.float16))
    fuse(cupy, "sgd", [new, g, None, None], [new, copy], learning_rate=0.5)
    np.testing.assert_allclose(new.get(), want, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(copy.get(), new.get().astype(np.float16))


def test_bfloat16(on_the_shim: Any, rng: Any) -> None:
    """Stored as the upper half of a float32, rounded to the nearest, ties to even."""
    on, extremes = on_the_shim, [1.0, 1 + 2**-8, 1 + 3 * 2**-8, -0.0, 3e38, 3.4e38, inf, -inf, nan]
    x = np.concatenate([rng.normal(size=104), extremes]).astype(np.float32)
    want = (x.view(np.uint32) + 0x7FFF + (x.view(np.uint32) >> 16 & 1)) >> 16
    want[np.isnan(x)] = 0x7FC0
    copy = on.bfloats(np.zeros(x.shape, np.uint16))
    fuse(
        on, "sgd", [x, np.zeros_like(x), None, None], [on.array(x.copy()), copy], learning_rate=0.0
    )
    np.testing.assert_array_equal(copy.view(np.ndarray), want)
    rows = copy[:104].reshape(8, 13)
    y = on.bfloats(np.zeros((8, 13), np.uint16))
    fuse(on, "softmax", [rows], [y])
    exact, got = ((a.view(np.ndarray).astype(np.uint32) << 16).view(np.float32) for a in (rows, y))
    np.testing.assert_allclose(got, softmax.reference(exact), rtol=2**-8)


def test_float16_of_extremes(cupy: Any) -> None:
    x = np.array([0.0, -0.0, 6e-8, 1e-5, 65504.0, inf, -inf, nan], np.float16)
    np.testing.assert_array_equal(cupy.run(activations.identity, x), x)
    small = np.array(
        [0.0, 1.0, -2.5, 1.0 + 2**-11, 1.0 + 3 * 2**-11, 65520.0, 1e-8, nan], np.float32
    )
    copy = cupy.array(np.zeros(8, np.float16))
    fuse(
        cupy,
        "sgd",
        [small, np.zeros_like(small), None, None],
        [cupy.array(small), copy],
        learning_rate=0.0,
    )
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(copy.get(), small.astype(np.float16))


def test_members_that_lie_backwards(cupy: Any) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    y = activations.relu(cupy.array(x)[::-1])
    np.testing.assert_array_equal(y.get(), np.maximum(x[::-1], 0))
