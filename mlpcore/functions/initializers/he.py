"""He's initializers, which keep the variance of the signal through rectifiers."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcore.functions.initializers.scaled import (
    Draw,
    Weights,
    scaled_normal,
    scaled_uniform,
)


def he_normal(fan_in: int, fan_out: int, draw: Draw, *, negative_slope: Any = 0.0) -> Weights:
    """He's normal weights, ``W ~ N(0, 2 / ((1 + a^2) fan_in))``.

    A ReLU lets half of the variance through, a leaky one ``(1 + a^2) / 2``; the weights make up
    for it.

    Args:
        fan_in: number of inputs.
        fan_out: number of outputs.
        draw: the source of random numbers.
        negative_slope: ``a``, the slope of a leaky ReLU below 0; a number, or an array ``(...)``
            with one value per member.

    Returns:
        Weights ``(..., fan_in, fan_out)``, float64.

    Source: He, Zhang, Ren & Sun (2015), "Delving deep into rectifiers", eq. 10 and 15.

    >>> class Ones:
    ...     def normal(self, shape):
    ...         return np.ones(shape)
    >>> he_normal(8, 2, Ones())[0]
    array([0.5, 0.5])
    """
    std = np.sqrt(2.0 / ((1.0 + negative_slope**2) * fan_in))
    return scaled_normal(fan_in, fan_out, draw, std)


def he_uniform(fan_in: int, fan_out: int, draw: Draw, *, negative_slope: Any = 0.0) -> Weights:
    """He's uniform weights, ``W ~ U(-b, b)`` with ``b = sqrt(6 / ((1 + a^2) fan_in))``.

    The variance is that of `he_normal`: ``U(-b, b)`` has ``b^2 / 3``.

    Args:
        fan_in: number of inputs.
        fan_out: number of outputs.
        draw: the source of random numbers.
        negative_slope: ``a``, the slope of a leaky ReLU below 0; a number, or an array ``(...)``
            with one value per member.

    Returns:
        Weights ``(..., fan_in, fan_out)``, float64.

    Source: as for `he_normal`.

    >>> class NearOne:
    ...     def uniform(self, shape):
    ...         return np.ones(shape)
    >>> he_uniform(24, 2, NearOne())[0]
    array([0.5, 0.5])
    """
    limit = np.sqrt(6.0 / ((1.0 + negative_slope**2) * fan_in))
    return scaled_uniform(fan_in, fan_out, draw, limit)
