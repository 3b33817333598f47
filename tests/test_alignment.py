"""Data whose memory starts at any byte, as they come over a network or out of a file."""

from __future__ import annotations

import numpy as np

import mlpcore as mc


def shifted(values: np.ndarray) -> np.ndarray:
    """The same numbers, a byte beyond where their type would like to start."""
    memory = np.empty(values.nbytes + 1, np.uint8)
    memory[1:] = np.frombuffer(values.tobytes(), np.uint8)
    array = memory[1:].view(values.dtype).reshape(values.shape)
    assert not array.flags.aligned
    return array


def test_a_fit_takes_data_at_any_address() -> None:
    rng = np.random.default_rng(0)
    X, y, weight = rng.normal(size=(20, 3)), rng.integers(0, 2, 20), rng.uniform(1, 2, 20)
    rows = np.arange(5, 20)
    nets = mc.MLP([3, 4, 2], dtype="float64"), mc.MLP([3, 4, 2], dtype="float64")
    settings = {"epochs": 3, "batch_size": 4, "progress": False}
    nets[0].fit(X, y, sample_weight=weight, rows=rows, **settings)
    data = map(shifted, (X, y, weight, rows))
    X, y, weight, rows = data
    nets[1].fit(X, y, sample_weight=weight, rows=rows, **settings)
    np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)
