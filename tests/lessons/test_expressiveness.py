"""Lessons on what a network can represent: why hidden layers, why width, why depth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import mlpcore as mc

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = np.array([0, 1, 1, 0])
Function = Callable[[np.ndarray], np.ndarray]


def test_a_stack_of_linear_layers_equals_one(rng: np.random.Generator) -> None:
    """``(x W1 + b1) W2 + b2 = x (W1 W2) + (b1 W2 + b2)``, and so on through many layers."""
    deep = mc.MLP([4, 6, 5, 3], activation="identity", output="identity", dtype="float64")
    for bias in deep.biases:
        bias[...] = rng.standard_normal(bias.shape)
    (W1, W2, W3), (b1, b2, b3) = deep.weights, deep.biases
    one = mc.MLP([4, 3], output="identity", dtype="float64")
    one.weights[0][...] = W1 @ W2 @ W3
    one.biases[0][...] = (b1 @ W2 + b2) @ W3 + b3

    X = rng.standard_normal((20, 4))
    np.testing.assert_allclose(deep.forward(X), one.forward(X), rtol=1e-10, atol=1e-12)
    bent = mc.MLP([4, 6, 5, 3], activation="tanh", output="identity", dtype="float64")
    bent.parameters[...] = deep.parameters
    assert np.max(np.abs(bent.forward(X) - one.forward(X))) > 0.1


def newton(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Logistic regression by Newton's method: weights, and the intercept last."""
    rows = np.column_stack([X, np.ones(len(X))])
    w = np.zeros(rows.shape[1])
    for _ in range(20):
        p = 1 / (1 + np.exp(-rows @ w))
        w -= np.linalg.solve((rows.T * (p * (1 - p))) @ rows, rows.T @ (p - y))
    return w


def test_logistic_regression_is_a_network_without_hidden_layers(rng: np.random.Generator) -> None:
    """``P(y = 1) = sigmoid(x W + b)``, with one output; with two and softmax, ``W = W_2 - W_1``."""
    X = rng.standard_normal((100, 3))
    y = (X @ [1.0, -2.0, 0.0] + rng.logistic(size=100) > 0.5).astype(int)
    expected = newton(X, y)
    descent = mc.SGD(2.0, momentum=0.9)
    for outputs, output in ((1, "sigmoid"), (2, "softmax")):
        net = mc.MLP([3, outputs], output=output, dtype="float64")
        net.fit(X, y, optimizer=descent, epochs=400, progress=False)
        W, b = net.weights[0], net.biases[0]
        first = (W[:, 0], b[0]) if outputs == 2 else (0.0, 0.0)
        found = np.append(W[:, -1] - first[0], b[-1] - first[1])
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_xor_needs_a_hidden_layer() -> None:
    """No ``sigmoid(w1 x1 + w2 x2 + b)`` is XOR: the loss is convex, with the minimum ``log 2``
    at 0, where every answer is 1/2. One hidden layer does it, from each of twenty starts.
    """
    line = mc.MLP([2, 1], output="sigmoid", members=20, dtype="float64", init="normal(std=1.0)")
    history = line.fit(CORNERS, XOR, optimizer=mc.SGD(2.0), epochs=200, progress=False)
    assert np.min(history.loss) > np.log(2) - 1e-12
    np.testing.assert_allclose(history.loss[-1], np.log(2), rtol=1e-6)

    net = mc.MLP([2, 8, 1], activation="tanh", output="sigmoid", members=20, dtype="float64")
    net.fit(CORNERS, XOR, optimizer=mc.Adam(0.1), epochs=200, progress=False)
    assert np.max(np.abs(net.predict(CORNERS)[..., 0] - XOR)) < 0.1


def test_two_hidden_units_are_enough_for_xor() -> None:
    """``xor = relu(x1 + x2) - 2 relu(x1 + x2 - 1)``, Goodfellow et al. (2016), section 6.1."""
    net = mc.MLP([2, 2, 1], output="identity")
    net.weights[0][...] = 1
    net.biases[0][...] = [0, -1]
    net.weights[1][...] = [[1], [-2]]
    np.testing.assert_array_equal(net.predict(CORNERS)[:, 0], XOR)


