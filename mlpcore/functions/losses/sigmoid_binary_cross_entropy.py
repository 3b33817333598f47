"""Cross-entropy of sigmoids."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace
from mlpcore.functions.activations.sigmoid import sigmoid
from mlpcore.functions.losses.loss import Loss


@Loss
def sigmoid_binary_cross_entropy(z: Array, y: Array) -> Array:
    """Cross-entropy of each row, ``l = -sum_k y_k log p_k + (1 - y_k) log(1 - p_k)``.

    ``p = sigmoid(z)``; each column is a question of its own, so several may be true at once.
    Computed as ``c |z| + log(1 + exp(-|z|))``, where ``c`` is the share of the target that speaks
    against the sign of ``z``: ``1 - y`` where ``z > 0``, else ``y``.

    Args:
        z: logits ``(..., n, k)``.
        y: targets in [0, 1], ``(..., n, k)``.

    Returns:
        Losses of the rows ``(..., n)``; calling the loss gives their weighted mean ``(...)``.

    Source: Bishop (2006), "Pattern Recognition and Machine Learning", eq. 5.22.

    >>> import numpy as np
    >>> round(float(sigmoid_binary_cross_entropy(np.array([[0.0]]), np.array([[1.0]]))), 4)
    0.6931
    """
    xp = namespace(z, y)
    against = xp.where(z > 0, 1 - y, y)
    distance = xp.abs(z)
    penalty = against * xp.where(against == 0, xp.zeros_like(z), distance)
    return xp.sum(penalty + xp.log1p(xp.exp(-distance)), axis=-1)


@sigmoid_binary_cross_entropy.derivative
def sigmoid_binary_cross_entropy_gradient(z: Array, y: Array) -> Array:
    """``dz = p - y`` of each row, times its share of the mean.

    This fuses two derivatives: the loss's, ``(p - y) / (p (1 - p))``, and the sigmoid's,
    ``p (1 - p)``, which cancel.
    """
    return sigmoid.reference(z) - y
