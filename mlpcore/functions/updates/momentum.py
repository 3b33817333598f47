"""Momentum."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array
from mlpcore.functions.shapes import per_member
from mlpcore.functions.updates.rule import update_rule


@update_rule(states=1)
def momentum(g: Array, v: Array, *, step: Any = 1, momentum: Any = 0.9) -> tuple[Array, Array]:
    """The heavy ball's direction, ``v <- momentum v + g``, ``d = v``.

    Args:
        g: gradient ``(..., P)``.
        v: velocity ``(..., P)``, zero at the start.
        step: not used; every rule takes it.
        momentum: the share of the velocity that is kept, in [0, 1).

    Returns:
        ``d`` and the velocity after the step.

    Source: Polyak (1964); as written in Sutskever et al. (2013), "On the importance of
    initialization and momentum in deep learning", eq. 1, with the rate taken out of the velocity.

    >>> import numpy as np
    >>> theta, g, v = np.array([1.0]), np.array([2.0]), np.array([1.0])
    >>> theta, v = momentum(theta, g, None, None, v, learning_rate=0.1)
    >>> theta.round(6), v
    (array([0.71]), array([2.9]))
    """
    v = per_member(momentum, g, axes=1) * v + g
    return v, v
