"""Exponential, the output of Poisson regression."""

from __future__ import annotations

import math

from mlpcore.backend.dispatch import Array, namespace, primitive


@primitive()
def exponential(x: Array) -> Array:
    """Exponential, ``y = exp(x)``, and ``inf`` where that is above the dtype's largest number.

    Args:
        x: pre-activations of any shape.

    Returns:
        An array of the same shape and dtype, at least 0.

    Source: Nelder & Wedderburn (1972), "Generalized linear models", section 1.3: the inverse of
    the Poisson's log link.

    >>> import numpy as np
    >>> exponential(np.array([-np.inf, 0.0, 1000.0]))
    array([ 0.,  1., inf])
    """
    xp = namespace(x)
    limits = xp.finfo(x.dtype)
    # One rounding below log(max), so that exp itself neither overflows nor warns.
    top = math.log(float(limits.max)) * (1 - float(limits.eps))
    return xp.where(x > top, xp.inf, xp.exp(xp.minimum(x, top)))


@exponential.derivative
def exponential_backward(dy: Array, x: Array, y: Array) -> Array:
    """``dx = dy * y``."""
    return dy * y
