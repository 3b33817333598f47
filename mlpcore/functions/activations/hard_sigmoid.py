"""Hard sigmoid."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace, primitive


@primitive()
def hard_sigmoid(x: Array) -> Array:
    """Hard sigmoid, ``y = min(max(x/6 + 1/2, 0), 1)``.

    Args:
        x: pre-activations of any shape.

    Returns:
        An array of the same shape and dtype, in [0, 1]; NaN stays NaN.

    Source: Howard et al. (2019), "Searching for MobileNetV3", section 5.2: ``ReLU6(x + 3) / 6``.

    >>> import numpy as np
    >>> hard_sigmoid(np.array([-3.0, 0.0, 1.5, 3.0]))
    array([0.  , 0.5 , 0.75, 1.  ])
    """
    xp = namespace(x)
    return xp.minimum(xp.maximum(x / 6 + 0.5, 0.0), 1.0)


@hard_sigmoid.derivative
def hard_sigmoid_backward(dy: Array, x: Array, y: Array) -> Array:
    """``dx = dy / 6`` where ``0 < y < 1``, else 0, the corners included."""
    xp = namespace(dy)
    return xp.where((y > 0) & (y < 1), dy / 6, xp.zeros_like(dy))
