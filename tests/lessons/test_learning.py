"""Lessons on learning: scaled inputs, mini-batches, batch normalization, Adam."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.functions import batch_norm, standardize

# Some of the learning rates that are tried are meant to be too large.
pytestmark = pytest.mark.filterwarnings("ignore:of members")


def epochs_to(loss: float, history: mc.History) -> np.ndarray:
    """For each member the epochs until its loss is below ``loss``; infinity if it never is."""
    below = np.array(history.loss) < loss
    return np.where(below.any(axis=0), 1.0 + below.argmax(axis=0), np.inf)


def test_standardised_inputs_converge_in_fewer_steps_than_raw_ones(
    rng: np.random.Generator,
) -> None:
    """Gradient descent needs about ``kappa`` steps, the ratio of the largest to the smallest
    curvature ``X^T X / m``; ``(x - mean) / deviation`` brings it near 1.

    Each gets the best of sixteen learning rates, a stack of them at once.
    """
    raw = rng.standard_normal((200, 2)) * [1, 10] + [5, 20]
    standardised, _, _ = standardize(raw)
    y = standardised @ [1.0, -1.0]
    rates = np.logspace(-5, 0, 16)
    steps = {}
    for name, X in (("raw", raw), ("standardised", standardised)):
        net = mc.MLP([2, 1], output="identity", members=16, dtype="float64")
        history = net.fit(X, y, optimizer=mc.SGD(rates), batch_size=200, epochs=150, progress=False)
        steps[name] = np.min(epochs_to(0.01, history))
    assert steps["standardised"] <= 15
    assert steps["raw"] > 10 * steps["standardised"]


def descent(
    net: mc.MLP, batches: Iterable[tuple[np.ndarray, np.ndarray]], rate: float
) -> np.ndarray:
    """Gradient descent, one step a batch; the loss of each batch before its step."""
    losses = []
    for X, y in batches:
        loss, g = net.loss_and_gradients(X, y)
        net.parameters[...] -= rate * g.flat
        losses.append(float(loss))
    return np.array(losses)


def test_mini_batch_loss_is_noisier_than_full_batch_but_cheaper(rng: np.random.Generator) -> None:
    """A step on ``b`` of ``n`` rows costs ``b / n`` of a full one. Full-batch loss falls at every
    step, mini-batch loss rises and falls; yet for the same number of rows it gets lower.
    """
    n, b, passes = 512, 16, 10
    X = rng.standard_normal((n, 4))
    y = (X @ [1.0, -1.0, 0.5, 0.0] + rng.standard_normal(n) > 0).astype(int)
    full, mini = (mc.MLP([4, 8, 2], activation="tanh", dtype="float64") for _ in range(2))

    smooth = descent(full, [(X, y)] * passes, rate=0.3)
    parts = [(X[i : i + b], y[i : i + b]) for i in range(0, n, b)]
    noisy = descent(mini, parts * passes, rate=0.3)

    assert np.all(np.diff(smooth) < 0)
    assert np.mean(np.diff(noisy) > 0) > 0.3
    assert mini.loss(X, y) < full.loss(X, y) - 0.02


def test_the_mini_batch_gradient_is_right_on_average(rng: np.random.Generator) -> None:
    """The mean of the batches' gradients is the full gradient; their variance falls as ``1/b``."""
    n = 512
    X, y = rng.standard_normal((n, 4)), rng.integers(0, 2, n)
    net = mc.MLP([4, 8, 2], dtype="float64")
    _, whole = net.loss_and_gradients(X, y)
    variance = {}
    for b in (8, 32):
        gradients = [
            net.loss_and_gradients(X[i : i + b], y[i : i + b])[1].flat for i in range(0, n, b)
        ]
        np.testing.assert_allclose(np.mean(gradients, axis=0), whole.flat, atol=1e-12)
        variance[b] = np.mean(np.sum((gradients - whole.flat) ** 2, axis=-1))
    assert 2.5 < variance[8] / variance[32] < 6


def test_batch_normalization_gives_mean_zero_and_variance_one(rng: np.random.Generator) -> None:
    """``x^ = (x - mean) / sqrt(variance + eps)`` for each column over the batch, whatever the scale
    and the place of the columns.
    """
    x = rng.standard_normal((50, 3)) * [1, 20, 300] + [0, -70, 9000]
    y, _, _ = batch_norm(x, np.ones(3), np.zeros(3))
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(y.var(axis=0), 1, rtol=1e-4)


def test_batch_normalization_can_be_the_identity(rng: np.random.Generator) -> None:
    """``gamma x^ + beta`` with ``gamma = deviation``, ``beta = mean`` gives ``x`` back up to
    epsilon: nothing that the layer could represent before is lost.
    """
    x = rng.standard_normal((50, 3)) * [1, 20, 300] + [0, -70, 9000]
    y, mean, variance = batch_norm(x, x.std(axis=0), x.mean(axis=0))
    np.testing.assert_allclose(y, x, rtol=0, atol=1e-4)
    exact, _, _ = batch_norm(x, np.sqrt(variance + 1e-5), mean)
    np.testing.assert_allclose(exact, x, rtol=1e-10, atol=1e-10)


def test_adam_reaches_a_loss_in_fewer_epochs_than_plain_sgd_on_digits() -> None:
    """``theta - rate m^ / (sqrt(v^) + eps)`` against ``theta - rate g``: each with the best of its
    learning rates, a stack of them, until the loss of an epoch is below 0.1.
    """
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    X, y = digits.data / 16, digits.target

    def epochs(optimizer: mc.Adam | mc.SGD) -> float:
        net = mc.MLP([64, 32, 10], members=4, seed=[0] * 4)
        history = net.fit(X, y, optimizer=optimizer, batch_size=64, epochs=12, progress=False)
        return float(np.min(epochs_to(0.1, history)))

    adam = epochs(mc.Adam(np.array([0.003, 0.01, 0.03, 0.1])))
    sgd = epochs(mc.SGD(np.array([0.1, 0.3, 0.5, 1.0])))
    assert adam <= sgd - 2
