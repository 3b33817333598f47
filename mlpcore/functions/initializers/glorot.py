"""Glorot's initializers, a compromise between the signal and the gradient."""

from __future__ import annotations

import math

from mlpcore.functions.initializers.scaled import (
    Draw,
    Weights,
    scaled_normal,
    scaled_uniform,
)


def glorot_normal(fan_in: int, fan_out: int, draw: Draw) -> Weights:
    """Glorot's normal weights, ``W ~ N(0, 2 / (fan_in + fan_out))``.

    Forward, ``fan_in Var W = 1`` keeps the variance; backward, ``fan_out Var W = 1`` does. This is
    the mean of the two, for activations with slope 1 at 0.

    Args:
        fan_in: number of inputs.
        fan_out: number of outputs.
        draw: the source of random numbers.

    Returns:
        Weights ``(..., fan_in, fan_out)``, float64.

    Source: Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward
    neural networks", eq. 12 and 16.

    >>> class Ones:
    ...     def normal(self, shape):
    ...         return np.ones(shape)
    >>> import numpy as np
    >>> glorot_normal(6, 2, Ones())[0]
    array([0.5, 0.5])
    """
    return scaled_normal(fan_in, fan_out, draw, std=math.sqrt(2.0 / (fan_in + fan_out)))


def glorot_uniform(fan_in: int, fan_out: int, draw: Draw) -> Weights:
    """Glorot's uniform weights, ``W ~ U(-a, a)`` with ``a = sqrt(6 / (fan_in + fan_out))``.

    The variance is that of `glorot_normal`: ``U(-a, a)`` has ``a^2 / 3``.

    Args:
        fan_in: number of inputs.
        fan_out: number of outputs.
        draw: the source of random numbers.

    Returns:
        Weights ``(..., fan_in, fan_out)``, float64.

    Source: as for `glorot_normal`.

    >>> class NearOne:
    ...     def uniform(self, shape):
    ...         return np.ones(shape)
    >>> import numpy as np
    >>> glorot_uniform(22, 2, NearOne())[0]
    array([0.5, 0.5])
    """
    return scaled_uniform(fan_in, fan_out, draw, limit=math.sqrt(6.0 / (fan_in + fan_out)))
