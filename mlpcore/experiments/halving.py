"""Successive halving: all settings for a little while, the best of them for longer.

Source: Jamieson & Talwalkar (2016), "Non-stochastic best arm identification and hyperparameter
optimization", algorithm 1; Li et al. (2018), "Hyperband", for keeping one in ``factor``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from mlpcore.backend.checks import whole_number


def shares(settings: int, epochs: int, factor: int | None) -> list[float]:
    """The share of its epochs to which each round trains a setting; the last is all of them.

    Args:
        settings: how many there are; each round keeps one in ``factor``.
        epochs: the least that a setting has; no round is shorter than one.
        factor: at least 2, or ``None`` for a single round.

    Raises:
        ValueError: for another factor.

    >>> shares(settings=30, epochs=27, factor=3)
    [0.037037037037037035, 0.1111111111111111, 0.3333333333333333, 1.0]
    >>> shares(settings=30, epochs=5, factor=3)
    [0.3333333333333333, 1.0]
    """
    if factor is None:
        return [1.0]
    factor = whole_number("halving", factor, least=2)
    rounds = 0
    while factor ** (rounds + 1) <= min(settings, epochs):
        rounds += 1
    return [float(factor) ** -number for number in range(rounds, -1, -1)]


def budget(epochs: int, share: float) -> int:
    """The epochs of a share, rounded up.

    >>> budget(27, 1 / 9), budget(20, 1 / 3)
    (3, 7)
    """
    return math.ceil(round(epochs * share, 9))


def survivors(scores: Mapping[int, float], factor: int | None) -> list[int]:
    """The best settings by mean score, one in ``factor`` of them; never one that diverged.

    >>> survivors({0: 0.5, 1: 0.9, 2: float("nan"), 3: 0.7}, factor=2)
    [1, 3]
    """
    keep = -(-len(scores) // (factor or 1))
    finite = [setting for setting, score in scores.items() if not math.isnan(score)]
    return sorted(sorted(finite, key=lambda setting: -scores[setting])[:keep])
