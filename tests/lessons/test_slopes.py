"""Lessons on the functions themselves: their slopes, their limits, and the stable softmax."""

from __future__ import annotations

import numpy as np

from mlpcore.functions import relu, sigmoid, softmax, tanh

GRID = np.linspace(-8.0, 8.0, 1601)


def test_the_slope_of_sigmoid_is_at_most_a_quarter() -> None:
    """``sigmoid' = s (1 - s)``, in (0, 1/4], with 1/4 at 0."""
    y = sigmoid(GRID)
    slope = sigmoid.backward(np.ones_like(GRID), GRID, y)
    np.testing.assert_allclose(slope, y * (1 - y), rtol=1e-9)
    assert np.all(slope > 0)
    assert 0.25 - 1e-12 < slope.max() <= 0.25
    assert abs(GRID[slope.argmax()]) < 1e-6


def test_the_slope_of_tanh_is_at_most_one() -> None:
    """``tanh' = 1 - tanh^2``, in (0, 1], with 1 at 0: 1 belongs to the range, 0 does not."""
    y = tanh(GRID)
    slope = tanh.backward(np.ones_like(GRID), GRID, y)
    np.testing.assert_allclose(slope, 1 / np.cosh(GRID) ** 2, rtol=1e-8)
    assert np.all(slope > 0)
    assert 1 - 1e-12 < slope.max() <= 1
    assert abs(GRID[slope.argmax()]) < 1e-6


def test_tanh_is_a_sigmoid_stretched_both_ways() -> None:
    """``tanh(x) = 2 sigmoid(2x) - 1``; the 2 inside is needed."""
    np.testing.assert_allclose(tanh(GRID), 2 * sigmoid(2 * GRID) - 1, rtol=1e-12, atol=1e-15)
    assert np.max(np.abs(tanh(GRID) - (2 * sigmoid(GRID) - 1))) > 0.3


def test_relu_is_continuous_at_zero_with_the_derivative_taken_as_zero() -> None:
    """``relu(h) -> 0`` from both sides; ``(relu(h) - relu(0)) / h`` is 1 above and 0 below, so that
    there is no derivative at 0, and 0 is what we take.
    """
    zero = np.array([0.0, -0.0])
    for h in (1e-2, 1e-4, 1e-8):
        below, above = relu(np.array([-h, h]))
        assert max(abs(below), abs(above)) <= h
        assert (above - 0) / h == 1
        assert (below - 0) / -h == 0
    np.testing.assert_array_equal(relu(zero), [0, 0])
    np.testing.assert_array_equal(relu.backward(np.ones(2), zero, relu(zero)), [0, 0])


def test_softmax_is_stabilised_by_subtracting_the_maximum() -> None:
    """``exp(z_i - m) / sum_j exp(z_j - m)`` is the same for every ``m``; with ``m = max z`` nothing
    overflows. Dividing by the maximum is another function.
    """
    z = np.array([[1000.0, 1001.0, 1002.0]])
    with np.errstate(over="ignore", invalid="ignore"):
        naive = np.exp(z) / np.sum(np.exp(z))
    assert np.all(np.isnan(naive))

    small = np.array([[0.0, 1.0, 2.0]])
    expected = np.exp(small) / np.sum(np.exp(small))
    np.testing.assert_allclose(softmax(small), expected, rtol=1e-14)
    np.testing.assert_allclose(softmax(z), expected, rtol=1e-14)
    assert np.max(np.abs(softmax(z / z.max()) - expected)) > 0.3
