"""Batch and layer normalization: values and gradients against Torch, statistics, extremes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlpcore.functions.normalization import batch_norm, layer_norm, normalize, running_average

ROWS, COLUMNS = 6, 4
AXIS = {batch_norm: -2, layer_norm: -1}
EPSILONS = np.array([1e-5, 1e-3, 0.1])
each_norm = pytest.mark.parametrize("norm", AXIS, ids=lambda norm: norm.name)


def draw(rng: np.random.Generator, members: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """``x``, ``gamma``, ``beta`` and ``dy``."""
    x = 3 + 2 * rng.standard_normal((*members, ROWS, COLUMNS))
    gamma, beta = 1 + rng.standard_normal((2, *members, COLUMNS))
    return x, gamma, beta, rng.standard_normal(x.shape)


def torch_norm(norm, x, gamma, beta, epsilon):
    """One member's normalization by Torch."""
    from torch.nn import functional

    if norm is layer_norm:
        return functional.layer_norm(x, (COLUMNS,), gamma, beta, eps=epsilon)
    return functional.batch_norm(x, None, None, gamma, beta, training=True, eps=epsilon)


def torch_value_and_gradients(norm, x, gamma, beta, dy, epsilon):
    torch = pytest.importorskip("torch")
    given = [torch.tensor(array, requires_grad=True) for array in (x, gamma, beta)]
    y = torch_norm(norm, *given, epsilon)
    gradients = torch.autograd.grad(y, given, torch.tensor(dy))
    return [array.detach().numpy() for array in (y, *gradients)]


@each_norm
def test_single_network_agrees_with_torch(norm, rng):
    x, gamma, beta, dy = draw(rng, ())
    y, mean, variance = norm(x, gamma, beta, epsilon=1e-3)
    got = y, *norm.backward(dy, x, gamma, mean, variance, epsilon=1e-3)
    expected = torch_value_and_gradients(norm, x, gamma, beta, dy, 1e-3)
    for ours, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-13)


@each_norm
@pytest.mark.parametrize("epsilon", [1e-5, EPSILONS], ids=["one epsilon", "one per member"])
def test_stack_agrees_with_torch_member_by_member(norm, epsilon, rng):
    x, gamma, beta, dy = draw(rng, (3,))
    y, mean, variance = norm(x, gamma, beta, epsilon=epsilon)
    got = y, *norm.backward(dy, x, gamma, mean, variance, epsilon=epsilon)
    for e, own in enumerate(np.broadcast_to(epsilon, 3)):
        expected = torch_value_and_gradients(norm, x[e], gamma[e], beta[e], dy[e], float(own))
        for ours, theirs in zip(got, expected, strict=True):
            np.testing.assert_allclose(ours[e], theirs, rtol=1e-9, atol=1e-13)


@each_norm
def test_every_library_gives_the_same(norm, library, dtype, members, rng):
    arrays = [array.astype(dtype) for array in draw(rng, members)]
    expected = run(norm, *arrays)
    got = run(norm, *(library.array(array, dtype) for array in arrays))
    tolerance = {"float64": 1e-12, "float32": 2e-5}[dtype]
    for ours, wanted in zip(got, expected, strict=True):
        ours = library.numpy(ours)
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, wanted, rtol=tolerance, atol=tolerance)


def run(norm, x, gamma, beta, dy):
    y, mean, variance = norm(x, gamma, beta)
    return y, mean, variance, *norm.backward(dy, x, gamma, mean, variance)


@each_norm
def test_gradients_agree_with_central_differences(norm, members, rng, central_difference):
    x, gamma, beta, dy = draw(rng, members)
    _, mean, variance = norm(x, gamma, beta)
    dx, dgamma, dbeta = norm.backward(dy, x, gamma, mean, variance)
    for gradient, f, at in (
        (dx, lambda v: norm(v, gamma, beta)[0], x),
        (dgamma, lambda v: norm(x, v, beta)[0], gamma),
        (dbeta, lambda v: norm(x, gamma, v)[0], beta),
    ):
        np.testing.assert_allclose(gradient, central_difference(f, at, dy), rtol=1e-6, atol=1e-8)


