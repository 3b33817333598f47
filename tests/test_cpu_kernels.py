"""The native kernels against the bodies: every primitive, dtype, size and instruction set."""

from __future__ import annotations

import itertools
import math
import os
from typing import Any

import numpy as np
import pytest

from mlpcore.backend.dispatch import Primitive
from mlpcore.functions import activations, losses, updates
from mlpcore.functions.affine import (
    affine,
    affine_bias_gradient,
    affine_input_gradient,
    affine_weight_gradient,
)
from mlpcore.functions.dropout import dropout
from mlpcore.functions.gather import gather_rows, gather_values
from mlpcore.functions.log_softmax import log_softmax
from mlpcore.functions.logsumexp import logsumexp
from mlpcore.functions.normalization import batch_norm, layer_norm, normalize, running_average
from mlpcore.functions.softmax import softmax
from mlpcore.functions.updates import gradient_norm

_cpu = pytest.importorskip("mlpcore.backend._cpu", reason="the kernels are not built")

inf, nan = math.inf, math.nan
SIZES = [(0, 3), (1, 1), (3, 1), (2, 3), (17, 5), (16, 16), (33, 7), (5, 49), (7, 131), (1031, 3)]
EXTREMES = [0.0, -0.0, 1e-45, -1e-45, 1e-39, 1e38, -1e38, inf, -inf, nan, 88.5, -88.5, -103.5, 1e-4]
ACTIVATIONS = [getattr(activations, name) for name in activations.__all__]
LOSSES = [getattr(losses, name) for name in losses.__all__ if name != "Loss"]
RULES = [
    updates.sgd,
    updates.momentum,
    updates.nesterov,
    updates.rmsprop,
    updates.adagrad,
    updates.adam,
]
ROWS = [softmax, log_softmax, logsumexp]


def run(
    primitive: Primitive, *arrays: Any, like: Any, threads: int = 2, **parameters: Any
) -> tuple[Any, ...]:
    """The kernel's results, in arrays shaped like those of the body."""
    like = like if isinstance(like, tuple) else (like,)
    outputs = [np.full(np.shape(a), 77, np.asarray(a).dtype) for a in like]
    _cpu.call(primitive.name, list(arrays), outputs, parameters, threads)
    return tuple(outputs)


def assert_parity(
    primitive: Primitive, *arrays: Any, tolerance: float | None = None, **parameters: Any
) -> None:
    """The kernel gives what the body gives, in the body's shapes and dtypes."""
    with np.errstate(all="ignore"):
        expected = primitive.reference(*arrays, **parameters)
    expected = expected if isinstance(expected, tuple) else (expected,)
    dtype = next(a for a in arrays if a is not None).dtype
    tolerance = tolerance or (2e-5 if dtype == np.float32 else 1e-12)
    for got, want in zip(
        run(primitive, *arrays, like=expected, **parameters), expected, strict=True
    ):
        scale = np.max(np.abs(want[np.isfinite(want)]), initial=1e-30)
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * float(scale))


def units_apart(got: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """How many float32 units in the last place lie between ``got`` and a float64 value."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(np.float32)
        same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
        unit = np.spacing(np.abs(rounded)).astype(np.float64)
        return np.where(same, 0.0, np.abs(got.astype(np.float64) - exact) / unit)


def wide_range(rng: np.random.Generator, count: int = 20_000) -> np.ndarray:
    """float32 numbers near 0, over the exponentials' range, and over all magnitudes."""
    magnitudes = 10.0 ** rng.uniform(-44, 38, count) * rng.choice([-1, 1], count)
    parts = [rng.normal(size=count), rng.uniform(-110, 110, count), magnitudes, EXTREMES]
    with np.errstate(all="ignore"):
        return np.concatenate(parts).astype(np.float32)


def parameter_sets(primitive: Primitive) -> list[dict[str, Any]]:
    """An activation's parameters: the defaults and others."""
    return [
        {},
        *{"gelu": [{"approximate": "tanh"}], "elu": [{"alpha": 0.7}]}.get(primitive.name, []),
    ]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda p: p.name)
