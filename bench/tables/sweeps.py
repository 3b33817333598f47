"""What `bench.sweeps` found, as tables: the figures beside their targets, by members, by widths."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..libraries import title_of
from ..statistics import INTERVAL, Spread, ratios
from ..words import number, quantity
from .cells import Table, markdown


def paragraphs(found: dict[str, Any]) -> list[str]:
    """All of it in Markdown."""
    grid = found["grid_search"]
    ours = quantity(Spread.of(grid["seconds"]["ours"]).median, "s")
    return [
        markdown(against_targets(found)),
        f"The {grid['fits']} fits took {ours}; {quantity(grid['estimate'], 's')} was the plan's "
        f"estimate. Ratios are medians; beneath each is {INTERVAL}.",
        "An epoch of a stack of 64-100-10, and the memory of a sweep of such members:",
        markdown(by_members(found["members"])),
        "Two widths as one padded stack or as two, and which of them the plan chooses:",
        markdown(by_widths(found["padding"])),
    ]


def against_targets(found: dict[str, Any]) -> Table:
    """Each figure that has a target."""
    grid, stack, targets = found["grid_search"], found["vmap"], found["targets"]
    left = found["leaving"]["seconds"]
    apart = float(np.abs(np.subtract(*grid["accuracy"].values())).max())
    return [
        ["", "figure", "target"],
        *(
            [f"{grid['fits']} fits, times {name}'s grid search", *_least(spread, targets[name])]
            for name, spread in times_faster(grid).items()
        ),
        ["mean accuracies apart, at most", *_most(apart, targets["accuracy"])],
        *(
            [
                f"an epoch of {stack['members']} members, times {title_of(name)} with vmap",
                *_least(spread, targets["jax"]),
            ]
            for name, spread in times_faster(stack).items()
        ),
        [
            "half of 64 members leave halfway, of the time of all",
            *_most(ratios(left["half leave"], left["all"]).median, targets["leaving"]),
        ],
    ]


def times_faster(part: dict[str, Any]) -> dict[str, Spread]:
    """How many times faster we are than each other, round by round."""
    seconds = part["seconds"]
    return {
        name: ratios(theirs, seconds["ours"]) for name, theirs in seconds.items() if name != "ours"
    }


def by_members(found: dict[str, Any]) -> Table:
    """The time and the memory that a member takes, by how many there are."""
    backends = found["seconds"]
    rows = [
        [
            str(count),
            *(quantity(seconds[place], "s") for seconds in backends.values()),
            *(quantity(found["bytes"][str(count)][kind], "B") for kind in ("measured", "counted")),
        ]
        for place, count in enumerate(found["members"])
    ]
    head = [f"time of each, {name}" for name in backends]
    return [["members", *head, "memory of each", "counted"], *rows]


def by_widths(found: dict[str, Any]) -> Table:
    """Pairs of widths, padded to the wider or apart."""
    return [
        ["widths, members of each", "together", "apart", "planned"],
        *(
            [
                f"{first} and {second}, {pair['members of each']}",
                quantity(pair["together"], "s"),
                quantity(pair["apart"], "s"),
                pair["chosen"],
            ]
            for pair in found["pairs"]
            for first, second in [pair["widths"]]
        ),
    ]


def _least(spread: Spread, target: float) -> list[str]:
    """A ratio that should be no less."""
    sign = "≥" if spread.median >= target else "<"
    interval = f"{number(spread.lower)} to {number(spread.upper)}"
    return [f"{number(spread.median)}\n{interval}", f"{sign} {number(target)}"]


def _most(value: float, target: float) -> list[str]:
    """A figure that should be no more."""
    return [number(value), f"{'≤' if value <= target else '>'} {number(target)}"]
