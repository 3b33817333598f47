"""Adagrad."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array, namespace
from mlpcore.functions.shapes import per_member
from mlpcore.functions.updates.rule import update_rule


@update_rule(states=1)
def adagrad(g: Array, v: Array, *, step: Any = 1, epsilon: Any = 1e-10) -> tuple[Array, Array]:
    """Adagrad's direction, ``v <- v + g^2``, ``d = g / (sqrt(v) + epsilon)``.

    Args:
        g: gradient ``(..., P)``.
        v: sum of the squared gradients ``(..., P)``, zero at the start.
        step: not used; every rule takes it.
        epsilon: keeps the quotient finite.

    Returns:
        ``d`` and the sum after the step.

    Source: Duchi, Hazan & Singer (2011), "Adaptive subgradient methods for online learning and
    stochastic optimization", figure 1, with the diagonal matrix.

    >>> import numpy as np
    >>> theta, g, v = np.array([1.0]), np.array([4.0]), np.array([9.0])
    >>> theta, v = adagrad(theta, g, None, None, v, learning_rate=0.5)
    >>> theta.round(6), v
    (array([0.6]), array([25.]))
    """
    v = v + g * g
    return g / (namespace(g).sqrt(v) + per_member(epsilon, g, axes=1)), v