@pytest.mark.filterwarnings("error")
class TestActivations:
    """Values within 4 units in the last place in float32, and as the body's in float64."""

    def test_value(self, activation: Primitive, instruction_set: str, rng: Any) -> None:
        x = wide_range(rng)
        for parameters in parameter_sets(activation):
            with np.errstate(all="ignore"):
                exact = activation.reference(x.astype(np.float64), **parameters)
            (got,) = run(activation, x, like=x, **parameters)
            apart = units_apart(got, exact)
            assert apart.max() <= 4, (x[apart.argmax()], got[apart.argmax()], exact[apart.argmax()])

    def test_backward(self, activation: Primitive, instruction_set: str, rng: Any) -> None:
        x = wide_range(rng)
        dy = rng.normal(size=x.shape).astype(np.float32)
        for parameters in parameter_sets(activation):
            with np.errstate(all="ignore"):
                y = activation.reference(x.astype(np.float64), **parameters).astype(np.float32)
                exact = activation.backward.reference(
                    *(a.astype(np.float64) for a in (dy, x, y)), **parameters
                )
            (got,) = run(activation.backward, dy, x, y, like=x, **parameters)
            apart = units_apart(got, exact)
            assert apart.max() <= 4, (x[apart.argmax()], got[apart.argmax()], exact[apart.argmax()])

    def test_float64(self, activation: Primitive, instruction_set: str, rng: Any) -> None:
        x = np.concatenate([rng.normal(size=3000) * 3, rng.uniform(-40, 40, 3000)])
        y = activation.reference(x)
        # The tail of the body's erfc rounds its argument before squaring it.
        tolerance = 1e-12 if activation.name == "gelu" else 4e-15
        np.testing.assert_allclose(run(activation, x, like=x)[0], y, rtol=tolerance, atol=1e-300)
        want = activation.backward.reference(np.ones_like(x), x, y)
        (got,) = run(activation.backward, np.ones_like(x), x, y, like=x)
        np.testing.assert_allclose(got, want, rtol=1e-13, atol=2e-15)

    @pytest.mark.parametrize("shape", [*SIZES, (), (5,), (2, 3, 4)], ids=str)
    def test_sizes_and_aliasing(self, activation: Primitive, shape: Any, rng: Any) -> None:
        x = np.asarray(rng.normal(size=shape), dtype=np.float32)
        y = np.asarray(activation.reference(x))
        np.testing.assert_allclose(run(activation, x, like=x)[0], y, rtol=2e-6, atol=1e-7)
        in_place = np.array(x)
        _cpu.call(activation.name, [in_place], [in_place], {}, 1)
        np.testing.assert_allclose(in_place, y, rtol=2e-6, atol=1e-7)


def test_a_parameter_for_each_member(rng: Any) -> None:
    x = rng.normal(size=(3, 4, 5))
    alpha = np.array([0.5, 1.0, 2.0])
    assert_parity(activations.elu, x, alpha=alpha)
    assert_parity(activations.elu.backward, x, x, x, alpha=alpha)


@pytest.mark.parametrize("shape", SIZES, ids=str)
@pytest.mark.parametrize("row_operation", ROWS, ids=lambda p: p.name)
class TestRows:
    """Softmax and its kin, and their Jacobian products."""

    def test_parity(
        self, row_operation: Primitive, shape: Any, members: Any, dtype: str, rng: Any
    ) -> None:
        x = (10 * rng.normal(size=(*members, *shape))).astype(dtype)
        y = row_operation.reference(x)
        dy = rng.normal(size=y.shape).astype(dtype)
        assert_parity(row_operation, x)
        assert_parity(row_operation.backward, dy, x, y)

    def test_extremes(
        self, row_operation: Primitive, shape: Any, instruction_set: str, rng: Any
    ) -> None:
        x = rng.choice(np.array(EXTREMES, np.float64), size=shape).astype(np.float32)
        assert_parity(row_operation, x)
        assert_parity(row_operation, rng.normal(size=shape).astype(np.float32))


