"""Heaviside step, the activation of the perceptron."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace, primitive


@primitive()
def step(x: Array) -> Array:
    """Heaviside step, ``y = 1`` where ``x >= 0``, else 0.

    Args:
        x: pre-activations of any shape.

    Returns:
        Zeros and ones of the same shape and dtype; NaN stays NaN.

    Source: McCulloch & Pitts (1943), "A logical calculus of the ideas immanent in nervous
    activity": a unit fires when its input reaches the threshold.

    >>> import numpy as np
    >>> step(np.array([-2.0, 0.0, 3.0]))
    array([0., 1., 1.])
    """
    xp = namespace(x)
    return xp.where(x < 0, xp.zeros_like(x), xp.where(x >= 0, xp.ones_like(x), x))


@step.derivative
def step_backward(dy: Array, x: Array, y: Array) -> Array:
    """``dx = 0``: flat on both sides of the jump, so no gradient trains a step."""
    return namespace(dy).zeros_like(dy)
