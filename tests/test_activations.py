"""Activations: values, derivatives and limits, on every array library."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpcore.functions import activations
from mlpcore.functions.activations.elu import elu
from mlpcore.functions.activations.exponential import exponential
from mlpcore.functions.activations.gelu import gelu
from mlpcore.functions.activations.hard_sigmoid import hard_sigmoid
from mlpcore.functions.activations.hard_tanh import hard_tanh
from mlpcore.functions.activations.identity import identity
from mlpcore.functions.activations.leaky_relu import leaky_relu
from mlpcore.functions.activations.mish import mish
from mlpcore.functions.activations.relu import relu
from mlpcore.functions.activations.selu import selu
from mlpcore.functions.activations.sigmoid import sigmoid
from mlpcore.functions.activations.silu import silu
from mlpcore.functions.activations.softplus import softplus
from mlpcore.functions.activations.step import step
from mlpcore.functions.activations.tanh import tanh
from mlpcore.functions.erf import erf, erfc

pytestmark = pytest.mark.filterwarnings("error")

inf = math.inf


@dataclass(frozen=True)
class Case:
    """An activation, how to compute it another way, and where it tends.

    Attributes:
        function: the activation.
        torch: the same from ``(torch, x)``.
        left, right: value and slope towards ``-inf`` and ``inf``.
        exact: the same from ``(mpmath, x)``, for those with an exponential in them.
        parameters: keyword arguments.
    """

    function: Any
    torch: Callable[[Any, Any], Any]
    left: tuple[float, float]
    right: tuple[float, float]
    exact: Callable[[Any, Any], Any] | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.function.name, *map(str, self.parameters.values())])

    def value(self, x: Any) -> Any:
        return self.function(x, **self.parameters)

    def gradient(self, dy: Any, x: Any, y: Any) -> Any:
        return self.function.backward(dy, x, y, **self.parameters)

    def body(self, x: Any) -> Any:
        return self.function.reference(x, **self.parameters)

    def body_of_gradient(self, dy: Any, x: Any, y: Any) -> Any:
        return self.function.backward.reference(dy, x, y, **self.parameters)


def _gelu_tanh(mp: Any, x: Any) -> Any:
    return x / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + mp.mpf(0.044715) * x**3)))


CASES = [
    Case(identity, lambda t, x: x * 1, (-inf, 1), (inf, 1)),
    Case(step, lambda t, x: t.heaviside(x.detach(), t.ones_like(x)) + 0 * x, (0, 0), (1, 0)),
    Case(sigmoid, lambda t, x: t.sigmoid(x), (0, 0), (1, 0), lambda mp, x: 1 / (1 + mp.exp(-x))),
    Case(tanh, lambda t, x: t.tanh(x), (-1, 0), (1, 0), lambda mp, x: mp.tanh(x)),
    Case(relu, lambda t, x: t.relu(x), (0, 0), (inf, 1)),
    Case(leaky_relu, lambda t, x: t.nn.functional.leaky_relu(x, 0.01), (-inf, 0.01), (inf, 1)),
    Case(
        leaky_relu,
        lambda t, x: t.nn.functional.leaky_relu(x, 0.3),
        (-inf, 0.3),
        (inf, 1),
        parameters={"negative_slope": 0.3},
    ),
    Case(
        elu,
        lambda t, x: t.nn.functional.elu(x),
        (-1, 0),
        (inf, 1),
        lambda mp, x: x if x > 0 else mp.expm1(x),
    ),
    Case(
        elu,
        lambda t, x: t.nn.functional.elu(x, 1.7),
        (-1.7, 0),
        (inf, 1),
        parameters={"alpha": 1.7},
    ),
    Case(
        selu,
        lambda t, x: t.selu(x),
        (-1.7580993408473766, 0),
        (inf, 1.0507009873554805),
    ),
    Case(
        gelu,
        lambda t, x: t.nn.functional.gelu(x),
        (0, 0),
        (inf, 1),
        lambda mp, x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    ),
    Case(
        gelu,
        lambda t, x: t.nn.functional.gelu(x, approximate="tanh"),
        (0, 0),
        (inf, 1),
        _gelu_tanh,
        parameters={"approximate": "tanh"},
    ),
    Case(
        silu,
        lambda t, x: t.nn.functional.silu(x),
        (0, 0),
        (inf, 1),
        lambda mp, x: x / (1 + mp.exp(-x)),
    ),
    Case(
        mish,
        lambda t, x: t.nn.functional.mish(x),
        (0, 0),
        (inf, 1),
        lambda mp, x: x * mp.tanh(mp.log1p(mp.exp(x))),
    ),
    Case(
        softplus,
        lambda t, x: t.nn.functional.softplus(x, threshold=100),
        (0, 0),
        (inf, 1),
        lambda mp, x: mp.log1p(mp.exp(x)),
    ),
    Case(hard_sigmoid, lambda t, x: t.clamp(x / 6 + 0.5, 0, 1), (0, 0), (1, 0)),
    Case(hard_tanh, lambda t, x: t.nn.functional.hardtanh(x), (-1, 0), (1, 0)),
    Case(exponential, lambda t, x: t.exp(x), (0, 0), (inf, inf), lambda mp, x: mp.exp(x)),
]
each_activation = pytest.mark.parametrize("case", CASES, ids=str)
each_smooth = pytest.mark.parametrize("case", [case for case in CASES if case.exact], ids=str)


@each_activation
def test_value_and_gradient_match_torch(case, library, dtype, members, rng):
    torch = pytest.importorskip("torch")
    x = (3 * rng.standard_normal((*members, 5, 7))).astype(dtype)
    dy = rng.standard_normal(x.shape).astype(dtype)
    xt = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    yt = case.torch(torch, xt)
    (dxt,) = torch.autograd.grad(yt, xt, torch.tensor(dy, dtype=torch.float64))

    x, dy = library.array(x, dtype), library.array(dy, dtype)
    y = case.value(x)
    y, dx = library.numpy(y), library.numpy(case.gradient(dy, x, y))
    tolerance = {"float64": {"rtol": 1e-9, "atol": 1e-13}, "float32": {"rtol": 2e-6, "atol": 5e-7}}
    for ours, theirs in ((y, yt.detach()), (dx, dxt)):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, theirs.numpy(), **tolerance[dtype])


@each_activation
def test_gradient_matches_central_differences(case, members, rng, central_difference):
    x = 3 * rng.standard_normal((*members, 4, 5))
    corners = np.abs(np.abs(x)[..., None] - [0, 1, 3]).min(axis=-1)
    x = np.where(corners < 1e-3, 0.5, x)
    dy = rng.standard_normal(x.shape)
    numeric = central_difference(case.value, x, dy)
    np.testing.assert_allclose(case.gradient(dy, x, case.value(x)), numeric, rtol=1e-6, atol=1e-9)


@each_activation
def test_a_stack_computes_what_its_members_compute_alone(case, library, dtype, rng):
    x, dy = rng.standard_normal((2, 3, 4, 5)).astype(dtype)
    stacked = library.array(x, dtype)
    y = case.value(stacked)
    dx = case.gradient(library.array(dy, dtype), stacked, y)
    for e in range(3):
        alone = library.array(x[e], dtype)
        y_e = case.value(alone)
        dx_e = case.gradient(library.array(dy[e], dtype), alone, y_e)
        np.testing.assert_allclose(library.numpy(y)[e], library.numpy(y_e), rtol=1e-6)
        np.testing.assert_allclose(library.numpy(dx)[e], library.numpy(dx_e), rtol=1e-6, atol=1e-7)


@each_activation
def test_limits_without_a_warning(case, library, dtype):
    x = library.array([[-inf, -1e38, 1e38, inf, math.nan]], dtype)
    y = case.value(x)
    dx = library.numpy(case.gradient(library.array(np.ones((1, 5)), dtype), x, y))[0]
    (a, slope_a), (b, slope_b) = case.left, case.right
    far_left = slope_a * -1e38 if slope_a else a
    far_right = slope_b * 1e38 if slope_b else b
    expected = np.array([a, far_left, far_right, b, math.nan], dtype=dtype)
    np.testing.assert_allclose(library.numpy(y)[0], expected, rtol=1e-6)
    slopes = [slope_a, slope_a, slope_b, slope_b]
    np.testing.assert_allclose(dx[:4], slopes, rtol=1e-6, atol=np.finfo(dtype).eps)


@each_activation
def test_zeros_and_subnormals_without_a_warning(case, library, dtype):
    tiny = float(np.finfo(dtype).smallest_subnormal)
    points = [-16 * tiny, -tiny, -0.0, 0.0, tiny, 16 * tiny]
    x = library.array([points], dtype)
    y = case.value(x)
    dx = library.numpy(case.gradient(library.array(np.ones((1, 6)), dtype), x, y))
    at_zero = float(case.value(np.array([[0.0]]))[0, 0])
    if case.function is not step:
        np.testing.assert_allclose(
            library.numpy(y), np.full((1, 6), at_zero), rtol=1e-6, atol=1e-36
        )
    assert np.all(np.isfinite(dx))


@each_smooth
def test_every_digit_in_the_tails(case):
    mp = pytest.importorskip("mpmath")
    x = np.concatenate([np.linspace(-36, 36, 289), [-1e-9, 1e-9, -600.0, 600.0]])
    with mp.workdps(400):
        y = [case.exact(mp, mp.mpf(v)) for v in x]
    # A rounding of x^2 in exp(-x^2 / 2) weighs x^2 times as much in the Gaussian's tail.
    rounding = 1e-15 * (4 + x**2) if case.function is gelu else 4e-15
    y = np.array([float(v) for v in y])
    error = np.abs(case.body(x) - y)
    assert np.all(error <= rounding * np.abs(y) + 1e-300)


@each_smooth
def test_gradient_digits_in_the_tails(case):
    mp = pytest.importorskip("mpmath")
    x = np.linspace(-30, 30, 121)
    with mp.workdps(60):
        slopes = [float(mp.diff(lambda v: case.exact(mp, v), mp.mpf(v))) for v in x]
    dx = case.body_of_gradient(np.ones_like(x), x, case.body(x))
    np.testing.assert_allclose(dx, slopes, rtol=1e-12, atol=4e-16)


@pytest.mark.parametrize(
    ("function", "name"),
    [(leaky_relu, "negative_slope"), (elu, "alpha")],
    ids=["leaky_relu", "elu"],
)
def test_one_parameter_per_member(function, name, library, dtype, rng):
    values = np.array([0.1, 0.7, 1.3])
    x, dy = (library.array(a, dtype) for a in rng.standard_normal((2, 3, 4, 5)))
    y = function(x, **{name: values})
    dx = library.numpy(function.backward(dy, x, y, **{name: values}))
    y = library.numpy(y)
    assert y.dtype == dx.dtype == dtype
    for e, value in enumerate(values):
        y_e = function(x[e, ...], **{name: float(value)})
        dx_e = function.backward(dy[e, ...], x[e, ...], y_e, **{name: float(value)})
        np.testing.assert_allclose(y[e], library.numpy(y_e), rtol=1e-6)
        np.testing.assert_allclose(dx[e], library.numpy(dx_e), rtol=1e-6)


@each_activation
def test_out_receives_the_result(case, rng):
    x = rng.standard_normal((4, 5))
    out = np.empty_like(x)
    assert case.function(x, out=out, **case.parameters) is out
    np.testing.assert_array_equal(out, case.value(x))


def test_slopes_at_the_corners():
    x, one = np.array([-3.0, -1.0, 0.0, 1.0, 3.0]), np.ones(5)

    def slopes(function):
        return function.backward(one, x, function(x)).tolist()

    assert slopes(relu) == [0, 0, 0, 1, 1]
    assert slopes(leaky_relu) == [0.01, 0.01, 0.01, 1, 1]
    assert slopes(hard_tanh) == [0, 0, 1, 0, 0]
    assert slopes(hard_sigmoid) == [0, 1 / 6, 1 / 6, 1 / 6, 0]
    assert slopes(step) == [0, 0, 0, 0, 0]


def test_step_is_one_at_zero():
    assert step(np.array([-1.0, -0.0, 0.0, 1.0])).tolist() == [0, 1, 1, 1]


def test_aliases_and_names():
    assert activations.linear is activations.identity is identity
    assert activations.logistic is activations.sigmoid is sigmoid
    assert activations.swish is activations.silu is silu
    assert len(activations.__all__) == 18
    for name in set(activations.__all__) - {"linear", "logistic", "swish"}:
        function = getattr(activations, name)
        assert function.name == name
        assert function.backward.name == f"{name}_backward"


def test_selus_constants_keep_mean_zero_and_variance_one():
    e1, e2 = math.erfc(math.sqrt(0.5)) * math.sqrt(math.e), math.erfc(math.sqrt(2)) * math.e**2
    alpha = math.sqrt(2 / math.pi) / (1 - e1)
    spread = 2 * e2 + math.pi * e1**2 - 2 * (2 + math.pi) * e1 + math.pi + 2
    scale = (1 - e1) * math.sqrt(2 * math.pi / spread)
    y = selu(np.array([-inf, 1.0]))
    np.testing.assert_allclose(y, [-scale * alpha, scale], rtol=1e-13)


@pytest.mark.parametrize("call", [gelu, lambda x, **p: gelu.backward(x, x, x, **p)])
def test_unknown_approximation(call):
    with pytest.raises(ValueError, match=r"got approximate='erf', expected \"none\" or \"tanh\""):
        call(np.ones(2), approximate="erf")


def test_exponential_reaches_the_largest_number_and_no_further(dtype):
    largest = np.finfo(dtype).max
    edge = np.log(largest.astype("float64"))
    below, above = exponential(np.array([edge * (1 - 1e-6), edge * (1 + 1e-6)], dtype=dtype))
    assert 0.999 * largest < below < largest
    assert above == inf


numbers = st.floats(-1e300, 1e300)


@given(numbers)
def test_identities_between_a_function_and_its_mirror(x):
    x = np.array([x])

    def odd_part_is_linear(f):
        np.testing.assert_allclose(f(x) - f(-x), x, rtol=1e-14, atol=1e-14)

    for function in (gelu, silu, softplus):
        odd_part_is_linear(function)
    np.testing.assert_allclose(sigmoid(x) + sigmoid(-x), 1, rtol=1e-15)
    np.testing.assert_allclose(tanh(x), 2 * sigmoid(2 * x) - 1, rtol=1e-15, atol=1e-15)


@given(numbers, numbers)
def test_monotone_functions_keep_the_order(a, b):
    low, high = np.array([min(a, b)]), np.array([max(a, b)])
    for f in (sigmoid, tanh, relu, leaky_relu, elu, selu, softplus, hard_sigmoid, hard_tanh, step):
        assert f(low) <= f(high), f


@given(numbers)
def test_bounds_of_the_derivatives(x):
    x, one = np.array([x]), np.ones(1)
    assert 0 <= sigmoid.backward(one, x, sigmoid(x)) <= 0.25
    assert 0 <= tanh.backward(one, x, tanh(x)) <= 1


@pytest.mark.parametrize(("ours", "theirs"), [(erf, math.erf), (erfc, math.erfc)])
def test_error_function(ours, theirs, library, dtype):
    edges = [0.46875, 4.0, 26.5, 1e-300, 1e-30, 0.0]
    x = np.concatenate([np.linspace(-28, 28, 2241), edges, np.negative(edges)]).astype(dtype)
    expected = np.array([theirs(v) for v in x.tolist()])
    y = library.numpy(ours(library.array(x, dtype)))
    assert y.dtype == dtype
    precision = {"float64": (1e-14, 1e-307), "float32": (1e-6, 1e-36)}
    rtol, atol = precision[dtype]
    np.testing.assert_allclose(y, expected, rtol=rtol, atol=atol)
    ends = library.numpy(ours(library.array([-inf, -1e38, 1e38, inf, math.nan], dtype)))
    np.testing.assert_array_equal(ends, [theirs(v) for v in (-inf, -1e38, 1e38, inf, math.nan)])
