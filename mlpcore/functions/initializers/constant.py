"""One value for all."""

from __future__ import annotations

from typing import Any

from mlpcore.functions.initializers.scaled import Draw, Weights
from mlpcore.functions.initializers.zeros import zeros
from mlpcore.functions.shapes import per_member


def constant(fan_in: int, fan_out: int, draw: Draw, *, value: Any) -> Weights:
    """All weights ``value``; the units of a layer are alike and stay so, as with zeros.

    Args:
        fan_in: number of inputs.
        fan_out: number of outputs.
        draw: not used.
        value: a number, or an array ``(...)`` with one value per member.

    Returns:
        Weights ``(..., fan_in, fan_out)``, float64.

    Source: Goodfellow, Bengio & Courville (2016), "Deep Learning", section 8.4, on symmetry.

    >>> constant(2, 3, draw=None, value=0.5)
    array([[0.5, 0.5, 0.5],
           [0.5, 0.5, 0.5]])
    """
    base = zeros(fan_in, fan_out, draw)
    weights: Weights = base + per_member(value, base, axes=2)
    return weights
