"""Orthogonal weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcore.functions.initializers.scaled import Draw, Weights
from mlpcore.functions.shapes import per_member


def orthogonal(fan_in: int, fan_out: int, draw: Draw, *, gain: Any = 1.0) -> Weights:
    """Orthogonal weights: ``W^T W = gain^2 I``, or ``W W^T = gain^2 I`` where that is smaller.

    ``Q`` of the QR decomposition of a normal matrix, with the signs that make the diagonal of ``R``
    positive: so ``Q`` is unique and uniformly distributed. With ``gain = 1`` each square layer
    keeps the length of the signal on the way forward and of the gradient on the way back.

    Args:
        fan_in: number of inputs.
        fan_out: number of outputs.
        draw: the source of random numbers.
        gain: a number, or an array ``(...)`` with one value per member.

    Returns:
        Weights ``(..., fan_in, fan_out)``, float64.

    Source: Saxe, McClelland & Ganguli (2014), "Exact solutions to the nonlinear dynamics of
    learning in deep linear neural networks", section 3; Mezzadri (2007), "How to generate random
    matrices from the classical compact groups", section 5, for the signs.

    >>> class Draw:
    ...     def normal(self, shape):
    ...         return np.array([[3.0, 1.0], [4.0, 2.0]])
    >>> orthogonal(2, 2, Draw()).round(6) + 0.0
    array([[ 0.6, -0.8],
           [ 0.8,  0.6]])
    """
    z = draw.normal((fan_in, fan_out))
    wide = fan_in < fan_out
    q, r = np.linalg.qr(z.mT if wide else z)
    q = q * np.where(np.linalg.diagonal(r) < 0, -1.0, 1.0)[..., None, :]
    weights: Weights = per_member(gain, q, axes=2) * (q.mT if wide else q)
    return weights
