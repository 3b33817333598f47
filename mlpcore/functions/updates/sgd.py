"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array
from mlpcore.functions.updates.rule import update_rule


@update_rule(states=0)
def sgd(g: Array, *, step: Any = 1) -> tuple[Array]:
    """Steepest descent's direction, ``d = g``.

    Args:
        g: gradient ``(..., P)``.
        step: not used; every rule takes it.

    Returns:
        ``d``.

    Source: Robbins & Monro (1951), "A stochastic approximation method", eq. 8.

    >>> import numpy as np
    >>> sgd(np.array([1.0]), np.array([2.0]), learning_rate=0.25)
    (array([0.5]),)
    """
    return (g,)
