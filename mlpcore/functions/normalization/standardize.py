"""Standardization of data."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace


def standardize(
    x: Array, mean: Array | None = None, deviation: Array | None = None
) -> tuple[Array, Array, Array]:
    """Standardize columns, ``z = (x - mean) / deviation``: mean 0 and variance 1.

    Call it with the training part alone, then pass its mean and deviation for every other part.
    The statistics come from the data shrunk to [0, 1], where no square overflows or vanishes, and
    where a constant column is exactly 0.

    Args:
        x: ``(..., n, k)``.
        mean: ``(..., k)``, or ``None`` to take that of ``x``.
        deviation: ``(..., k)``, or ``None`` to take that of ``x``, ``sqrt(sum (x - mean)^2 / n)``,
            and 1 for a constant column.

    Returns:
        ``z`` ``(..., n, k)``, and the mean and deviation used.

    Source: LeCun et al. (1998), "Efficient BackProp", section 4.3.

    >>> import numpy as np
    >>> z, mean, deviation = standardize(np.array([[1.0, 7.0], [3.0, 7.0]]))
    >>> z.tolist(), mean.tolist(), deviation.tolist()
    ([[-1.0, 0.0], [1.0, 0.0]], [2.0, 7.0], [1.0, 1.0])
    """
    xp = namespace(x, mean, deviation)
    if mean is None or deviation is None:
        low = xp.min(x, axis=-2)
        span = xp.max(x, axis=-2) - low
        one = xp.ones_like(span)
        width = xp.where(span == 0, one, span)
        shrunk = (x - low[..., None, :]) / width[..., None, :]
        if mean is None:
            mean = low + width * xp.mean(shrunk, axis=-2)
        if deviation is None:
            deviation = xp.where(span == 0, one, width * xp.std(shrunk, axis=-2))
    return (x - mean[..., None, :]) / deviation[..., None, :], mean, deviation
