"""The tables of the other groups."""

from __future__ import annotations

from collections.abc import Sequence

from ..ceilings import ceilings
from ..libraries import device_of, title_of
from ..results import Measured, Results
from ..words import number, percent, quantity, rate
from .cells import NOTHING, Table, cell, median, names, spread


def times(results: Results, contests: Sequence[Measured]) -> Table:
    """Each library's median, beneath it its interval."""
    libraries = names(contests)
    return [
        ["", *map(title_of, libraries)],
        *([c.title, *(cell(c, name) for name in libraries)] for c in contests),
    ]


def kernels(results: Results, contests: Sequence[Measured]) -> Table:
    """Fused against body, and how near to a copy."""
    rows = [["", "fused", "body", "times faster", "GB/s", "of a copy"]]
    for contest in contests:
        for name in (n for n in contest.values if n in ("cpu", "gpu")):
            body, roof = f"{name}_bodies", ceilings(results, device_of(name))
            speed = contest.bytes / contest.median(name)
            rows.append(
                [
                    contest.title + (" on the GPU" if name == "gpu" else ""),
                    cell(contest, name),
                    cell(contest, body),
                    spread(contest.ratio(body, name) if body in contest.values else None),
                    number(speed / 1e9),
                    NOTHING if roof is None else percent(speed / roof.copy(_size(contest))),
                ]
            )
    return rows


def products(results: Results, contests: Sequence[Measured]) -> Table:
    """What each library reaches, and which share of the best that was seen."""
    libraries = names(contests)
    rows = [["", *(f"{title_of(name)}, GFLOP/s" for name in libraries), "ours of the peak"]]
    for contest in contests:
        ours = next((n for n in ("gpu", "cpu") if n in contest.values), None)
        roof = None if ours is None else ceilings(results, device_of(ours))
        share = (
            NOTHING
            if roof is None or ours is None
            else percent(contest.flops / contest.median(ours) / roof.products)
        )
        speeds = [
            number(contest.flops / contest.median(n) / 1e9) if n in contest.values else NOTHING
            for n in libraries
        ]
        rows.append([contest.title, *speeds, share])
    return rows


def rates(results: Results, contests: Sequence[Measured]) -> Table:
    """What was reached."""
    libraries = names(contests)
    rows = [["", *map(title_of, libraries)]]
    for c in contests:
        work, unit = (c.flops, "FLOP") if c.flops else (c.bytes, "B")
        speeds = [rate(work / c.median(n), unit) if n in c.values else NOTHING for n in libraries]
        rows.append([c.title, *speeds])
    return rows


def prediction(results: Results, contests: Sequence[Measured]) -> Table:
    """Latency, and beneath it rows a second."""
    libraries = names(contests)
    rows = [["", *map(title_of, libraries)]]
    for c in contests:
        cells = [
            f"{median(c, n)}\n{number(c.facts['batch'] / c.median(n) / 1e3)} k rows/s"
            if n in c.values
            else NOTHING
            for n in libraries
        ]
        rows.append([c.title, *cells])
    return rows


def memory(results: Results, contests: Sequence[Measured]) -> Table:
    """Bytes, and beneath them how many times the counted minimum."""
    libraries = names(contests)
    rows = [["", "counted minimum", *map(title_of, libraries)]]
    for c in contests:
        cells = [
            f"{median(c, n)}\n{number(c.median(n) / c.bytes)} ×" if n in c.values else NOTHING
            for n in libraries
        ]
        rows.append([c.title, quantity(c.bytes, "B"), *cells])
    return rows


def _size(contest: Measured) -> int:
    """The bytes that a copy of the same shape moves."""
    return 8 * int(contest.facts["rows"]) * int(contest.facts["columns"])
