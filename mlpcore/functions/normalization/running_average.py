"""The running average of a statistic over the batches."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array, primitive
from mlpcore.functions.shapes import per_member


@primitive()
def running_average(
    running: Array, value: Array, *, momentum: Any = 0.1, scale: Any = 1.0
) -> Array:
    """Exponential moving average, ``(1 - momentum) running + momentum scale value``.

    Args:
        running: the average so far, ``(..., k)``.
        value: the batch's statistic, ``(..., k)``.
        momentum: the share of the new value, in [0, 1]; a number, or one per member.
        scale: a factor of the new value, a number or one per member: ``n / (n - 1)`` makes a biased
            variance of ``n`` rows unbiased.

    Returns:
        ``(..., k)``.

    Source: Ioffe & Szegedy (2015), "Batch normalization: accelerating deep network training by
    reducing internal covariate shift", section 3.1 and algorithm 2, step 10.

    >>> import numpy as np
    >>> running_average(np.array([0.0]), np.array([3.0]), momentum=0.5)
    array([1.5])
    """
    kept = per_member(1 - momentum, running, axes=1)
    return kept * running + per_member(momentum * scale, running, axes=1) * value
