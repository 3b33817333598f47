"""Gaussian error linear unit."""

from __future__ import annotations

import math

from mlpcore.backend.dispatch import Array, namespace, primitive
from mlpcore.functions.activations.gate import bounded, gated
from mlpcore.functions.activations.sigmoid import sigmoid
from mlpcore.functions.erf import erfc


@primitive()
def gelu(x: Array, *, approximate: str = "none") -> Array:
    """Gaussian error linear unit, ``y = x Phi(x)``, ``Phi`` the standard normal's distribution.

    ``Phi(x) = erfc(-x / sqrt(2)) / 2``, or with ``approximate="tanh"`` the older stand-in
    ``(1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2``.

    Args:
        x: pre-activations of any shape.
        approximate: ``"none"`` or ``"tanh"``.

    Returns:
        An array of the same shape and dtype.

    Raises:
        ValueError: for another ``approximate``.

    Source: Hendrycks & Gimpel (2016), "Gaussian error linear units (GELUs)", section 2.

    >>> import numpy as np
    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    return gated(x, _distribution(bounded(x), approximate))


@gelu.derivative
def gelu_backward(dy: Array, x: Array, y: Array, *, approximate: str = "none") -> Array:
    """``dx = dy * (Phi(x) + x phi(x))``, ``phi = Phi'`` the density."""
    x = bounded(x)
    return dy * (_distribution(x, approximate) + x * _density(x, approximate))


def _distribution(x: Array, approximate: str) -> Array:
    """``Phi(x)``; ``(1 + tanh(u)) / 2 = sigmoid(2u)`` keeps the lower tail's digits."""
    if approximate == "none":
        return 0.5 * erfc(-math.sqrt(0.5) * x)
    if approximate == "tanh":
        return sigmoid.reference(math.sqrt(8 / math.pi) * x * (1 + 0.044715 * x * x))
    raise ValueError(f'got approximate={approximate!r}, expected "none" or "tanh"')


def _density(x: Array, approximate: str) -> Array:
    """``phi(x)``, the derivative of ``_distribution``."""
    if approximate == "none":
        return math.sqrt(0.5 / math.pi) * namespace(x).exp(-0.5 * x * x)
    p = _distribution(x, approximate)
    return p * (1 - p) * (math.sqrt(8 / math.pi) * (1 + 3 * 0.044715 * x * x))
