"""Every loss with every kind of target, and data for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlpcore.functions.losses import (
    Loss,
    absolute_error,
    huber,
    poisson_nll,
    sigmoid_binary_cross_entropy,
    softmax_cross_entropy,
    squared_error,
)

MEMBERS, ROWS, COLUMNS = 3, 7, 4
DELTAS = np.array([0.5, 1.0, 2.0])
SMOOTHINGS = np.array([0.0, 0.1, 0.5])

#: Loss, kind of target, parameters.
CASES: dict[str, tuple[Loss, str, dict[str, Any]]] = {
    "squared_error": (squared_error, "values", {}),
    "absolute_error": (absolute_error, "values", {}),
    "huber": (huber, "values", {}),
    "huber of one delta": (huber, "values", {"delta": 0.3}),
    "huber of a delta per member": (huber, "values", {"delta": DELTAS}),
    "poisson_nll": (poisson_nll, "counts", {}),
    "sigmoid_binary_cross_entropy": (sigmoid_binary_cross_entropy, "bits", {}),
    "sigmoid_binary_cross_entropy of shares": (sigmoid_binary_cross_entropy, "shares", {}),
    "softmax_cross_entropy": (softmax_cross_entropy, "labels", {}),
    "softmax_cross_entropy smoothed": (softmax_cross_entropy, "labels", {"label_smoothing": 0.2}),
    "softmax_cross_entropy smoothed per member": (
        softmax_cross_entropy,
        "labels",
        {"label_smoothing": SMOOTHINGS},
    ),
    "softmax_cross_entropy of probabilities": (softmax_cross_entropy, "probabilities", {}),
    "softmax_cross_entropy of probabilities smoothed": (
        softmax_cross_entropy,
        "probabilities",
        {"label_smoothing": 0.2},
    ),
}
LOSSES = {loss.name: (loss, kind) for loss, kind, _ in reversed(CASES.values())}
each_case = pytest.mark.parametrize(("loss", "kind", "parameters"), CASES.values(), ids=CASES)
each_loss = pytest.mark.parametrize(("loss", "kind"), LOSSES.values(), ids=LOSSES)


def draw_target(kind: str, shape: tuple[int, ...], seed: int = 1) -> np.ndarray:
    """A target for logits of this shape."""
    random = np.random.default_rng(seed)
    if kind == "labels":
        return random.integers(0, shape[-1], shape[:-1])
    if kind == "probabilities":
        return random.dirichlet(np.ones(shape[-1]), shape[:-1])
    return {
        "values": random.normal(size=shape),
        "counts": random.poisson(2.0, shape).astype(float),
        "bits": random.integers(0, 2, shape).astype(float),
        "shares": random.uniform(size=shape),
    }[kind]


def draw_logits(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return 2 * np.random.default_rng(seed).normal(size=shape)


def draw_weights(shape: tuple[int, ...]) -> np.ndarray:
    """Weights with a few zeros among them."""
    random = np.random.default_rng(2)
    return random.uniform(0.1, 3.0, shape) * (random.uniform(size=shape) < 0.8)


def of_member(value: Any, member: int) -> Any:
    return value[member] if isinstance(value, np.ndarray) else value
