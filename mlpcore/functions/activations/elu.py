"""Exponential linear unit."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array, namespace, primitive
from mlpcore.functions.shapes import per_member


@primitive()
def elu(x: Array, *, alpha: Any = 1.0) -> Array:
    """Exponential linear unit, ``y = x`` where ``x > 0``, else ``alpha (exp(x) - 1)``.

    Args:
        x: pre-activations of any shape, ``(..., n, k)`` for one ``alpha`` a member.
        alpha: minus the value at ``-inf``, at least 0; a number, or one per member ``(...)``.

    Returns:
        An array of the same shape and dtype.

    Source: Clevert, Unterthiner & Hochreiter (2016), "Fast and accurate deep network learning by
    exponential linear units (ELUs)", eq. 15.

    >>> import numpy as np
    >>> elu(np.array([-np.inf, 0.0, 3.0]))
    array([-1.,  0.,  3.])
    """
    xp = namespace(x)
    below = per_member(alpha, x, axes=2) * xp.expm1(xp.minimum(x, xp.zeros_like(x)))
    return xp.where(x > 0, x, below)


@elu.derivative
def elu_backward(dy: Array, x: Array, y: Array, *, alpha: Any = 1.0) -> Array:
    """``dx = dy`` where ``y > 0``, else ``dy * (y + alpha)``; at 0 we take the slope below."""
    below = dy * (y + per_member(alpha, dy, axes=2))
    return namespace(dy).where(y > 0, dy, below)
