"""Normal with a given deviation."""

from __future__ import annotations

from typing import Any

from mlpcore.functions.initializers.scaled import Draw, Weights, scaled_normal


def normal(fan_in: int, fan_out: int, draw: Draw, *, std: Any = 0.01) -> Weights:
    """Small random weights, ``W ~ N(0, std^2)``; they break the symmetry of the units.

    Args:
        fan_in: number of inputs.
        fan_out: number of outputs.
        draw: the source of random numbers.
        std: standard deviation, a number, or an array ``(...)`` with one value per member.

    Returns:
        Weights ``(..., fan_in, fan_out)``, float64.

    Source: Krizhevsky, Sutskever & Hinton (2012), "ImageNet classification with deep convolutional
    neural networks", section 5, for 0.01.

    >>> class Ones:
    ...     def normal(self, shape):
    ...         return np.ones(shape)
    >>> import numpy as np
    >>> normal(1, 2, Ones())
    array([[0.01, 0.01]])
    """
    return scaled_normal(fan_in, fan_out, draw, std)
