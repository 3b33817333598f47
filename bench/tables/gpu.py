"""Training steps on a GPU, by precision."""

from __future__ import annotations

from collections.abc import Sequence

from ..ceilings import least
from ..libraries import title_of
from ..results import Measured, Results
from ..words import percent
from .cells import NOTHING, Table, median, names, spread


def on_gpu(results: Results, contests: Sequence[Measured]) -> Table:
    """Steps on a GPU by precision: ours, the others', our ratios, the share of the roofline."""
    libraries = names(contests)
    eager = "pytorch_gpu"
    head = ["layers, batch", *map(title_of, libraries), "times the best of them"]
    rows = [[*head, f"times {title_of(eager)}", "of the roofline"]]
    for contest in contests:
        others = [name for name in contest.values if name != "gpu"]
        best = min(others, key=contest.median, default=None)
        rows.append([contest.title, *(median(contest, name) for name in libraries)])
        for rival, target in ((best, "best"), (eager if eager in others else None, eager)):
            rows[-1].append(_times_faster(contest, rival, contest.targets.get(target)))
        rows[-1].append(_of_the_roof(results, contest))
    return rows


def _times_faster(contest: Measured, rival: str | None, target: float | None) -> str:
    if rival is None or "gpu" not in contest.values:
        return NOTHING
    return spread(contest.ratio(rival, "gpu"), target)


def _of_the_roof(results: Results, contest: Measured) -> str:
    bound = least(results, contest)
    if bound is None or "gpu" not in contest.values:
        return NOTHING
    share, target = bound / contest.median("gpu"), contest.targets.get("roof")
    return percent(share) + (
        "" if target is None else f" {'<≥'[share >= target]} {percent(target)}"
    )
