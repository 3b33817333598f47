"""Lessons on the weights at the start: symmetry, and signals that vanish or explode with depth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.functions.initializers import INITIALIZERS

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = np.array([0, 1, 1, 0])


def trained(init: str, X: np.ndarray, y: np.ndarray) -> mc.MLP:
    net = mc.MLP([X.shape[1], 8, 2], activation="sigmoid", init=init, dtype="float64", seed=1)
    net.fit(X, y, optimizer=mc.Adam(0.05), epochs=300, progress=False)
    return net


@pytest.mark.parametrize("init", ["zeros", "constant(value=0.3)"])
def test_equal_weights_keep_the_units_of_a_layer_identical(
    init: str, rng: np.random.Generator
) -> None:
    """If all columns of ``W1`` and all rows of ``W2`` are equal, so are those of ``dW1`` and
    ``dW2``: units that start alike get the same gradient, and stay one unit in many copies.
    """
    X = rng.standard_normal((30, 3))
    net = trained(init, X, (X[:, 0] > 0.5).astype(int))
    W1, W2 = net.weights
    assert np.min(np.ptp(W1, axis=0)) > 1, "they have learned"
    np.testing.assert_allclose(W1, W1[:, :1] * np.ones(8), rtol=1e-9)
    np.testing.assert_allclose(W2, W2[:1] * np.ones((8, 1)), rtol=1e-9)


def test_small_random_weights_break_the_symmetry_and_zero_biases_are_harmless() -> None:
    """``W ~ N(0, 0.1^2)``, ``b = 0``: the units differ, so do their gradients, and XOR is learned.
    From ``W = 0`` it is not: the loss stays at ``log 2``.
    """
    start = mc.MLP([2, 8, 2], init="normal(std=0.1)")
    assert not any(bias.any() for bias in start.biases)

    net = trained("normal(std=0.1)", CORNERS, XOR)
    W1, b1 = net.weights[0], net.biases[0]
    assert len(np.unique(np.round(W1, 3), axis=1).T) == 8
    assert len(np.unique(np.round(b1, 3))) == 8, "the biases have become different by themselves"
    assert net.loss(CORNERS, XOR) < 0.05
    assert trained("zeros", CORNERS, XOR).loss(CORNERS, XOR) == pytest.approx(np.log(2))


def gradient_lengths(activation: str, rng: np.random.Generator) -> np.ndarray:
    """``||dW||`` of ten hidden layers, the first layer first."""
    net = mc.MLP([64] * 11 + [10], activation=activation, dtype="float64")
    _, g = net.loss_and_gradients(rng.standard_normal((64, 64)), rng.integers(0, 10, 64))
    return np.array([np.linalg.norm(dW) for dW in g.weights[:-1]])


def test_gradients_shrink_layer_by_layer_with_sigmoid(rng: np.random.Generator) -> None:
    """``dZ_l = dZ_(l+1) W^T * sigmoid'(Z_l)``, and ``sigmoid' <= 1/4``: a factor lost a layer."""
    lengths = gradient_lengths("sigmoid", rng)
    assert np.all(lengths[:-1] < lengths[1:] / 2)
    assert lengths[0] < 1e-4 * lengths[-1]


def test_he_weights_and_relu_hold_the_gradients(rng: np.random.Generator) -> None:
    """``relu' = 1`` for the half that is on, and ``Var W = 2 / fan_in`` makes up for the other."""
    lengths = gradient_lengths("relu", rng)
    assert lengths.max() < 4 * lengths.min()


@pytest.mark.parametrize("factor", [1.5, 0.5])
def test_weights_of_a_multiple_of_the_identity_explode_or_vanish(factor: float) -> None:
    """``W = c I`` in ``L`` linear layers: ``z_L = c^L x``, and ``dx = c^L dz``; 1.5 explodes, 0.5
    vanishes, at once forward and backward.
    """
    depth = 50
    net = mc.MLP([3] * (depth + 1), activation="identity", output="identity", dtype="float64")
    for W in net.weights:
        W[...] = factor * np.eye(3)
    x = np.array([[1.0, -2.0, 0.5]])
    np.testing.assert_allclose(net.forward(x), factor**depth * x, rtol=1e-12)
    _, g = net.loss_and_gradients(x, net.forward(x) - [[1.0, 0.0, 0.0]])
    expected = factor ** (depth - 1) * np.outer(x, [1.0, 0.0, 0.0])
    np.testing.assert_allclose(g.weights[0], expected, rtol=1e-6, atol=1e-6 * factor**depth)
    assert factor**depth > 1e8 or factor**depth < 1e-8


def variance_kept(init: str, activation: str, rng: np.random.Generator) -> float:
    """``mean z^2`` behind six layers as a share of that behind the first, over four networks."""
    net = mc.MLP(
        [200] * 7, activation=activation, output="identity", init=init, members=4, dtype="float64"
    )
    X = rng.standard_normal((100, 200))
    first = mc.functions.affine(X, net.weights[0], net.biases[0])
    return float(np.mean(net.forward(X) ** 2) / np.mean(first**2))


@pytest.mark.parametrize(
    ("init", "activation", "factor"),
    [
        ("lecun_normal", "identity", 1),
        ("lecun_uniform", "identity", 1),
        ("glorot_normal", "identity", 1),
        ("glorot_uniform", "identity", 1),
        ("he_normal", "relu", 1),
        ("he_uniform", "relu", 1),
        ("he_normal", "identity", 2),
        ("lecun_normal", "relu", 1 / 2),
        ("normal(std=0.01)", "identity", 0.02),
    ],
)
def test_lecun_glorot_and_he_keep_the_variance(
    init: str, activation: str, factor: float, rng: np.random.Generator
) -> None:
    """``Var z = fan_in Var W mean a^2``: times 1 a layer for LeCun and Glorot (linear units, equal
    widths) and for He behind ReLU, where ``mean a^2 = Var z / 2``. He's weights on linear units
    double it, LeCun's behind ReLU halve it, and 0.01 loses it: ``200 * 0.01^2 = 0.02``.
    """
    assert 0.6 < variance_kept(init, activation, rng) / factor**5 < 1.6


@pytest.mark.parametrize(
    ("init", "forward", "backward"),
    [("lecun_normal", 1.0, 1 / 3), ("glorot_normal", 1.5, 0.5), ("glorot_uniform", 1.5, 0.5)],
)
def test_glorot_is_the_compromise_between_forward_and_backward(
    init: str, forward: float, backward: float, rng: np.random.Generator
) -> None:
    """Forward the variance changes by ``fan_in Var W``, backward by ``fan_out Var W``. Glorot's
    ``Var W = 2 / (fan_in + fan_out)`` makes the mean of the two 1; LeCun looks forward only. Here
    ``fan_in = 300``, ``fan_out = 100``.
    """
    draw: Any = rng.standard_normal if init.endswith("normal") else rng.random
    source = type("Source", (), {"normal": staticmethod(draw), "uniform": staticmethod(draw)})
    W = INITIALIZERS[init](300, 100, source)
    X, dZ = rng.standard_normal((500, 300)), rng.standard_normal((500, 100))
    assert np.var(mc.functions.affine(X, W, np.zeros(100))) == pytest.approx(forward, rel=0.05)
    assert np.var(mc.functions.affine_input_gradient(dZ, W)) == pytest.approx(backward, rel=0.05)
