"""Softmax, its logarithm and log-sum-exp: values, Jacobian products and hard rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlpcore.functions.log_softmax import log_softmax
from mlpcore.functions.logsumexp import logsumexp
from mlpcore.functions.softmax import softmax

pytestmark = pytest.mark.filterwarnings("error")

inf, nan = math.inf, math.nan
FUNCTIONS = [softmax, log_softmax, logsumexp]
each_function = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.name)


@each_function
def test_values_match_scipy(function, library, dtype, members, rng):
    special = pytest.importorskip("scipy.special")
    x = (5 * rng.standard_normal((*members, 6, 7))).astype(dtype)
    y = library.numpy(function(library.array(x, dtype)))
    assert y.dtype == dtype
    expected = getattr(special, function.name)(x.astype("float64"), axis=-1)
    tolerance = {"float64": {"rtol": 1e-13, "atol": 1e-15}, "float32": {"rtol": 3e-6, "atol": 3e-7}}
    np.testing.assert_allclose(y, expected, **tolerance[dtype])


@each_function
def test_gradients_match_torch(function, library, dtype, members, rng):
    torch = pytest.importorskip("torch")
    x = (3 * rng.standard_normal((*members, 6, 7))).astype(dtype)
    dy = rng.standard_normal(x.shape[:-1] if function is logsumexp else x.shape).astype(dtype)
    xt = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    (dxt,) = torch.autograd.grad(
        getattr(torch, function.name)(xt, dim=-1), xt, torch.tensor(dy, dtype=torch.float64)
    )
    x, dy = library.array(x, dtype), library.array(dy, dtype)
    dx = library.numpy(function.backward(dy, x, function(x)))
    assert dx.dtype == dtype
    tolerance = {"float64": {"rtol": 1e-9, "atol": 1e-13}, "float32": {"rtol": 1e-5, "atol": 1e-6}}
    np.testing.assert_allclose(dx, dxt.numpy(), **tolerance[dtype])


@each_function
def test_gradients_match_central_differences(function, members, rng, central_difference):
    x = rng.standard_normal((*members, 3, 4))
    y = function(x)
    dy = rng.standard_normal(y.shape)
    numeric = central_difference(function, x, dy)
    np.testing.assert_allclose(function.backward(dy, x, y), numeric, rtol=1e-6, atol=1e-9)


HARD_ROWS = {
    "one closed class": ([0.0, -inf, 0.0], [0.5, 0, 0.5], math.log(2)),
    "one open class": ([-inf, 3.0, -inf], [0, 1, 0], 3.0),
    "all closed": ([-inf, -inf], [nan, nan], -inf),
    "an infinite logit": ([0.0, inf], [nan, nan], inf),
    "two infinite logits": ([inf, inf, 1000.0], [nan, nan, nan], inf),
    "both infinities": ([inf, -inf], [nan, nan], inf),
    "a NaN": ([0.0, nan, -inf], [nan, nan, nan], nan),
    "far apart": ([-1e38, 1e38], [0, 1], 1e38),
    "far up": ([1e38, 1e38], [0.5, 0.5], 1e38),
    "far down": ([-1e38, -1e38], [0.5, 0.5], -1e38),
    "one element": ([-7.0], [1], -7.0),
    "one far element": ([1e38], [1], 1e38),
    "subnormal": ([1e-40, -1e-40], [0.5, 0.5], math.log(2)),
    "beyond the range of exp": ([1000.0, 0.0], [1, 0], 1000.0),
}


@pytest.mark.parametrize(("row", "shares", "total"), HARD_ROWS.values(), ids=HARD_ROWS.keys())
def test_hard_rows_without_a_warning(row, shares, total, library, dtype):
    x = library.array([row], dtype)
    p, log_p, z = softmax(x), log_softmax(x), logsumexp(x)
    np.testing.assert_allclose(library.numpy(p), [shares], rtol=1e-6)
    np.testing.assert_allclose(library.numpy(z), [total], rtol=1e-6)
    np.testing.assert_allclose(np.exp(library.numpy(log_p)), [shares], rtol=1e-6, atol=0)

    dy = np.linspace(1.0, 2.0, len(row))
    slopes = library.numpy(logsumexp.backward(library.array([2.0], dtype), x, z))
    np.testing.assert_allclose(slopes, [2 * np.array(shares)], rtol=1e-6)
    dx = library.numpy(softmax.backward(library.array([dy], dtype), x, p))
    np.testing.assert_allclose(dx, [shares * (dy - np.sum(dy * shares))], rtol=1e-6, atol=1e-7)
    dx = library.numpy(log_softmax.backward(library.array([dy], dtype), x, log_p))
    np.testing.assert_allclose(dx, [dy - np.array(shares) * np.sum(dy)], rtol=1e-6, atol=1e-7)


def test_log_softmax_stays_finite_where_softmax_is_zero(library):
    x = library.array([[0.0, -1000.0, -1e38]], "float32")
    assert library.numpy(softmax(x)).tolist() == [[1, 0, 0]]
    np.testing.assert_allclose(library.numpy(log_softmax(x)), [[0, -1000, -1e38]], rtol=1e-6)


@each_function
def test_shapes_for_the_results(function):
    x = np.ones((2, 3, 4))
    y = function(x)
    assert function.shapes(x) == y.shape
    assert function.backward.shapes(y, x, y) == function.backward(y, x, y).shape == x.shape
    assert function.backward.name == f"{function.name}_backward"
    assert function(np.ones((0, 4))).shape == function.shapes(np.ones((0, 4)))


logits = hnp.arrays(
    st.sampled_from([np.float32, np.float64]),
    hnp.array_shapes(min_dims=1, max_dims=3, max_side=9),
    elements=st.floats(-1e6, 1e6, width=32),
)


@given(logits)
def test_rows_sum_to_one(x):
    p = softmax(x)
    assert p.dtype == x.dtype
    assert np.all((p >= 0) & (p <= 1))
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-6 if x.dtype == np.float32 else 1e-14)


@given(hnp.arrays(np.int64, (3, 5), elements=st.integers(-300, 300)), st.integers(-(2**40), 2**40))
def test_a_shift_changes_nothing(x, shift):
    here, there = x.astype("float64"), (x + shift).astype("float64")
    np.testing.assert_array_equal(softmax(here), softmax(there))
    np.testing.assert_array_equal(log_softmax(here), log_softmax(there))
    np.testing.assert_allclose(logsumexp(here) + shift, logsumexp(there), rtol=1e-15, atol=1e-12)


@given(logits)
def test_the_order_is_kept(x):
    order = np.argsort(x, axis=-1)
    for function in (softmax, log_softmax):
        assert np.all(np.diff(np.take_along_axis(function(x), order, axis=-1), axis=-1) >= 0)


@given(logits)
def test_the_three_agree(x):
    x = x.astype("float64")
    np.testing.assert_allclose(np.exp(log_softmax(x)), softmax(x), rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(x - logsumexp(x)[..., None], log_softmax(x), rtol=1e-9, atol=1e-9)


@given(logits)
def test_a_jacobian_product_sums_to_zero(x):
    dy = np.cos(np.arange(x.size, dtype="float64")).reshape(x.shape)
    x = x.astype("float64")
    dx = softmax.backward(dy, x, softmax(x))
    np.testing.assert_allclose(dx.sum(axis=-1), 0, atol=1e-14)
