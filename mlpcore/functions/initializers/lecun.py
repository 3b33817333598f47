"""LeCun's initializers, which keep the variance of the signal."""

from __future__ import annotations

import math

from mlpcore.functions.initializers.scaled import (
    Draw,
    Weights,
    scaled_normal,
    scaled_uniform,
)


def lecun_normal(fan_in: int, fan_out: int, draw: Draw) -> Weights:
    """LeCun's normal weights, ``W ~ N(0, 1 / fan_in)``.

    Then ``Var z = fan_in Var W Var x = Var x``: the variance is kept on the way forward.

    Args:
        fan_in: number of inputs.
        fan_out: number of outputs.
        draw: the source of random numbers.

    Returns:
        Weights ``(..., fan_in, fan_out)``, float64.

    Source: LeCun, Bottou, Orr & Müller (1998), "Efficient BackProp", eq. 16.

    >>> class Ones:
    ...     def normal(self, shape):
    ...         return np.ones(shape)
    >>> import numpy as np
    >>> lecun_normal(4, 2, Ones())[0]
    array([0.5, 0.5])
    """
    return scaled_normal(fan_in, fan_out, draw, std=math.sqrt(1.0 / fan_in))


def lecun_uniform(fan_in: int, fan_out: int, draw: Draw) -> Weights:
    """LeCun's uniform weights, ``W ~ U(-a, a)`` with ``a = sqrt(3 / fan_in)``.

    The variance is that of `lecun_normal`: ``U(-a, a)`` has ``a^2 / 3``.

    Args:
        fan_in: number of inputs.
        fan_out: number of outputs.
        draw: the source of random numbers.

    Returns:
        Weights ``(..., fan_in, fan_out)``, float64.

    Source: as for `lecun_normal`.

    >>> class NearOne:
    ...     def uniform(self, shape):
    ...         return np.ones(shape)
    >>> import numpy as np
    >>> lecun_uniform(12, 2, NearOne())[0]
    array([0.5, 0.5])
    """
    return scaled_uniform(fan_in, fan_out, draw, limit=math.sqrt(3.0 / fan_in))