@each_norm
def test_statistics_are_the_mean_and_the_biased_variance(norm, members, rng):
    x, gamma, beta, _ = draw(rng, members)
    _, mean, variance = norm(x, gamma, beta)
    np.testing.assert_allclose(mean, x.mean(AXIS[norm]), rtol=1e-13)
    np.testing.assert_allclose(variance, x.var(AXIS[norm]), rtol=1e-13)


@each_norm
def test_normalized_values_have_mean_zero_and_variance_one(norm, members, rng):
    x, gamma, beta, _ = draw(rng, members)
    y, _, _ = norm(x, np.ones_like(gamma), np.zeros_like(beta), epsilon=0.0)
    np.testing.assert_allclose(y.mean(AXIS[norm]), 0, atol=1e-14)
    np.testing.assert_allclose(y.var(AXIS[norm]), 1, rtol=1e-13)


def test_batch_norm_with_the_batchs_own_deviation_and_mean_is_the_identity(members, rng):
    x, *_ = draw(rng, members)
    y, _, _ = batch_norm(x, x.std(-2), x.mean(-2), epsilon=0.0)
    np.testing.assert_allclose(y, x, rtol=1e-13)


@each_norm
def test_gradient_is_blind_along_what_normalization_removes(norm, members, rng):
    """No gradient along a common shift, and with ``epsilon = 0`` none along ``x`` itself."""
    x, gamma, beta, dy = draw(rng, members)
    _, mean, variance = norm(x, gamma, beta, epsilon=0.0)
    dx, _, _ = norm.backward(dy, x, gamma, mean, variance, epsilon=0.0)
    np.testing.assert_allclose(dx.sum(AXIS[norm]), 0, atol=1e-12)
    np.testing.assert_allclose((dx * x).sum(AXIS[norm]), 0, atol=1e-12)


@each_norm
def test_constant_input_gives_beta_and_a_finite_gradient(norm, library, dtype):
    x = library.array(np.full((ROWS, COLUMNS), 7), dtype)
    gamma, beta = library.array(np.full(COLUMNS, 2), dtype), library.array(range(COLUMNS), dtype)
    y, mean, variance = norm(x, gamma, beta)
    np.testing.assert_array_equal(library.numpy(y), np.tile(range(COLUMNS), (ROWS, 1)))
    gradients = norm.backward(x, x, gamma, mean, variance)
    assert all(np.isfinite(library.numpy(gradient)).all() for gradient in gradients)


