"""Negative log-likelihood of Poisson counts."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace
from mlpcore.functions.activations.exponential import exponential
from mlpcore.functions.losses.loss import Loss


@Loss
def poisson_nll(z: Array, y: Array) -> Array:
    """Poisson's negative log-likelihood of each row, ``l = sum_k exp(z_k) - y_k z_k``.

    The term ``log y!`` does not depend on the logits and is left out, so the loss may be negative.

    Args:
        z: logits ``(..., n, k)``, the logarithms of the rates; the link is the exponential.
        y: counts ``(..., n, k)``, not negative.

    Returns:
        Losses of the rows ``(..., n)``; calling the loss gives their weighted mean ``(...)``.

    Source: McCullagh & Nelder (1989), "Generalized linear models", chapter 6.

    >>> import numpy as np
    >>> float(poisson_nll(np.array([[0.0], [0.0]]), np.array([[2.0], [0.0]])))
    1.0
    """
    xp = namespace(z, y)
    rate = exponential.reference(z)
    # An infinite rate outgrows y z, and 0 counts add nothing; computed, both could end in NaN.
    counted = xp.where(xp.isinf(rate) | (y == 0), xp.zeros_like(z), z)
    return xp.sum(rate - y * counted, axis=-1)


@poisson_nll.derivative
def poisson_nll_gradient(z: Array, y: Array) -> Array:
    """``dz = exp(z) - y`` of each row, times its share: the exponential's derivative is inside."""
    return exponential.reference(z) - y
