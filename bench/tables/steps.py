"""Training steps beside those of others."""

from __future__ import annotations

from ..libraries import title_of
from ..results import Results
from .cells import AGAINST, FAMILIES, Table, median, ratio


def steps(results: Results, device: str = "cpu") -> Table:
    """A training step on a device: ours, the better variant of each other one, our ratios."""
    contests = [c for c in results.group("steps") if device in c.values]
    ours = [n for n in (device, f"{device}_bodies") if any(n in c.values for c in contests)]
    others = [f for f in FAMILIES if any(c.better(f, device) for c in contests)]
    head = ["layers, batch", *map(title_of, ours), *(FAMILIES[f] for f in others)]
    rows = [
        [
            contest.title,
            *(median(contest, name) for name in ours),
            *(median(contest, contest.better(family, device)) for family in others),
            *(ratio(contest, family, device) for family in others),
        ]
        for contest in contests
    ]
    return [[*head, *(AGAINST[f] for f in others)], *rows]