def test_softmax_rows_sum_to_one(instruction_set: str, rng: Any) -> None:
    for k in (1, 2, 10, 48, 49, 1000):
        x = (20 * rng.normal(size=(50, k))).astype(np.float32)
        assert np.abs(run(softmax, x, like=x)[0].sum(axis=-1) - 1).max() < 1e-6


@pytest.mark.parametrize(
    "shape", [(0, 3, 2), (1, 1, 1), (5, 3, 7), (33, 16, 20), (70, 41, 150)], ids=str
)
def test_products(shape: Any, members: Any, dtype: str, instruction_set: str, rng: Any) -> None:
    n, i, o = shape
    x, weight, bias, dz = (
        rng.normal(size=(*members, *s)).astype(dtype) for s in [(n, i), (i, o), (o,), (n, o)]
    )
    assert_parity(affine, x, weight, bias)
    assert_parity(affine_input_gradient, dz, weight)
    assert_parity(affine_weight_gradient, x, dz)
    assert_parity(affine_bias_gradient, dz)
    assert_parity(affine, x[0] if members else x, weight, bias)


@pytest.mark.parametrize("depth", [1, 6, 9])
def test_products_of_every_size(depth: int, dtype: str, instruction_set: str, rng: Any) -> None:
    """Blocks of every height and width, and what lies behind the last number stays."""
    for n, o in itertools.product(range(1, 18), [*range(1, 34), 47, 48, 49, 65]):
        x, weight, bias = (
            rng.integers(-9, 10, size=s).astype(dtype) for s in [(n, depth), (depth, o), (o,)]
        )
        memory = np.full(n * o + 16, nan, dtype)
        z = memory[: n * o].reshape(n, o)
        _cpu.call("affine", [x, weight, bias], [z], {}, 1)
        np.testing.assert_array_equal(z, x @ weight + bias)
        _cpu.call("affine_weight_gradient", [x.T.copy(), weight], [z], {}, 1)
        np.testing.assert_array_equal(z, x @ weight)
        assert np.isnan(memory[n * o :]).all()


@pytest.mark.parametrize("shape", [(0, 40), (3, 33), (21, 150), (300, 70)], ids=str)
def test_a_few_rows_have_the_bits_of_many(
    shape: Any, members: Any, dtype: str, instruction_set: str, rng: Any
) -> None:
    """Few rows are multiplied without packing the weights first, but in the same order."""
    i, o = shape
    x, weight, bias = (rng.normal(size=(*members, *s)).astype(dtype) for s in [(9, i), shape, (o,)])
    (whole,) = run(affine, x, weight, bias, like=affine.reference(x, weight, bias))
    for n in range(1, 7):
        few = np.ascontiguousarray(x[..., :n, :])
        (got,) = run(affine, few, weight, bias, like=whole[..., :n, :])
        np.testing.assert_array_equal(got, whole[..., :n, :])
        assert_parity(affine_weight_gradient, np.ascontiguousarray(x[..., :n]), whole)


@pytest.mark.parametrize("shape", SIZES, ids=str)
@pytest.mark.parametrize("loss", LOSSES, ids=lambda p: p.name)
@pytest.mark.parametrize("weighted", [False, True])
def test_losses(loss: Any, shape: Any, weighted: bool, members: Any, dtype: str, rng: Any) -> None:
    z = rng.normal(size=(*members, *shape)).astype(dtype)
    y = rng.integers(0, 2, size=z.shape).astype(dtype)
    weight = rng.choice([0.0, 0.5, 2.0], size=z.shape[:-1]).astype(dtype) if weighted else None
    targets, parameters = [y], [{}]
    if loss.labels:
        targets.append(rng.integers(0, shape[-1], size=z.shape[:-1]))
        parameters.append({"label_smoothing": np.linspace(0.1, 0.3, *members) if members else 0.1})
    for target, given in itertools.product(targets, parameters):
        assert_parity(loss, z, target, weight, **given)
        assert_parity(loss.gradient, z, target, weight, **given)
        assert_parity(loss.value_and_gradient, z, target, weight, **given)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda p: p.name)
