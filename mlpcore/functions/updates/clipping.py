"""Clipping by value and by norm, and the norm itself."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array, namespace, primitive
from mlpcore.functions.shapes import per_member
from mlpcore.functions.updates.penalty import l2_gradient


def clip_by_value(g: Array, *, limit: Any) -> Array:
    """Clip each entry, ``min(max(g, -limit), limit)``.

    Args:
        g: gradient ``(..., P)``.
        limit: positive, a number or an array that broadcasts to ``(..., 1)``; infinity clips
            nothing.

    Returns:
        An array of the same shape and dtype; NaN stays NaN.

    Source: Goodfellow, Bengio & Courville (2016), "Deep Learning", section 10.11.1.

    >>> import numpy as np
    >>> clip_by_value(np.array([-3.0, 0.5, 2.0]), limit=1.0)
    array([-1. ,  0.5,  1. ])
    """
    xp = namespace(g)
    return xp.minimum(xp.maximum(g, -limit), limit)


def clip_by_norm(g: Array, norm: Array, *, limit: Any) -> Array:
    """Shorten a gradient that is longer than the limit, ``g * min(1, limit / norm)``.

    Args:
        g: gradient ``(..., P)``.
        norm: its norm, an array that broadcasts to ``(..., 1)``; may be 0.
        limit: positive, a number or an array that broadcasts to ``(..., 1)``; infinity clips
            nothing.

    Returns:
        An array of the same shape and dtype; the direction stays.

    Source: Pascanu, Mikolov & Bengio (2013), "On the difficulty of training recurrent neural
    networks", algorithm 1.

    >>> import numpy as np
    >>> clip_by_norm(np.array([3.0, 4.0]), np.array([5.0]), limit=1.0)
    array([0.6, 0.8])
    """
    xp = namespace(g)
    longer, one = norm > limit, xp.ones_like(norm)
    return g * xp.where(longer, limit / xp.where(longer, norm, one), one)


def made_ready(g: Array, theta: Array, mask: Array | None, *, l2: Any, clip_value: Any) -> Array:
    """The gradient as an update takes it: the penalty's gradient added, then clipped by value."""
    g = l2_gradient(g, theta, mask, l2=per_member(l2, g, axes=1))
    if clip_value is None:
        return g
    return clip_by_value(g, limit=per_member(clip_value, g, axes=1))


@primitive(shapes=lambda g, *_: tuple(g.shape[:-1]))
def gradient_norm(
    g: Array, theta: Array, mask: Array | None = None, *, l2: Any = 0.0, clip_value: Any = None
) -> Array:
    """Euclidean norm of the gradient made ready, ``sqrt(sum_p g_p^2)``, one per member.

    Args:
        g: gradient ``(..., P)``.
        theta: flat parameters ``(..., P)``.
        mask: ``(P,)``, 1 for weights and 0 for the rest, or ``None`` for all ones.
        l2: the penalty's strength, a number or an array ``(...)`` with one value per member.
        clip_value: the limit of `clip_by_value`, likewise, or ``None`` for no clipping.

    Returns:
        Norms ``(...)``, those that `clip_by_norm` divides by.

    Source: Blue (1978), "A portable Fortran program to find the Euclidean norm of a vector", for
    the scaling by the largest entry, without which the squares overflow.

    >>> import numpy as np
    >>> float(gradient_norm(np.array([3.0, 4.0]), np.array([0.0, 0.0])))
    5.0
    """
    g = made_ready(g, theta, mask, l2=l2, clip_value=clip_value)
    xp = namespace(g)
    largest = xp.minimum(xp.max(xp.abs(g), axis=-1, keepdims=True), xp.finfo(g.dtype).max)
    scale = xp.where(largest == 0, xp.ones_like(largest), largest)
    return scale[..., 0] * xp.sqrt(xp.sum((g / scale) ** 2, axis=-1))
