"""Scaled exponential linear unit."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace, primitive
from mlpcore.functions.activations.elu import elu

#: The fixed point of Klambauer et al. (2017), eq. 14: activations keep mean 0 and variance 1.
ALPHA = 1.6732632423543772
SCALE = 1.0507009873554805


@primitive()
def selu(x: Array) -> Array:
    """Scaled exponential linear unit, ``y = 1.0507 elu(x; alpha=1.6733)``.

    Args:
        x: pre-activations of any shape.

    Returns:
        An array of the same shape and dtype.

    Source: Klambauer, Unterthiner, Mayr & Hochreiter (2017), "Self-normalizing neural networks",
    eq. 2.

    >>> import numpy as np
    >>> selu(np.array([-np.inf, 0.0, 2.0])).round(4)
    array([-1.7581,  0.    ,  2.1014])
    """
    return SCALE * elu.reference(x, alpha=ALPHA)


@selu.derivative
def selu_backward(dy: Array, x: Array, y: Array) -> Array:
    """``dx = 1.0507 dy`` where ``y > 0``, else ``dy * (y + 1.0507 * 1.6733)``."""
    return namespace(dy).where(y > 0, SCALE * dy, dy * (y + SCALE * ALPHA))