def test_rows_without_weight_count_for_nothing(loss: Any, instruction_set: str) -> None:
    z = np.array([[1.0, nan], [0.5, -0.5]], np.float32)
    y = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    for weight in ([0.0, 2.0], [0.0, 0.0], [1.0, 1.0]):
        assert_parity(loss.value_and_gradient, z, y, np.array(weight, np.float32))


@pytest.mark.parametrize("k", [1, 3, 64, 65, 130])
def test_normalization(k: int, members: Any, dtype: str, instruction_set: str, rng: Any) -> None:
    x, dy = rng.normal(size=(2, *members, 23, k)).astype(dtype)
    gamma, beta, mean, variance = rng.uniform(0.5, 2, size=(4, *members, k)).astype(dtype)
    for function in (batch_norm, layer_norm):
        assert_parity(function, x, gamma, beta)
        _, m, v = function.reference(x, gamma, beta)
        assert_parity(
            function.backward, dy, x, gamma, m, v, tolerance=2e-4 if dtype == "float32" else None
        )
    assert_parity(normalize, x, gamma, beta, mean, variance, epsilon=1e-3)
    assert_parity(running_average, mean, variance, momentum=0.3, scale=1.1)


@pytest.mark.parametrize("rule", RULES, ids=lambda p: p.name)
@pytest.mark.parametrize("size", [1, 17, 1000, 4099])
def test_updates(rule: Any, size: int, members: Any, dtype: str, rng: Any) -> None:
    theta, g, *state = rng.normal(size=(2 + rule.states, *members, size)).astype(dtype)
    state = [np.abs(s) for s in state]
    mask = (rng.uniform(size=size) < 0.7).astype(dtype)
    per_member = np.linspace(0.01, 0.1, *members) if members else 0.05
    norm = gradient_norm.reference(g, theta, mask, l2=0.1, clip_value=1.0)
    full = {"l2": 0.1, "weight_decay": per_member, "clip_value": 1.0, "clip_norm": 0.5, "step": 3}
    assert_parity(rule, theta, g, mask, norm, *state, learning_rate=per_member, **full)
    assert_parity(rule, theta, g, None, None, *state, learning_rate=0.1, step=2)
    expected = rule.reference(theta, g, mask, None, *state, learning_rate=0.1, step=2)
    _cpu.call(
        rule.name,
        [theta, g, mask, None, *state],
        [theta, *state],
        {"learning_rate": 0.1, "step": 2},
        2,
    )
    for got, want in zip((theta, *state), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e30, inf])
def test_gradient_norm(
    scale: float, members: Any, dtype: str, instruction_set: str, rng: Any
) -> None:
    g, theta = rng.normal(size=(2, *members, 4099)).astype(dtype)
    g[..., 7] *= scale
    g[..., 8:10] *= scale if scale < inf else 1.0
    assert_parity(gradient_norm, g, theta, None)
    assert_parity(gradient_norm, g, theta, np.ones(4099, dtype), l2=0.1, clip_value=2.0)
    growing = np.exp2(np.linspace(-20.0, 3.0, 4099)).astype(dtype)
    for one in (growing * g, (growing * g)[..., ::-1].copy()):
        assert_parity(gradient_norm, one, theta, None)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (64, 64), (7, 131)], ids=str)
def test_dropout(shape: Any, members: Any, dtype: str, instruction_set: str, rng: Any) -> None:
    x = rng.normal(size=(*members, *shape)).astype(dtype)
    seed = np.arange(11, 14) if members else 2**40 + 5
    member = np.arange(3) if members else 4
    given = {"rate": 0.4, "seed": seed, "member": member, "step": 9, "layer": 2}
    assert_parity(dropout, x, **given, tolerance=1e-6)
    assert_parity(dropout, x, **{**given, "rate": 0.0}, tolerance=1e-6)


