"""What silu, mish and gelu share: ``y = x g(x)``, with a gate ``g`` that opens from 0 to 1."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace

#: Beyond ``±FLAT`` every gate is 0 or 1 to the last digit of float64.
FLAT = 1000.0


def gated(x: Array, gate: Array) -> Array:
    """``x * gate``, and 0 instead of NaN where ``-inf`` meets a closed gate.

    >>> import numpy as np
    >>> float(gated(np.array(3.0), np.array(0.5)))
    1.5
    """
    return namespace(x).maximum(x, -FLAT) * gate


def bounded(x: Array) -> Array:
    """``x`` within ``±FLAT``: the same gate and slope, with powers of ``x`` that stay finite.

    >>> import numpy as np
    >>> bounded(np.array([-np.inf, 3.0]))
    array([-1000.,     3.])
    """
    xp = namespace(x)
    return xp.minimum(xp.maximum(x, -FLAT), FLAT)
