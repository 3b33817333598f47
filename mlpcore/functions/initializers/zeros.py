"""All zeros."""

from __future__ import annotations

import numpy as np

from mlpcore.functions.initializers.scaled import Draw, Weights


def zeros(fan_in: int, fan_out: int, draw: Draw) -> Weights:
    """All weights 0: the units of a layer are alike and stay so; right for biases, not for weights.

    Args:
        fan_in: number of inputs.
        fan_out: number of outputs.
        draw: not used.

    Returns:
        Weights ``(fan_in, fan_out)``, float64, the same for all members.

    Source: Goodfellow, Bengio & Courville (2016), "Deep Learning", section 8.4, on symmetry.

    >>> zeros(2, 3, draw=None)
    array([[0., 0., 0.],
           [0., 0., 0.]])
    """
    return np.zeros((fan_in, fan_out))
