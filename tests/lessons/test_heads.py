"""Lessons on output heads: sigmoid for yes or no, identity for values, softmax for classes."""

from __future__ import annotations

import numpy as np
import pytest

import mlpcore as mc

X = np.linspace(-30.0, 30.0, 40).reshape(-1, 2)


def test_sigmoid_gives_the_probability_of_yes(rng: np.random.Generator) -> None:
    """``P(y = 1) = sigmoid(z)``; the loss is ``-mean(y log p + (1 - y) log(1 - p))``."""
    net = mc.MLP([2, 5, 1], output="sigmoid", dtype="float64")
    p = net.predict(X / 10)
    assert np.all((p > 0) & (p < 1))
    y = rng.integers(0, 2, p.shape)
    entropy = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    np.testing.assert_allclose(net.loss(X / 10, y), entropy, rtol=1e-12)


def test_identity_gives_any_value(rng: np.random.Generator) -> None:
    """``prediction = z``, unbounded; the loss is ``mean (z - y)^2 / 2``."""
    net = mc.MLP([2, 5, 1], output="identity", dtype="float64")
    np.testing.assert_array_equal(net.predict(X), net.forward(X))
    assert np.ptp(net.predict(1000 * X)) > 1000
    y = rng.standard_normal((len(X), 1))
    np.testing.assert_allclose(net.loss(X, y), np.mean((net.predict(X) - y) ** 2) / 2, rtol=1e-12)


def test_softmax_gives_a_distribution_over_classes(rng: np.random.Generator) -> None:
    """``P(class k) = exp(z_k) / sum_j exp(z_j)``; the loss is ``-mean log P(the right class)``."""
    net = mc.MLP([2, 5, 4], output="softmax", dtype="float64")
    p = net.predict(X / 10)
    assert np.all(p > 0)
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-14)
    y = rng.integers(0, 4, len(X))
    right = p[np.arange(len(X)), y]
    np.testing.assert_allclose(net.loss(X / 10, y), -np.mean(np.log(right)), rtol=1e-12)


def test_sigmoid_is_the_softmax_of_two_classes() -> None:
    """``softmax(0, z)_2 = sigmoid(z)``, so that one output does for two classes."""
    z = np.linspace(-5.0, 5.0, 11)
    two = mc.functions.softmax(np.stack([np.zeros_like(z), z], axis=-1))
    np.testing.assert_allclose(two[:, 1], mc.functions.sigmoid(z), rtol=1e-14)


@pytest.mark.parametrize(
    ("output", "Y"),
    [
        ("sigmoid", [[1, 0], [1, 0], [1, 1], [0, 0]]),
        ("identity", [[-3.0, 5.0], [2.0, 5.5], [1.0, 6.0], [0.5, 9.0]]),
        ("softmax", [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        ("exponential", [[4], [0], [1], [3]]),
    ],
)
def test_every_head_learns_the_mean_of_its_targets(output: str, Y: list[list[float]]) -> None:
    """At the best bias ``sum dZ = sum (A - Y) = 0``: the mean prediction is the mean target."""
    targets = np.array(Y, dtype=float)
    net = mc.MLP([1, targets.shape[1]], output=output, dtype="float64")
    nothing = np.zeros((len(targets), 1))
    net.fit(nothing, targets, optimizer=mc.SGD(0.5), epochs=200, progress=False)
    np.testing.assert_allclose(net.predict(nothing)[0], targets.mean(axis=0), rtol=1e-6)
