"""Adam."""

from __future__ import annotations

from functools import partial
from typing import Any

from mlpcore.backend.dispatch import Array, namespace
from mlpcore.functions.shapes import per_member
from mlpcore.functions.updates.rule import update_rule


@update_rule(states=2)
def adam(
    g: Array,
    m: Array,
    v: Array,
    *,
    step: Any,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-8,
) -> tuple[Array, Array, Array]:
    """Adam's direction, ``d = m^ / (sqrt(v^) + epsilon)``.

    ``m <- beta1 m + (1 - beta1) g``, ``v <- beta2 v + (1 - beta2) g^2``, and without the bias
    towards their start at zero ``m^ = m / (1 - beta1^t)``, ``v^ = v / (1 - beta2^t)``.

    With ``weight_decay`` this is AdamW (Loshchilov & Hutter 2019, algorithm 2); with ``l2`` it is
    Adam with an L2 penalty.

    Args:
        g: gradient ``(..., P)``.
        m: first moment ``(..., P)``, zero at the start.
        v: second raw moment ``(..., P)``, zero at the start.
        step: ``t``, the number of this update, from 1.
        beta1: decay of the first moment, in [0, 1).
        beta2: decay of the second moment, in [0, 1).
        epsilon: keeps the quotient finite.

    Returns:
        ``d``, and the two moments after the step.

    Source: Kingma & Ba (2015), "Adam: a method for stochastic optimization", algorithm 1.

    >>> import numpy as np
    >>> theta, g, zero = np.array([1.0]), np.array([3.0]), np.array([0.0])
    >>> theta, m, v = adam(theta, g, None, None, zero, zero, learning_rate=0.1, step=1)
    >>> theta.round(6)
    array([0.9])
    """
    xp = namespace(g)
    ready = partial(per_member, like=g, axes=1)
    m = ready(beta1) * m + ready(1 - beta1) * g
    v = ready(beta2) * v + ready(1 - beta2) * g * g
    m_hat = m / ready(1 - beta1**step)
    v_hat = v / ready(1 - beta2**step)
    return m_hat / (xp.sqrt(v_hat) + ready(epsilon)), m, v
