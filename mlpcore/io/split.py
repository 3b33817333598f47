"""A held-out part, drawn by seed and alike on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcore.backend.random import permutation

Rows = NDArray[np.int64]

#: The number of an epoch that training never reaches, so that no shuffle shares its draws.
BEFORE_TRAINING = 2**32 - 1


def split(
    rows: int, fraction: float = 0.2, *, labels: NDArray[Any] | None = None, seed: int = 0
) -> tuple[Rows, Rows]:
    """Split rows into a training and a held-out part at random.

    With labels the split is stratified: each class gives its own share, rounded so that the total
    is right too, and keeps at least one row for training.

    Args:
        rows: how many there are.
        fraction: the share to hold out, between 0 and 1.
        labels: the class of each row, ``(rows,)``, or ``None`` for no strata.
        seed: the same seed gives the same split.

    Returns:
        The numbers of the training rows and of the held-out rows, each in ascending order.

    Raises:
        ValueError: for a fraction outside (0, 1), or if a part would be empty.

    >>> training, held_out = split(10, labels=np.repeat([0, 1], 5))
    >>> len(training), len(held_out), int(np.sum(held_out < 5))
    (8, 2, 1)
    """
    check_fraction(fraction)
    order = np.asarray(permutation(np.arange(rows), seed=seed, epoch=BEFORE_TRAINING))
    strata = np.zeros(rows, dtype=np.int64) if labels is None else labels[order]
    _, first, strata, counts = np.unique(
        strata, return_index=True, return_inverse=True, return_counts=True
    )
    by_stratum = np.argsort(strata, kind="stable")
    starts = np.cumsum(counts) - counts
    ranks = np.empty(rows, dtype=np.int64)
    ranks[by_stratum] = np.arange(rows) - np.repeat(starts, counts)
    held_out = ranks < _quotas(counts, fraction, first)[strata]
    if not held_out.any():
        raise ValueError(
            f"got {rows} rows, too few to hold out {fraction:g} of them; "
            "bring more rows, or hold out a larger share"
        )
    return np.sort(order[~held_out]), np.sort(order[held_out])


def _quotas(counts: Rows, fraction: float, drawn: Rows) -> NDArray[np.float64]:
    """How many rows each class gives, by the method of largest remainders; ``drawn`` breaks ties.

    >>> _quotas(np.array([2, 2, 2, 14]), 0.2, np.array([3, 0, 1, 2])).tolist()
    [0.0, 1.0, 0.0, 3.0]
    """
    shares, most = counts * fraction, counts - 1
    quotas: NDArray[np.float64] = np.minimum(np.floor(shares), most)
    lacking = int(np.rint(shares.sum()) - quotas.sum())
    order = np.lexsort((drawn, np.rint(shares) < shares, quotas - shares))
    more = order[quotas[order] < np.minimum(shares, most)[order]][:lacking]
    quotas[more] += 1
    return quotas


def check_fraction(fraction: float) -> None:
    """Check a share of rows to hold out.

    Raises:
        ValueError: for one outside (0, 1).
    """
    if not 0 < fraction < 1:
        raise ValueError(f"got a held-out fraction of {fraction}, expected one between 0 and 1")
