"""RMSProp."""

from __future__ import annotations

from functools import partial
from typing import Any

from mlpcore.backend.dispatch import Array, namespace
from mlpcore.functions.shapes import per_member
from mlpcore.functions.updates.rule import update_rule


@update_rule(states=1)
def rmsprop(
    g: Array, v: Array, *, step: Any = 1, rho: Any = 0.9, epsilon: Any = 1e-8
) -> tuple[Array, Array]:
    """RMSProp's direction, ``v <- rho v + (1 - rho) g^2``, ``d = g / (sqrt(v) + epsilon)``.

    Args:
        g: gradient ``(..., P)``.
        v: mean square of the gradient ``(..., P)``, zero at the start.
        step: not used; every rule takes it.
        rho: decay of the mean square, in [0, 1).
        epsilon: keeps the quotient finite.

    Returns:
        ``d`` and the mean square after the step.

    Source: Tieleman & Hinton (2012), "Neural networks for machine learning", lecture 6e; with
    epsilon as in Goodfellow, Bengio & Courville (2016), "Deep Learning", algorithm 8.5, but outside
    the root.

    >>> import numpy as np
    >>> theta, g, v = np.array([1.0]), np.array([2.0]), np.array([0.0])
    >>> theta, v = rmsprop(theta, g, None, None, v, learning_rate=0.1, rho=0.75)
    >>> theta.round(6), v
    (array([0.8]), array([1.]))
    """
    ready = partial(per_member, like=g, axes=1)
    v = ready(rho) * v + ready(1 - rho) * g * g
    return g / (namespace(g).sqrt(v) + ready(epsilon)), v
