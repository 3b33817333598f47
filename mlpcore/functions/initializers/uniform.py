"""Uniform within a given limit."""

from __future__ import annotations

from typing import Any

from mlpcore.functions.initializers.scaled import Draw, Weights, scaled_uniform


def uniform(fan_in: int, fan_out: int, draw: Draw, *, limit: Any = 0.05) -> Weights:
    """Small random weights, ``W ~ U(-limit, limit)``; they break the symmetry of the units.

    Args:
        fan_in: number of inputs.
        fan_out: number of outputs.
        draw: the source of random numbers.
        limit: a number, or an array ``(...)`` with one value per member.

    Returns:
        Weights ``(..., fan_in, fan_out)``, float64.

    Source: LeCun, Bottou, Orr & Müller (1998), "Efficient BackProp", section 4.6; 0.05 is Keras's
    default.

    >>> class Halves:
    ...     def uniform(self, shape):
    ...         return np.full(shape, 0.75)
    >>> import numpy as np
    >>> uniform(1, 2, Halves(), limit=0.2)
    array([[0.1, 0.1]])
    """
    return scaled_uniform(fan_in, fan_out, draw, limit)
