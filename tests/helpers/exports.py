"""Networks to export, and inputs for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

import mlpcore as mc
from mlpcore.functions import activations

HEADS = ["softmax", "sigmoid", "identity", "exponential"]


def moved(net: mc.MLP, seed: int = 0) -> mc.MLP:
    """The network with every parameter and statistic off its start."""
    rng = np.random.default_rng(seed)
    for name, view in net.named.items():
        view[...] += rng.uniform(-0.2, 0.2, view.shape)
        assert "variance" not in name or np.all(view > 0)
    return net


def rows(net: mc.MLP, n: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (n, net.sizes[0])).astype(net.dtype)


def every_head_and_normalization(test: Callable[..., None]) -> Any:
    """The test with each head, normalization and number of members as ``arguments``."""
    every = [
        {"output": output, "normalization": normalization, "members": members}
        for output in HEADS
        for normalization in (None, "batch", "layer")
        for members in (None, 3)
    ]
    names = ["-".join(map(str, arguments.values())) for arguments in every]
    return pytest.mark.parametrize("arguments", every, ids=names)(test)


def mixed_stack(dtype: str) -> mc.MLP:
    """Members with activations, slopes and widths each of their own."""
    names = [*activations.__all__, 'gelu(approximate="tanh")', "elu(alpha=0.3)"]
    slopes = [0.1 * number for number in range(len(names))]
    net = mc.MLP(
        [5, range(3, 3 + len(names)), 6, 3],
        activation=[np.array(names), f"leaky_relu(negative_slope={slopes})"],
        normalization="batch",
        members=len(names),
        dtype=dtype,
    )
    X, y = np.random.default_rng(0).uniform(-1, 1, (60, 5)), np.arange(60) % 3
    net.fit(X, y, epochs=3, batch_size=20, optimizer=mc.SGD(0.05), progress=False)
    return net


@st.composite
def any_network_and_rows(draw: Any) -> tuple[mc.MLP, np.ndarray]:
    """A network of any architecture, or a stack, and features for it."""
    layer = st.tuples(st.integers(1, 12), st.sampled_from(activations.__all__))
    hidden, seed = draw(st.lists(layer, max_size=4)), draw(st.integers(0, 1000))
    net = mc.MLP(
        [draw(st.integers(1, 9)), *(width for width, _ in hidden), draw(st.integers(1, 6))],
        activation=[name for _, name in hidden],
        output=draw(st.sampled_from(HEADS)),
        normalization=draw(st.sampled_from([None, "batch", "layer"])),
        members=draw(st.sampled_from([None, 1, 2, 5])),
        dtype=draw(st.sampled_from(["float32", "float64"])),
        seed=seed,
    )
    return net, rows(net, draw(st.integers(0, 40)), seed)