def interpolating(f: Function, start: float, stop: float, units: int) -> mc.MLP:
    """The network ``f(t_0) + sum_i s_i relu(x - t_i)`` that meets ``f`` at ``units + 1`` points;
    ``s_i`` is the change of slope at ``t_i``.
    """
    t = np.linspace(start, stop, units + 1)
    slopes = np.diff(f(t)) / np.diff(t)
    net = mc.MLP([1, units, 1], output="identity", dtype="float64")
    net.weights[0][...] = 1
    net.biases[0][...] = -t[:-1]
    net.weights[1][:, 0] = np.diff(slopes, prepend=0)
    net.biases[1][...] = f(t[:1])
    return net


@pytest.mark.parametrize("units", [4, 16, 64, 256])
def test_a_wide_network_approximates_a_continuous_function(units: int) -> None:
    """``|f - net| <= h^2/8 max |f''|`` with ``h`` the knots' distance: as near as you like."""
    x = np.linspace(0, 2 * np.pi, 5000)
    net = interpolating(np.sin, 0, 2 * np.pi, units)
    error = np.max(np.abs(net.predict(x[:, None])[:, 0] - np.sin(x)))
    assert error <= (2 * np.pi / units) ** 2 / 8 + 1e-9


def test_a_wide_network_learns_a_continuous_function() -> None:
    """What width can represent, training finds: 32 units of tanh learn a sine, one unit cannot."""
    x = np.linspace(-np.pi, np.pi, 100).reshape(-1, 1)
    error = {}
    for units in (1, 32):
        net = mc.MLP([1, units, 1], activation="tanh", output="identity", dtype="float64")
        net.fit(x, np.sin(x), optimizer=mc.Adam(0.02), epochs=400, progress=False)
        error[units] = np.max(np.abs(net.predict(x) - np.sin(x)))
    assert error[32] < 0.3
    assert error[1] > 0.5


DEPTH = 6
LINE = np.linspace(0, 1, 2**12 + 1)


def sawtooth(x: np.ndarray) -> np.ndarray:
    """Up and down between 0 and 1, in ``2^DEPTH`` straight pieces on [0, 1]."""
    y: np.ndarray = 1 - np.abs(2**DEPTH * x % 2 - 1)
    return y


def crossings(y: np.ndarray) -> int:
    """How often ``y`` passes through 1/2; each straight piece can do so once."""
    return int(np.sum(np.diff(y > 0.5)))


def test_a_deep_network_folds_the_line() -> None:
    """``tent(x) = 2 relu(x) - 4 relu(x - 1/2)``, ``L`` times in a row: two units a layer, and each
    layer doubles the pieces, so that ``2 L`` units make ``2^L``.

    Source: Telgarsky (2016), "Benefits of depth in neural networks", section 1.
    """
    deep = mc.MLP([1] + [2] * DEPTH + [1], output="identity", dtype="float64")
    deep.weights[0][...] = 1
    for W in deep.weights[1:]:
        W[...] = [[2], [-4]]
    for b in deep.biases[:-1]:
        b[...] = [0, -1 / 2]
    y = deep.predict(LINE[:, None])[:, 0]
    np.testing.assert_allclose(y, sawtooth(LINE), atol=1e-9)
    assert crossings(y) == 2**DEPTH


def test_a_shallow_network_needs_a_unit_for_each_piece(rng: np.random.Generator) -> None:
    """``n`` units of ReLU in one layer bend the line at most ``n`` times: ``n + 1`` pieces, and no
    more crossings. So ``2^L`` units give the sawtooth that ``2 L`` gave in depth; half as many,
    evenly spread, see none of its teeth; and ``2 L`` of them never cross as often.
    """
    x = LINE[:, None]
    enough = interpolating(sawtooth, 0, 1, 2**DEPTH).predict(x)[:, 0]
    np.testing.assert_allclose(enough, sawtooth(LINE), atol=1e-9)
    half = interpolating(sawtooth, 0, 1, 2**DEPTH // 2).predict(x)[:, 0]
    np.testing.assert_allclose(half, 0, atol=1e-9)

    as_many = mc.MLP([1, 2 * DEPTH, 1], output="identity", members=100, dtype="float64")
    as_many.biases[0][...] = -as_many.weights[0][:, 0] * rng.random((100, 2 * DEPTH))
    y = as_many.predict(x)[..., 0]
    level = np.median(y, axis=-1, keepdims=True) - 1 / 2
    assert max(map(crossings, y - level)) <= 2 * DEPTH + 1