@each_norm
@pytest.mark.parametrize("place", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_column_or_row(norm, place, rng):
    x, gamma, beta, _ = draw(rng, ())
    x[1, 2] = place
    with np.errstate(invalid="ignore"):
        y, mean, variance = norm(x, gamma, beta)
    column, row = np.zeros((2, ROWS, COLUMNS), bool)
    column[:, 2], row[1, :] = True, True
    np.testing.assert_array_equal(np.isnan(y), column if norm is batch_norm else row)
    assert np.isnan(variance).sum() == 1
    assert (~np.isfinite(mean)).sum() == 1


@each_norm
def test_shapes_for_the_recorder_are_those_of_the_results(norm, members, rng):
    x, gamma, beta, dy = draw(rng, members)
    results = norm(x, gamma, beta)
    assert norm.shapes(x, gamma, beta) == tuple(result.shape for result in results)
    given = dy, x, gamma, *results[1:]
    gradients = norm.backward(*given)
    assert norm.backward.shapes(*given) == tuple(gradient.shape for gradient in gradients)
    assert gradients[1].shape == gamma.shape
    assert norm.backward.name == f"{norm.name}_backward"


@each_norm
def test_out_receives_the_results(norm, rng):
    x, gamma, beta, dy = draw(rng, ())
    _, mean, variance = norm(x, gamma, beta)
    dgamma = np.empty_like(gamma)
    results = norm.backward(dy, x, gamma, mean, variance, out=(None, dgamma, None))
    assert results[1] is dgamma
    np.testing.assert_array_equal(dgamma, norm.backward(dy, x, gamma, mean, variance)[1])


# Inference


def test_normalize_with_the_batchs_statistics_is_batch_norm(members, rng):
    x, gamma, beta, _ = draw(rng, members)
    y, mean, variance = batch_norm(x, gamma, beta)
    np.testing.assert_allclose(normalize(x, gamma, beta, mean, variance), y, rtol=1e-13)


@pytest.mark.parametrize("epsilon", [1e-5, EPSILONS], ids=["one epsilon", "one per member"])
def test_normalize_agrees_with_torch_at_inference(library, dtype, epsilon, rng):
    torch = pytest.importorskip("torch")
    x, gamma, beta, _ = draw(rng, (3,))
    mean, variance = rng.standard_normal((3, COLUMNS)), rng.uniform(0.5, 2, (3, COLUMNS))
    arrays = [array.astype(dtype) for array in (x, gamma, beta, mean, variance)]
    y = library.numpy(normalize(*(library.array(a, dtype) for a in arrays), epsilon=epsilon))
    assert y.dtype == dtype
    for e, own in enumerate(np.broadcast_to(epsilon, 3)):
        x, gamma, beta, mean, variance = (torch.tensor(array[e]) for array in arrays)
        expected = torch.nn.functional.batch_norm(
            x, mean, variance, gamma, beta, training=False, eps=float(own)
        )
        tolerance = {"float64": 1e-9, "float32": 1e-5}[dtype]
        np.testing.assert_allclose(y[e], expected.numpy(), rtol=tolerance, atol=tolerance)


def test_running_averages_follow_torchs_batch_norm(rng):
    torch = pytest.importorskip("torch")
    layer = torch.nn.BatchNorm1d(COLUMNS, momentum=0.1, dtype=torch.float64)
    mean, variance, gamma, beta = np.zeros(COLUMNS), *np.ones((2, COLUMNS)), np.zeros(COLUMNS)
    for _ in range(3):
        x, *_ = draw(rng, ())
        layer(torch.tensor(x))
        _, batch_mean, batch_variance = batch_norm(x, gamma, beta)
        mean = running_average(mean, batch_mean)
        variance = running_average(variance, batch_variance, scale=ROWS / (ROWS - 1))
    np.testing.assert_allclose(mean, layer.running_mean.numpy(), rtol=1e-9)
    np.testing.assert_allclose(variance, layer.running_var.numpy(), rtol=1e-9)


def test_running_average_takes_one_momentum_and_scale_per_member(library, dtype):
    running, value = np.array([[1.0, 2.0], [3.0, 4.0]]), np.full((2, 2), 8.0)
    got = running_average(
        library.array(running, dtype),
        library.array(value, dtype),
        momentum=np.array([0.5, 0.25]),
        scale=np.array([1.0, 0.5]),
    )
    got = library.numpy(got)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, [[4.5, 5.0], [3.25, 4.0]])


# Properties

matrices = hnp.arrays(
    np.float64,
    st.tuples(st.integers(2, 4), st.integers(2, 4)),
    elements=st.floats(-100, 100),
    fill=st.nothing(),
)


@each_norm
@settings(max_examples=40, deadline=None)
@given(x=matrices, shift=st.floats(-100, 100), scale=st.floats(0.1, 10))
def test_shift_and_scale_of_the_input_are_normalized_away(norm, x, shift, scale):
    assume(x.std(AXIS[norm]).min() > 0.1)
    gamma, beta = np.ones(x.shape[-1]), np.zeros(x.shape[-1])
    y, _, _ = norm(x, gamma, beta, epsilon=0.0)
    moved, _, _ = norm(scale * x + shift, gamma, beta, epsilon=0.0)
    np.testing.assert_allclose(moved, y, atol=1e-9)
