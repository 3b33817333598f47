"""Nesterov's accelerated gradient."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array
from mlpcore.functions.shapes import per_member
from mlpcore.functions.updates.rule import update_rule


@update_rule(states=1)
def nesterov(g: Array, v: Array, *, step: Any = 1, momentum: Any = 0.9) -> tuple[Array, Array]:
    """Nesterov's direction, ``v <- momentum v + g``, ``d = g + momentum v``.

    The gradient is meant to be taken a step ahead, at ``theta - learning_rate momentum v``. Here
    ``theta`` is that point already, and so the gradient is the ordinary one.

    Args:
        g: gradient ``(..., P)``.
        v: velocity ``(..., P)``, zero at the start.
        step: not used; every rule takes it.
        momentum: the share of the velocity that is kept, in [0, 1).

    Returns:
        ``d`` and the velocity after the step.

    Source: Nesterov (1983); Sutskever et al. (2013), "On the importance of initialization and
    momentum in deep learning", eq. 3 and 4; as written here in Bengio, Boulanger-Lewandowski &
    Pascanu (2013), "Advances in optimizing recurrent networks", section 3.5, for a constant rate.

    >>> import numpy as np
    >>> theta, g, v = np.array([1.0]), np.array([2.0]), np.array([1.0])
    >>> theta, v = nesterov(theta, g, None, None, v, learning_rate=0.1)
    >>> theta.round(6), v
    (array([0.539]), array([2.9]))
    """
    momentum = per_member(momentum, g, axes=1)
    v = momentum * v + g
    return g + momentum * v, v
