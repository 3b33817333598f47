"""Lessons on forward and backward propagation: whole matrices against a loop over examples.

Rows are examples here. Where a lecture has examples as columns, ``Z = W X + b``, transpose.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import mlpcore as mc

#: The link of each head and the loss of one example, written out from the definitions.
LINKS: dict[str, Any] = {
    "softmax": lambda z: np.exp(z) / np.sum(np.exp(z)),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "identity": lambda z: z,
    "exponential": np.exp,
}
LOSSES: dict[str, Any] = {
    "softmax": lambda a, y: -np.sum(y * np.log(a)),
    "sigmoid": lambda a, y: -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a)),
    "identity": lambda a, y: np.sum((a - y) ** 2) / 2,
    "exponential": lambda a, y: np.sum(a - y * np.log(a)),
}


def problem(
    sizes: list[int], activation: str, output: str, rng: np.random.Generator
) -> tuple[mc.MLP, np.ndarray, np.ndarray]:
    """A network with biases that are not zero, inputs, and targets that fit every head."""
    net = mc.MLP(sizes, activation=activation, output=output, dtype="float64", seed=3)
    for bias in net.biases:
        bias[...] = rng.standard_normal(bias.shape)
    X = rng.standard_normal((7, sizes[0]))
    Y = np.eye(sizes[-1])[rng.integers(0, sizes[-1], 7)]
    return net, X, Y


@pytest.mark.parametrize("output", LINKS)
def test_forward_and_backward_of_a_two_layer_network(output: str, rng: np.random.Generator) -> None:
    """One hidden layer, ``m`` examples, each with ``x``, ``y`` alone:

    ``z1 = W1^T x + b1``, ``a1 = tanh(z1)``, ``z2 = W2^T a1 + b2``, ``a2 = link(z2)``,
    ``dz2 = a2 - y``, ``dW2 = mean a1 dz2^T``, ``db2 = mean dz2``,
    ``dz1 = W2 dz2 * (1 - a1^2)``, ``dW1 = mean x dz1^T``, ``db1 = mean dz1``.
    """
    net, X, Y = problem([4, 5, 3], "tanh", output, rng)
    (W1, W2), (b1, b2) = net.weights, net.biases
    m = len(X)
    loss = 0.0
    A2, dW1, dW2 = np.zeros_like(Y), np.zeros_like(W1), np.zeros_like(W2)
    db1, db2 = np.zeros_like(b1), np.zeros_like(b2)
    for i, (x, y) in enumerate(zip(X, Y)):
        a1 = np.tanh(W1.T @ x + b1)
        a2 = LINKS[output](W2.T @ a1 + b2)
        A2[i] = a2
        loss += LOSSES[output](a2, y) / m
        dz2 = a2 - y
        dW2 += np.outer(a1, dz2) / m
        db2 += dz2 / m
        dz1 = (W2 @ dz2) * (1 - a1**2)
        dW1 += np.outer(x, dz1) / m
        db1 += dz1 / m

    np.testing.assert_allclose(net.predict(X), A2, rtol=1e-12)
    value, g = net.loss_and_gradients(X, Y)
    np.testing.assert_allclose(value, loss, rtol=1e-12)
    for got, expected in zip((*g.weights, *g.biases), (dW1, dW2, db1, db2)):
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-13)


def test_forward_and_backward_of_a_three_layer_network(rng: np.random.Generator) -> None:
    """Two hidden layers of ReLU; the error goes back through one more layer in the same way:

    ``dz3 = a3 - y``, ``dz2 = W3 dz3 * [z2 > 0]``, ``dz1 = W2 dz2 * [z1 > 0]``, and for each layer
    ``dW = mean a_before dz^T``, ``db = mean dz``.
    """
    net, X, Y = problem([4, 6, 5, 3], "relu", "softmax", rng)
    (W1, W2, W3), (b1, b2, b3) = net.weights, net.biases
    m = len(X)
    dW, db = [np.zeros_like(W) for W in net.weights], [np.zeros_like(b) for b in net.biases]
    for x, y in zip(X, Y):
        z1 = W1.T @ x + b1
        a1 = np.maximum(z1, 0)
        z2 = W2.T @ a1 + b2
        a2 = np.maximum(z2, 0)
        dz3 = LINKS["softmax"](W3.T @ a2 + b3) - y
        dz2 = (W3 @ dz3) * (z2 > 0)
        dz1 = (W2 @ dz2) * (z1 > 0)
        for layer, (before, dz) in enumerate(((x, dz1), (a1, dz2), (a2, dz3))):
            dW[layer] += np.outer(before, dz) / m
            db[layer] += dz / m

    _, g = net.loss_and_gradients(X, Y)
    for got, expected in zip((*g.weights, *g.biases), (*dW, *db)):
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("output", LINKS)
def test_the_error_of_the_output_is_prediction_minus_target(
    output: str, rng: np.random.Generator
) -> None:
    """``dZ2 = (A2 - Y) / m`` for every link with the loss that belongs to it."""
    net, X, Y = problem([4, 5, 3], "tanh", output, rng)
    logits = net.forward(X)
    _, dZ2 = net.loss_function.value_and_gradient(logits, Y, None)
    A2 = np.stack([LINKS[output](z) for z in logits])
    np.testing.assert_allclose(dZ2, (A2 - Y) / len(X), rtol=1e-12, atol=1e-15)


def test_the_gradients_of_an_affine_layer_are_sums_over_examples(rng: np.random.Generator) -> None:
    """``dW = X^T dZ / m`` and ``db = sum(dZ) / m``, entry by entry:

    ``dW[j, k] = 1/m sum_i x[i, j] dz[i, k]`` and ``db[k] = 1/m sum_i dz[i, k]``.
    """
    m, fan_in, fan_out = 6, 3, 2
    X, dZ = rng.standard_normal((m, fan_in)), rng.standard_normal((m, fan_out))
    dW = mc.functions.affine_weight_gradient(X, dZ / m)
    db = mc.functions.affine_bias_gradient(dZ / m)
    for k in range(fan_out):
        assert math.isclose(db[k], sum(dZ[i, k] for i in range(m)) / m, rel_tol=1e-12)
        for j in range(fan_in):
            expected = sum(X[i, j] * dZ[i, k] for i in range(m)) / m
            assert math.isclose(dW[j, k], expected, rel_tol=1e-12)
