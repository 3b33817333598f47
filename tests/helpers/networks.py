"""Small networks with nothing special about them, and data for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mlpcore as mc

MEMBERS, ROWS = 3, 7
SMOOTHINGS = np.array([0.0, 0.1, 0.4])
RATES = np.array([0.1, 0.5, 0.3])

either = pytest.mark.parametrize("members", [None, MEMBERS], ids=["single", "stacked"])


def scrambled(sizes: list[int], seed: int = 0, **arguments: Any) -> mc.MLP:
    """A float64 network none of whose parameters is left at a special value."""
    net = mc.MLP(sizes, dtype="float64", **arguments)
    numbers = np.random.default_rng(seed)
    tensors = net.tensors()
    for name, tensor in tensors.items():
        positive = name.endswith("variance")
        draw = (
            numbers.uniform(0.5, 1.5, tensor.shape)
            if positive
            else numbers.normal(size=tensor.shape)
        )
        tensors[name] = draw / np.sqrt(tensor.shape[-2]) if name.endswith("weight") else draw
    net.set_tensors(tensors)
    return net


def features(columns: int, *leading: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(*leading, ROWS, columns))


def sample_weights(*leading: int) -> np.ndarray:
    """Weights with a row of weight 0 among them."""
    weights = np.random.default_rng(2).uniform(0.1, 3.0, (*leading, ROWS))
    weights[..., 2] = 0.0
    return weights


LABELS = np.array([0, 2, 1, 1, 0, 1, 1])

#: A target for three outputs, by what a head's targets are.
TARGETS: dict[str, np.ndarray] = {
    "labels": LABELS,
    "probabilities": np.random.default_rng(3).dirichlet(np.ones(3), ROWS),
    "shares": np.random.default_rng(3).uniform(size=(ROWS, 3)),
    "values": np.random.default_rng(3).normal(size=(ROWS, 3)),
    "counts": np.random.default_rng(3).poisson(2.0, (ROWS, 3)).astype(float),
}


def well_posed(net: mc.MLP, X: np.ndarray) -> bool:
    """Whether float32 and float64 agree: no exponential magnifies how a sum is rounded."""
    other = {"float32": "float64", "float64": "float32"}[net.dtype]
    twin = type(net)(**{**net.configuration, "dtype": other})
    twin.set_tensors(net.tensors())
    return np.allclose(twin.predict(X), net.predict(X), rtol=3e-7, atol=3e-7)


def of_member(value: Any, member: int | None, axes: int) -> Any:
    """A member's part of an array that has `axes` axes and perhaps members in front."""
    if member is None or np.ndim(value) <= axes:
        return value
    return value[member]


def torch_on_one_thread() -> Any:
    """Torch, whose threads would cost tiny arrays more than they bring."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


def assert_same_tensors(got: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(got) == list(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value, err_msg=name)
        assert got[name].dtype == value.dtype
