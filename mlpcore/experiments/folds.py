"""Splits: which rows a network is trained on, and on which it is scored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcore.backend.checks import whole_number
from mlpcore.backend.random import permutation
from mlpcore.io import split
from mlpcore.io.split import BEFORE_TRAINING

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """The numbers of the training rows and of the held-out rows."""

    training: Rows
    held_out: Rows


def splits(
    cv: Any,
    X: Any,
    y: Any,
    *,
    labels: NDArray[Any] | None = None,
    repeats: int = 1,
    seed: int = 0,
) -> list[Split]:
    """The splits that ``cv`` stands for.

    Args:
        cv: how many folds; or the share to hold out once, between 0 and 1; or one of scikit-learn's
            splitters; or pairs of row numbers or masks, ``(training, held_out)``.
        X: the features, ``(n, ...)``, and ``y`` the targets, for a splitter.
        y: the targets.
        labels: classes ``(n,)``, of which each part then gets its share; or ``None``.
        repeats: how often the rows are split anew, each time in another order.
        seed: the same number gives the same splits.

    Raises:
        ValueError: for too few rows, for rows that are not there, or an empty part.
        TypeError: for what is none of these.

    >>> import numpy as np
    >>> [split.held_out.tolist() for split in splits(3, np.zeros((7, 1)), np.zeros(7))]
    [[0, 1, 6], [3, 5], [2, 4]]
    """
    rows = len(X)
    repeats = whole_number("repeats", repeats)
    if isinstance(cv, (int, float, np.number)) and not isinstance(cv, bool):
        seeds = range(seed, seed + repeats)
        if 0 < cv < 1:
            shares = (split(rows, float(cv), labels=labels, seed=number) for number in seeds)
            return [Split(*parts) for parts in shares]
        folds = whole_number("cv", cv, least=2)
        if folds > rows:
            raise ValueError(f"got cv={folds} with {rows} rows, expected no more folds than rows")
        return [part for number in seeds for part in k_fold(rows, folds, labels, number)]
    if repeats != 1:
        raise ValueError(
            f"got repeats={repeats} with splits of your own, expected a number of folds in cv; "
            "repeat the splits yourself"
        )
    return _given(cv, X, y)


def k_fold(rows: int, folds: int, labels: NDArray[Any] | None, seed: int) -> list[Split]:
    """Each row is held out once; the folds' sizes, and those of their classes, differ by one.

    The rows, put in random order and then by class, are dealt out in turn.
    """
    order = np.asarray(permutation(np.arange(rows), seed=seed, epoch=BEFORE_TRAINING))
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    fold = np.empty(rows, dtype=np.int64)
    fold[order] = np.arange(rows) % folds
    return [
        Split(np.flatnonzero(fold != number), np.flatnonzero(fold == number))
        for number in range(folds)
    ]


def _given(cv: Any, X: Any, y: Any) -> list[Split]:
    pairs = cv.split(X, y) if hasattr(cv, "get_n_splits") else cv
    if not isinstance(pairs, Iterable) or isinstance(pairs, (str, bytes)):
        raise TypeError(
            f"got cv={cv!r}, expected a number of folds, a share between 0 and 1, a splitter, or "
            "pairs of row numbers"
        )
    found = []
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"got {pair!r} in cv, expected a pair (training, held_out)")
        found.append(Split(*(_numbers(part, len(X)) for part in pair)))
    if not found:
        raise ValueError("got no splits in cv, expected at least one pair (training, held_out)")
    return found


def _numbers(part: Any, rows: int) -> Rows:
    """Row numbers as they are, or those of a mask."""
    array = np.asarray(part)
    if array.shape == (rows,) and array.dtype == bool:
        array = np.flatnonzero(array)
    right = array.ndim == 1 and array.size and array.dtype.kind in "iu"
    if not right or array.min() < 0 or array.max() >= rows:
        raise ValueError(
            f"got a split of other than row numbers from 0 to {rows - 1}, expected two arrays of "
            "them, neither empty"
        )
    return array.astype(np.int64)
