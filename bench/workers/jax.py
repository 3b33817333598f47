"""JAX: one compiled step a call, or a compiled scan over an epoch's batches; vmap for a stack."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..cases.training import Problem
from .network import Network
from .tasks import of_networks
from .worker import Worker, main

State = dict[str, Any]
#: What JAX calls them. Its own choice on a GPU would be TensorFloat-32.
_PRECISIONS = {"float32": "float32", "tf32": "tensorfloat32", "bfloat16": "default"}


def logits(parameters: list[Any], x: jax.Array, compute: Any = jnp.float32) -> jax.Array:
    """Forward, in the type ``compute``; float32 comes out."""
    a, *layers = jax.tree.map(lambda array: array.astype(compute), [x, *parameters])
    for w, b in layers[:-1]:
        a = jax.nn.relu(a @ w + b)
    w, b = layers[-1]
    return (a @ w + b).astype(jnp.float32)


def mean_loss(parameters: list[Any], x: jax.Array, labels: jax.Array, compute: Any) -> jax.Array:
    """The mean cross-entropy of a batch."""
    log_p = jax.nn.log_softmax(logits(parameters, x, compute))
    return -jnp.mean(jnp.take_along_axis(log_p, labels[:, None], axis=1))


def step(
    state: State,
    rows: jax.Array,
    x: jax.Array,
    labels: jax.Array,
    *,
    rate: float,
    compute: Any,
) -> tuple[State, jax.Array]:
    """Gather a batch, differentiate, update by Adam; the new state and the loss."""
    x, labels = (source.at[rows].get(mode="promise_in_bounds") for source in (x, labels))
    loss, g = jax.value_and_grad(mean_loss)(state["theta"], x, labels, compute)
    t = state["t"] + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state["m"], g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, state["v"], g)
    theta = jax.tree.map(
        lambda p, m, v: p - rate * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8),
        state["theta"],
        m,
        v,
    )
    return {"theta": theta, "m": m, "v": v, "t": t}, loss


class Jax(Network):
    """The data and the state stay on the device, the state in memory that it gives back.

    On a CPU the orders are drawn by NumPy, which is faster than XLA's sort there; on a GPU by JAX.

    Args:
        scan: whether the batches of an epoch are one call.
    """

    def __init__(self, problem: Problem, scan: bool):
        super().__init__(problem)
        self.scan, self.rng, case = scan, np.random.default_rng(0), problem.case
        self.x, self.labels = jnp.asarray(problem.x), jnp.asarray(problem.labels, jnp.int32)
        self.precision = _PRECISIONS[case.precision]
        stacked = case.members is not None
        compute = jnp.bfloat16 if case.precision == "bfloat16" else jnp.float32
        own = partial(step, rate=case.rate, compute=compute)
        one = jax.vmap(own, in_axes=(0, 0, None, None)) if stacked else own
        forward = jax.vmap(logits, in_axes=(0, None)) if stacked else logits

        @partial(jax.jit, donate_argnums=(0, 1, 2))
        def numbered(state: State, total: Any, i: Any, order: Any, x: Any, labels: Any) -> Any:
            state, loss = one(state, order[i], x, labels)
            return state, total + loss, i + 1

        @partial(jax.jit, donate_argnums=0)
        def scanned(state: State, order: Any, x: Any, labels: Any) -> Any:
            state, each = jax.lax.scan(lambda s, rows: one(s, rows, x, labels), state, order)
            return state, each.mean(axis=0)

        def permuted(key: Any) -> Any:
            draw = partial(jax.random.permutation, x=case.rows)
            return jax.vmap(draw)(jax.random.split(key, case.members)) if stacked else draw(key)

        self.numbered, self.scanned, self.permuted = numbered, scanned, jax.jit(permuted)
        self.key = jax.random.key(0)
        self.probabilities = jax.jit(lambda theta, x: jax.nn.softmax(forward(theta, x)))

    def restart(self) -> None:
        weights = self.problem.weights
        theta = [(jnp.array(w), jnp.array(np.zeros_like(w[..., 0, :]))) for w in weights]
        m, v = (jax.tree.map(jnp.zeros_like, theta) for _ in range(2))
        lead = self.problem.case.lead
        self.state = {"theta": theta, "m": m, "v": v, "t": jnp.zeros(lead, jnp.int32)}

    def ordered(self, rows: int) -> np.ndarray:
        return self._train(self._in_order()[..., :rows])

    def epoch(self) -> None:
        if jax.default_backend() == "cpu":
            self._train(self.rng.permuted(self._in_order(), axis=-1))
        else:
            self.key, drawn = jax.random.split(self.key)
            self._train(self.permuted(drawn))

    def warm(self) -> None:
        if self.scan:  # one program for each number of batches
            self.epoch()

    def predict(self, x: np.ndarray) -> np.ndarray:
        with jax.default_matmul_precision(self.precision):
            return np.asarray(self.probabilities(self.state["theta"], x))

    def parameters(self) -> list[np.ndarray]:
        return [np.asarray(p) for pair in self.state["theta"] for p in pair]

    def device_memory(self) -> int | None:
        statistics = jax.devices()[0].memory_stats()
        return None if statistics is None else int(statistics["peak_bytes_in_use"])

    def _in_order(self) -> np.ndarray:
        case = self.problem.case
        rows = np.arange(case.rows)
        return np.ascontiguousarray(np.broadcast_to(rows, (*case.lead, case.rows)))

    def _train(self, rows: Any) -> np.ndarray:
        """Train on the rows in this order; each member's mean loss."""
        batches = rows.reshape(*rows.shape[:-1], -1, self.problem.case.batch)
        xp = np if isinstance(rows, np.ndarray) else jnp
        order = jnp.asarray(xp.moveaxis(batches, -2, 0), jnp.int32)
        with jax.default_matmul_precision(self.precision):
            return self._steps(order)

    def _steps(self, order: jax.Array) -> np.ndarray:
        if self.scan:
            self.state, mean = self.scanned(self.state, order, self.x, self.labels)
            return np.asarray(mean)
        total, i = jnp.zeros(self.problem.case.lead), jnp.zeros((), jnp.int32)
        for _ in range(len(order)):
            self.state, total, i = self.numbered(self.state, total, i, order, self.x, self.labels)
        return np.asarray(total) / len(order)


if __name__ == "__main__":
    main(Worker(("jax", "jaxlib"), of_networks(partial(Jax, scan="scan" in sys.argv))))
