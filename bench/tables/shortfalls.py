"""Targets that are missed, and what bounds them."""

from __future__ import annotations

from ..libraries import title_of
from ..results import Measured, Results
from ..words import number, percent, quantity
from .cells import AGAINST, Table, median

#: Of a step of ours, from the least to the whole.
_PARTS = ("parts_products", "parts_update", "cpu")


def shortfalls(results: Results) -> Table:
    """Of each target that is missed, the time that it allows a step, and what takes how much of it.

    What our products alone, or they with Adam's update, exceed, no step made of them can meet. The
    shares are taken round by round, like the ratio that misses the target.
    """
    rows = [["layers, batch", "target", "it allows", *map(title_of, _PARTS)]]
    for contest in results.group("steps"):
        if not set(_PARTS) <= set(contest.values):
            continue
        for family, target in contest.targets.items():
            other = contest.better(family)
            if other is None or _meets(contest, family, other):
                continue
            floor = family == "products"
            share = target if floor else 1 / target
            allowed = quantity(contest.median(other) * share, contest.unit)
            words = f"{AGAINST[family]} {'≤' if floor else '≥'} {number(target)}"
            taken = [
                f"{median(contest, n)}\n{percent(contest.ratio(n, other).median / share)}"
                for n in _PARTS
            ]
            rows.append([contest.title, words, allowed, *taken])
    return rows


def targets_met(results: Results) -> tuple[int, int]:
    """How many of our step's targets are met, and of how many that were measured."""
    verdicts = [
        _meets(contest, family, other)
        for contest in results.group("steps")
        for family in contest.targets
        if "cpu" in contest.values and (other := contest.better(family)) is not None
    ]
    return sum(verdicts), len(verdicts)


def _meets(contest: Measured, family: str, other: str) -> bool:
    """Whether our step meets its target against a library."""
    target = contest.targets[family]
    if family == "products":
        return contest.ratio("cpu", other).median <= target
    return contest.ratio(other, "cpu").median >= target
