"""Cross-entropy of softmax."""

from __future__ import annotations

from functools import partial
from typing import Any

from mlpcore.backend.dispatch import Array, namespace
from mlpcore.functions.log_softmax import log_softmax
from mlpcore.functions.losses.loss import Loss
from mlpcore.functions.one_hot import one_hot
from mlpcore.functions.shapes import per_member
from mlpcore.functions.softmax import softmax


@partial(Loss, labels=True)
def softmax_cross_entropy(z: Array, target: Array, *, label_smoothing: Any = 0.0) -> Array:
    """Cross-entropy of each row, ``l = -sum_k y_k log softmax(z)_k``.

    From log-softmax, ``z_k - logsumexp(z)``, and never from probabilities, whose logarithm ends at
    their rounding. A class of probability 0 counts nothing, even where its logit is -inf.

    Args:
        z: logits ``(..., n, k)``.
        target: labels from 0 to k - 1 of an integer dtype, ``(..., n)``; or probabilities of the
            logits' dtype, ``(..., n, k)``, with rows that add up to 1.
        label_smoothing: ``s`` in [0, 1), a number or one per member: the target becomes
            ``(1 - s) y + s / k``.

    Weights of classes become weights of rows: pass ``sample_weight=row_weights(y, class_weight)``.

    Returns:
        Losses of the rows ``(..., n)``; calling the loss gives their weighted mean ``(...)``.

    Source: Bishop (2006), "Pattern Recognition and Machine Learning", eq. 5.24; label smoothing
    from Szegedy et al. (2016), "Rethinking the Inception architecture for computer vision", sec. 7.

    >>> import numpy as np
    >>> loss = softmax_cross_entropy(np.array([[0.0, 0.0], [9.0, 9.0]]), np.array([0, 1]))
    >>> round(float(loss), 4)
    0.6931
    """
    xp = namespace(z, target)
    y = _distribution(z, target, label_smoothing)
    return -xp.sum(y * xp.where(y == 0, xp.zeros_like(z), log_softmax.reference(z)), axis=-1)


@softmax_cross_entropy.derivative
def softmax_cross_entropy_gradient(z: Array, target: Array, *, label_smoothing: Any = 0.0) -> Array:
    """``dz = p - y`` of each row with ``p = softmax(z)``, times its share of the mean.

    This fuses two derivatives: the loss's by the probabilities, ``-y / p``, and softmax's Jacobian,
    ``diag(p) - p p^T``. Their product is ``p sum(y) - y``, and the target adds up to 1.
    With ``m`` rows of equal weight it is the lecture's ``dZ = (A - Y) / m``.

    Source: Bishop (2006), "Pattern Recognition and Machine Learning", eq. 4.109.
    """
    return softmax.reference(z) - _distribution(z, target, label_smoothing)


def _distribution(z: Array, target: Array, label_smoothing: Any) -> Array:
    """The target as probabilities ``(..., n, k)``, smoothed."""
    k = z.shape[-1]
    if namespace(target).isdtype(target.dtype, "integral"):
        target = one_hot(target, classes=k, dtype=z.dtype)
    kept, spread = 1 - label_smoothing, label_smoothing / k
    return per_member(kept, z, axes=2) * target + per_member(spread, z, axes=2)
