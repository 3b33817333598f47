"""The L2 penalty, and with it weight decay."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array


def l2_gradient(g: Array, theta: Array, mask: Array | None, *, l2: Any) -> Array:
    """Add the gradient of the penalty ``l2/2 ||W||^2``: ``g + l2 * mask * theta``.

    Args:
        g: gradient ``(..., P)``.
        theta: flat parameters ``(..., P)``.
        mask: ``(P,)``, 1 for weights and 0 for the rest, or ``None`` for all ones.
        l2: the strength, a number or an array that broadcasts to ``(..., 1)``.

    Source: Krogh & Hertz (1991), "A simple weight decay can improve generalization", eq. 2.

    >>> import numpy as np
    >>> l2_gradient(np.array([1.0, 1.0]), np.array([2.0, 2.0]), np.array([1.0, 0.0]), l2=0.5)
    array([2., 1.])
    """
    if isinstance(l2, (int, float)) and l2 == 0:
        return g
    return g + l2 * (theta if mask is None else mask * theta)
