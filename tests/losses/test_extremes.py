"""Losses at the ends of the numbers."""

from __future__ import annotations

import numpy as np
import pytest

from loss_cases import (
    COLUMNS,
    ROWS,
    draw_logits,
    draw_target,
    each_loss,
)
from mlpcore.functions.losses import (
    absolute_error,
    huber,
    poisson_nll,
    sigmoid_binary_cross_entropy,
    softmax_cross_entropy,
    squared_error,
)


@pytest.mark.parametrize(
    ("logits", "label", "value", "gradient"),
    [
        ([1e38, -1e38], 0, 0.0, [0.0, 0.0]),
        ([1e38, -1e38], 1, 2e38, [1.0, -1.0]),
        ([1e38, 1e38], 0, np.log(2), [-0.5, 0.5]),
        ([0.0, -np.inf], 0, 0.0, [0.0, 0.0]),
        ([0.0, -np.inf], 1, np.inf, [1.0, -1.0]),
        ([0.0, -200.0], 1, 200.0, [1.0, -1.0]),
        ([-1e38, -1e38], 1, np.log(2), [0.5, -0.5]),
        ([-np.inf, -np.inf], 1, np.nan, [np.nan, np.nan]),
        ([np.nan, 0.0], 1, np.nan, [np.nan, np.nan]),
    ],
)
def test_softmax_cross_entropy_at_extreme_logits(library, dtype, logits, label, value, gradient):
    z = library.array([logits], dtype)
    for target in (library.array([label], "int64"), library.array(np.eye(2)[[label]], dtype)):
        got = softmax_cross_entropy.value_and_gradient(z, target)
        np.testing.assert_allclose(library.numpy(got[0]), np.array(value, dtype), rtol=1e-6)
        np.testing.assert_allclose(library.numpy(got[1]), [gradient], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("k", [4, 60])
def test_a_label_of_no_column_is_no_target(library, dtype, k):
    labels = np.array([-1, k, 2**40, 1, -(2**40)] * 7)
    z = np.linspace(-2, 2, labels.size * k).reshape(-1, k)
    z, rows = library.array(z, dtype), (labels[:, None] == np.arange(k))
    one, other = (
        softmax_cross_entropy.value_and_gradient(z, target)
        for target in (library.array(labels, "int64"), library.array(rows, dtype))
    )
    for got, expected in zip(one, other):
        np.testing.assert_allclose(library.numpy(got), library.numpy(expected), rtol=1e-5)


def test_smoothing_stays_finite_at_large_logits_and_meets_minus_infinity(dtype):
    z = np.array([[1e38, -1e38, -1e38, -1e38]], dtype)
    value = softmax_cross_entropy(z, np.array([0]), label_smoothing=0.5)
    np.testing.assert_allclose(value, 0.5 * 0.75 * 2e38, rtol=1e-6)
    z[0, 1] = -np.inf
    assert softmax_cross_entropy(z, np.array([0]), label_smoothing=0.5) == np.inf


INFINITE = np.inf
EXTREMES = [
    # loss, logit, target, value, gradient
    (sigmoid_binary_cross_entropy, 1e38, 1.0, 0.0, 0.0),
    (sigmoid_binary_cross_entropy, 1e38, 0.0, 1e38, 1.0),
    (sigmoid_binary_cross_entropy, -1e38, 1.0, 1e38, -1.0),
    (sigmoid_binary_cross_entropy, -1e38, 0.0, 0.0, 0.0),
    (sigmoid_binary_cross_entropy, INFINITE, 1.0, 0.0, 0.0),
    (sigmoid_binary_cross_entropy, INFINITE, 0.0, INFINITE, 1.0),
    (sigmoid_binary_cross_entropy, -INFINITE, 1.0, INFINITE, -1.0),
    (sigmoid_binary_cross_entropy, -INFINITE, 0.0, 0.0, 0.0),
    (sigmoid_binary_cross_entropy, 1e38, 0.5, 5e37, 0.5),
    (squared_error, INFINITE, 0.0, INFINITE, INFINITE),
    (squared_error, -INFINITE, 0.0, INFINITE, -INFINITE),
    (absolute_error, 1e38, -1e38, 2e38, 1.0),
    (absolute_error, -INFINITE, 0.0, INFINITE, -1.0),
    (huber, 1e38, 0.0, 1e38, 1.0),
    (huber, -1e38, 0.0, 1e38, -1.0),
    (huber, -INFINITE, 0.0, INFINITE, -1.0),
    (poisson_nll, -1e38, 0.0, 0.0, 0.0),
    (poisson_nll, -1e38, 2.0, 2e38, -2.0),
    (poisson_nll, -INFINITE, 0.0, 0.0, 0.0),
    (poisson_nll, -INFINITE, 2.0, INFINITE, -2.0),
    (poisson_nll, 1e38, 2.0, INFINITE, INFINITE),
    (poisson_nll, INFINITE, 2.0, INFINITE, INFINITE),
    (poisson_nll, INFINITE, 0.0, INFINITE, INFINITE),
]


@pytest.mark.parametrize(("loss", "logit", "target", "value", "gradient"), EXTREMES)
def test_elementwise_losses_at_extreme_logits(library, dtype, loss, logit, target, value, gradient):
    z, y = (library.array([[number]], dtype) for number in (logit, target))
    got = loss.value_and_gradient(z, y)
    np.testing.assert_allclose(library.numpy(got[0]), np.array(value, dtype), rtol=1e-6)
    np.testing.assert_allclose(library.numpy(got[1]), [[gradient]], rtol=1e-6)


@pytest.mark.parametrize("size", [1e38, 1.7e19])
def test_squares_that_outgrow_the_dtype_are_infinite_in_silence(size):
    z, y = np.full((2, 3), size, np.float32), np.zeros((2, 3), np.float32)
    value, dz = squared_error.value_and_gradient(z, y)
    assert value == np.inf
    np.testing.assert_allclose(dz, size / 2, rtol=1e-6)


def test_squares_just_within_the_dtype_are_exact():
    value = squared_error(np.full((2, 3), 5e18, np.float32), np.zeros((2, 3), np.float32))
    np.testing.assert_allclose(value, 1.5 * 25e36, rtol=1e-6)


@each_loss
def test_nan_reaches_value_and_gradient(loss, kind):
    z, target = draw_logits((ROWS, COLUMNS)), draw_target(kind, (ROWS, COLUMNS))
    z[2, 1] = np.nan
    value, dz = loss.value_and_gradient(z, target)
    assert np.isnan(value)
    assert np.isnan(dz[2, 1])
    assert np.isfinite(dz[:2]).all()
    if kind != "labels":
        z[2, 1], target[2, 1] = 0.0, np.nan
        assert np.isnan(loss(z, target))
