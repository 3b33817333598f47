"""What every library's figures must agree with: the same steps in float64, in plain NumPy."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, pairwise, repeat

import numpy as np

from bench.cases import LEARNING_RATE, Problem

#: How many steps are compared, on the first batches in their order.
STEPS = 3


class WrongResultError(Exception):
    """A library computed something else than it was asked to, so its time means nothing."""


def validate(who: str, got: Iterable[float], expected: np.ndarray, tolerance: float = 1e-3) -> None:
    """Hold figures to the reference's.

    Raises:
        WrongResultError: for a relative difference beyond ``tolerance``, or NaN.
    """
    found = np.asarray(got, np.float64)
    if found.shape != expected.shape:
        raise WrongResultError(f"{who} gave {found.size} figures, expected {expected.size}")
    difference = np.abs(found - expected) / np.maximum(np.abs(expected), 1e-12)
    worst = int(np.argmax(np.where(np.isnan(difference), np.inf, difference)))
    if not difference[worst] <= tolerance:
        raise WrongResultError(
            f"{who} gave {found[worst]:.7g} for figure {worst}, expected {expected[worst]:.7g} "
            f"within {tolerance:g} relative: what it computes is not this step"
        )


def training_figures(problem: Problem) -> np.ndarray:
    """Each member's mean loss over the first steps, then its loss on the first batch after them."""
    case = problem.case
    weights = [w.astype(np.float64) for w in problem.weights]
    biases = [np.zeros_like(w[..., :1, :]) for w in weights]
    theta = list(chain.from_iterable(zip(weights, biases)))
    m, v = ([np.zeros_like(p) for p in theta] for _ in range(2))
    losses = []
    for step in range(STEPS):
        rows = slice(step * case.batch, (step + 1) * case.batch)
        loss, gradients = _loss_and_gradients(theta, problem.x[rows], problem.labels[rows])
        losses.append(loss)
        for p, g, first, second in zip(theta, gradients, m, v):
            first += 0.1 * (g - first)
            second += 0.001 * (g * g - second)
            m_hat, v_hat = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.999 ** (step + 1))
            p -= LEARNING_RATE * m_hat / (np.sqrt(v_hat) + 1e-8)
    after, _ = _loss_and_gradients(theta, problem.x[: case.batch], problem.labels[: case.batch])
    return np.concatenate([np.atleast_1d(np.mean(losses, axis=0)), np.atleast_1d(after)])


def product_figures(problem: Problem) -> np.ndarray:
    """The norm of each weight-shaped product of the chain that the bare products run.

    Forward ``z <- z @ W``; back from the last ``z`` as if it were ``dz``: ``z.T @ dz``, and
    ``dz <- dz @ W.T``. No activation stands between, for it is the products alone that are timed.
    """
    weights = [w.astype(np.float64) for w in problem.weights]
    z = [problem.x[: problem.case.batch].astype(np.float64)]
    for w in weights:
        z.append(z[-1] @ w)
    dz, norms = z[-1], []
    for x, w in zip(z[-2::-1], weights[::-1]):
        norms.append(np.linalg.norm(x.mT @ dz))
        dz = dz @ w.mT
    return np.array(norms[::-1])


def _loss_and_gradients(
    theta: list[np.ndarray], x: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The mean cross-entropy ``(...)``, and its gradients in the order of ``theta``."""
    layers = list(pairwise(theta))[::2]
    a = [x.astype(np.float64)]
    for w, b in layers[:-1]:
        a.append(np.maximum(a[-1] @ w + b, 0))
    z = a[-1] @ layers[-1][0] + layers[-1][1]
    log_p = z - z.max(axis=-1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(axis=-1, keepdims=True))
    y = np.eye(z.shape[-1])[labels]
    loss = -np.sum(y * log_p, axis=(-2, -1)) / len(x)
    dz = (np.exp(log_p) - y) / len(x)
    gradients: list[np.ndarray] = []
    for (w, _), inputs, first in zip(
        layers[::-1], a[::-1], chain(repeat(False, len(a) - 1), [True])
    ):
        gradients[:0] = [inputs.mT @ dz, dz.sum(axis=-2, keepdims=True)]
        if not first:
            dz = (dz @ w.mT) * (inputs > 0)
    return loss, gradients