@pytest.mark.parametrize("width", [4, 16, 37])
def test_gather(width: int, members: Any, dtype: str, rng: Any) -> None:
    index = rng.integers(0, 50, size=(*members, 13))
    for x in (
        rng.normal(size=(50, width)).astype(dtype),
        rng.normal(size=(*members, 50, width)).astype(dtype),
    ):
        assert_parity(gather_rows, x, index)
        assert_parity(gather_values, np.ascontiguousarray(x[..., 0]), index)
    labels = rng.integers(0, 9, size=50)
    (got,) = run(gather_values, labels, index, like=index)
    np.testing.assert_array_equal(got, labels[index])


def test_gather_refuses_an_index_out_of_range() -> None:
    x, out = np.zeros((3, 2)), np.zeros((1, 2))
    for bad in (3, -1):
        with pytest.raises(IndexError, match="gather_rows"):
            _cpu.call("gather_rows", [x, np.array([bad])], [out], {}, 1)


class TestRefusals:
    """An array that a kernel cannot use as it is is refused, never copied."""

    x = np.zeros((4, 3), np.float32)

    @pytest.mark.parametrize(
        ("name", "inputs", "output", "error", "words"),
        [
            ("relu", [x.astype(np.float64)], x, TypeError, "float32"),
            ("relu", [x.astype(np.int32)], x, TypeError, "dtype"),
            ("relu", [x.T], x.T, TypeError, "contiguous"),
            ("relu", [x[:, :2]], x[:, :2], TypeError, "contiguous"),
            ("relu", [x], x[:3], ValueError, "shape"),
            ("relu", [None], x, TypeError, "None"),
            ("relu", [x, x], x, TypeError, "inputs"),
            ("relu", [[1.0]], x, TypeError, "array"),
            ("affine", [x, x, x[0]], x, ValueError, "weight"),
            ("affine", [x[0], x, x[0]], x, ValueError, "axes"),
            ("no_such", [x], x, ValueError, "no_such"),
            ("stop_if_not_finite", [x], x, ValueError, "plan"),
            ("gelu_backward", [x, None, x], x, TypeError, "None"),
        ],
    )
    def test_refused(self, name: str, inputs: Any, output: Any, error: Any, words: str) -> None:
        with pytest.raises(error, match=words):
            _cpu.call(name, inputs, [output], {}, 1)

    def test_read_only_output(self) -> None:
        out = np.zeros_like(self.x)
        out.flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            _cpu.call("relu", [self.x], [out], {}, 1)
        _cpu.call("relu", [out], [np.zeros_like(out)], {}, 1)

    def test_misaligned(self) -> None:
        raw = np.zeros(49, np.uint8)[1:].view(np.float32)
        with pytest.raises(TypeError, match="aligned"):
            _cpu.call("relu", [raw], [np.zeros_like(raw)], {}, 1)

    def test_parameters(self) -> None:
        with pytest.raises(TypeError, match="beta"):
            _cpu.call("elu", [self.x], [self.x.copy()], {"beta": 1.0}, 1)
        with pytest.raises(TypeError, match="learning_rate"):
            _cpu.call("sgd", [self.x[0], self.x[1], None, None], [self.x[0]], {}, 1)
        with pytest.raises(ValueError, match="approximate"):
            _cpu.call("gelu", [self.x], [self.x.copy()], {"approximate": "sometimes"}, 1)

    def test_members_do_not_write_over_each_other(self) -> None:
        with pytest.raises(ValueError, match="members"):
            _cpu.call("affine_bias_gradient", [np.zeros((2, 3, 4))], [np.zeros(4)], {}, 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
# JAX, where a test before has loaded it, warns of every fork.
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_works_after_a_fork(rng: Any) -> None:
    x = rng.normal(size=(600, 600))
    out = np.empty_like(x)
    _cpu.call("tanh", [x], [out], {}, 2)
    child = os.fork()
    if child == 0:
        out[:] = 0
        _cpu.call("tanh", [x], [out], {}, 2)
        os._exit(0 if np.allclose(out, np.tanh(x)) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
