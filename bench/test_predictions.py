"""``pytest bench/test_predictions.py``: predictions beside the same products and NumPy by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mlpcore as mc

SIZES = [(64, 100, 10), (784, 512, 256, 10)]


def by_hand(net: mc.MLP) -> Callable[[np.ndarray], np.ndarray]:
    """ReLU between the layers and a softmax, in place where NumPy can."""
    weights, biases = map(list, (net.weights, net.biases))

    def predict(x: np.ndarray) -> np.ndarray:
        for weight, bias in zip(weights[:-1], biases[:-1]):
            x = x @ weight
            x += bias[..., None, :]
            np.maximum(x, 0, out=x)
        z = x @ weights[-1]
        z += biases[-1][..., None, :]
        z -= z.max(axis=-1, keepdims=True)
        np.exp(z, out=z)
        probabilities: np.ndarray = z / z.sum(axis=-1, keepdims=True)
        return probabilities

    return predict


@pytest.mark.parametrize("way", ["ours", "numpy"])
@pytest.mark.parametrize("rows", [1, 100, 10_000])
@pytest.mark.parametrize("members", [None, 16])
@pytest.mark.parametrize("sizes", SIZES, ids=lambda sizes: "-".join(map(str, sizes)))
@pytest.mark.benchmark(max_time=0.2, min_rounds=3)
def test_prediction(
    benchmark: Any, sizes: tuple[int, ...], members: int | None, rows: int, way: str
) -> None:
    if members and rows > 100:
        pytest.skip("hundreds of megabytes by hand")
    net = mc.MLP(sizes, members=members)
    x = np.random.default_rng(0).standard_normal((rows, sizes[0]), dtype=np.float32)
    hand = by_hand(net)
    np.testing.assert_allclose(net.predict(x), hand(x), rtol=1e-4, atol=1e-6)
    benchmark.group = f"{members or 1} of {'-'.join(map(str, sizes))}, {rows} rows"
    benchmark(net.predict if way == "ours" else hand, x)
