"""A stack of classifiers on folds of one data set by `jax.vmap`, timed in a process of its own."""

from __future__ import annotations

import time
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np


def seconds_an_epoch(
    x: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray,
    rates: np.ndarray,
    sizes: tuple[int, ...],
    batch: int,
    epochs: int,
    scan: bool,
) -> list[float]:
    """Train members on their own rows ``(E, m)`` with their own rates ``(E,)`` by Adam.

    Args:
        x: features ``(n, k)``, which all members share.
        labels: ``(n,)``.
        rows: the training rows of each member.
        rates: the learning rate of each member.
        sizes: inputs, hidden widths, outputs.
        batch: rows a step; the last batch of an epoch takes what is left.
        epochs: how many to time, after one that compiles.
        scan: whether the full batches of an epoch are one call, or each is one.

    Returns:
        The seconds of each epoch, the orders drawn on the host among them.
    """
    import jax
    import jax.numpy as jnp

    members, count = rows.shape
    rng = np.random.default_rng(0)
    theta = [
        (
            jnp.asarray(rng.standard_normal((members, i, o), np.float32) * (2 / i) ** 0.5),
            jnp.zeros((members, o), jnp.float32),
        )
        for i, o in pairwise(sizes)
    ]

    def loss(theta: Any, x: Any, labels: Any) -> Any:
        a = x
        for w, b in theta[:-1]:
            a = jax.nn.relu(a @ w + b)
        w, b = theta[-1]
        log_p = jax.nn.log_softmax(a @ w + b)
        return -jnp.mean(jnp.take_along_axis(log_p, labels[:, None], axis=1))

    def step(state: Any, own: Any, rate: Any, x: Any, labels: Any) -> Any:
        theta, m, v, t = state
        x, labels = (source.at[own].get(mode="promise_in_bounds") for source in (x, labels))
        value, g = jax.value_and_grad(loss)(theta, x, labels)
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        theta = jax.tree.map(
            lambda p, m, v: p - rate * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8),
            *(theta, m, v),
        )
        return (theta, m, v, t), value

    each = jax.vmap(step, in_axes=(0, 0, 0, None, None))

    @partial(jax.jit, donate_argnums=0)
    def one(state: Any, own: Any) -> Any:
        return each(state, own, rate, data, target)

    @partial(jax.jit, donate_argnums=0)
    def all_full(state: Any, orders: Any) -> Any:
        return jax.lax.scan(lambda s, own: each(s, own, rate, data, target), state, orders)

    data, target = jnp.asarray(x), jnp.asarray(labels, jnp.int32)
    rate = jnp.asarray(rates, jnp.float32)
    zeros = partial(jax.tree.map, jnp.zeros_like)
    state = (theta, zeros(theta), zeros(theta), jnp.zeros(members, jnp.int32))
    full = count // batch
    taken = []
    for _ in range(1 + epochs):
        began = time.perf_counter()
        order = rng.permuted(rows, axis=1).astype(np.int32)
        whole, last = np.split(order, [full * batch], axis=1)
        batches = jnp.asarray(whole.reshape(members, full, batch).swapaxes(0, 1))
        values = []
        if scan:
            state, found = all_full(state, batches)
            values.append(found)
        else:
            for own in batches:
                state, found = one(state, own)
                values.append(found)
        if last.size:
            state, found = one(state, jnp.asarray(last))
            values.append(found)
        for found in values:
            np.asarray(found)
        taken.append(time.perf_counter() - began)
    return taken[1:]
