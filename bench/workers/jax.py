"""JAX: one compiled step a call, or a compiled scan over an epoch's batches; vmap for a stack."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bench.cases import LEARNING_RATE, Problem
from bench.reference import STEPS
from bench.workers.worker import Worker, main

State = dict[str, Any]


def losses(parameters: list[Any], x: jax.Array, labels: jax.Array) -> jax.Array:
    """The mean cross-entropy of a batch."""
    a = x
    for w, b in parameters[:-1]:
        a = jax.nn.relu(a @ w + b)
    w, b = parameters[-1]
    log_p = jax.nn.log_softmax(a @ w + b)
    return -jnp.mean(jnp.take_along_axis(log_p, labels[:, None], axis=1))


def step(state: State, rows: jax.Array, x: jax.Array, labels: jax.Array) -> tuple[State, jax.Array]:
    """Gather a batch, differentiate, update by Adam; the new state and the loss."""
    x, labels = (source.at[rows].get(mode="promise_in_bounds") for source in (x, labels))
    loss, g = jax.value_and_grad(losses)(state["theta"], x, labels)
    t = state["t"] + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state["m"], g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, state["v"], g)
    theta = jax.tree.map(
        lambda p, m, v: (
            p - LEARNING_RATE * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)
        ),
        state["theta"],
        m,
        v,
    )
    return {"theta": theta, "m": m, "v": v, "t": t}, loss


class Jax(Worker):
    """The data and the state stay on the device, the state in memory that it gives back.

    The orders are drawn by NumPy, on the host: faster than XLA's sort on a CPU.

    Args:
        scan: whether the batches of an epoch are one call.
    """

    packages = ("jax", "jaxlib")

    def __init__(self, scan: bool):
        self.scan = scan
        self.rng = np.random.default_rng(0)

    def prepare(self, problem: Problem) -> None:
        case = self.case = problem.case
        self.weights = problem.weights
        self.x, self.labels = jnp.asarray(problem.x), jnp.asarray(problem.labels, jnp.int32)
        one = step if case.members is None else jax.vmap(step, in_axes=(0, 0, None, None))

        @partial(jax.jit, donate_argnums=(0, 1, 2))
        def numbered(state: State, total: Any, i: Any, order: Any, x: Any, labels: Any) -> Any:
            state, loss = one(state, order[i], x, labels)
            return state, total + loss, i + 1

        @partial(jax.jit, donate_argnums=0)
        def scanned(state: State, order: Any, x: Any, labels: Any) -> Any:
            state, each = jax.lax.scan(lambda s, rows: one(s, rows, x, labels), state, order)
            return state, each.mean(axis=0)

        self.numbered, self.scanned = numbered, scanned
        self.mean_loss = losses if case.members is None else jax.vmap(losses, (0, None, None))
        self._restart()
        self._epoch(self._orders(self._in_order())[:1])

    def check(self) -> list[float]:
        self._restart()
        mean = self._epoch(self._orders(self._in_order())[:STEPS])
        batch = slice(self.case.batch)
        after = self.mean_loss(self.state["theta"], self.x[batch], self.labels[batch])
        return np.concatenate([np.atleast_1d(mean), np.atleast_1d(after)]).tolist()

    def round(self, epochs: int) -> float:
        self._restart()
        start = time.perf_counter()
        for _ in range(epochs):
            self._epoch(self._orders(self._shuffled()))
        return (time.perf_counter() - start) / (epochs * self.case.batches)

    def _restart(self) -> None:
        zeros = [np.zeros_like(w[..., 0, :]) for w in self.weights]
        theta = [(jnp.array(w), jnp.array(b)) for w, b in zip(self.weights, zeros)]
        m, v = (jax.tree.map(jnp.zeros_like, theta) for _ in range(2))
        self.state = {"theta": theta, "m": m, "v": v, "t": jnp.zeros(self._lead, jnp.int32)}

    @property
    def _lead(self) -> tuple[int, ...]:
        return () if self.case.members is None else (self.case.members,)

    def _in_order(self) -> np.ndarray:
        rows = np.arange(self.case.rows)
        return np.ascontiguousarray(np.broadcast_to(rows, (*self._lead, self.case.rows)))

    def _shuffled(self) -> np.ndarray:
        return self.rng.permuted(self._in_order(), axis=-1)

    def _orders(self, rows: np.ndarray) -> jax.Array:
        """``(batches, ..., batch)`` on the device."""
        batches = rows.reshape(*self._lead, self.case.batches, self.case.batch)
        return jnp.asarray(np.moveaxis(batches, -2, 0), jnp.int32)

    def _epoch(self, order: jax.Array) -> np.ndarray:
        """Train on the batches of this order; each member's mean loss, on the host as with us."""
        if self.scan:
            self.state, mean = self.scanned(self.state, order, self.x, self.labels)
            return np.asarray(mean)
        total, i = jnp.zeros(self._lead), jnp.zeros((), jnp.int32)
        for _ in range(len(order)):
            self.state, total, i = self.numbered(self.state, total, i, order, self.x, self.labels)
        return np.asarray(total) / len(order)


if __name__ == "__main__":
    main(Jax(scan="scan" in sys.argv))
