"""The results as tables: rows of text under a row of headings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..groups import GROUPS
from ..results import Measured, Results
from . import groups
from .busy import slow_downs
from .cells import Table, markdown, names, sentence
from .gpu import on_gpu
from .shortfalls import shortfalls, targets_met
from .steps import steps

__all__ = [
    "Table",
    "markdown",
    "names",
    "on_gpu",
    "sentence",
    "shortfalls",
    "slow_downs",
    "steps",
    "tables",
    "targets_met",
]

#: The columns of `steps` when there is nobody else.
_OWN_COLUMNS = 3
#: The table of each group that has one of its own.
_TABLES: dict[str, Callable[[Results, Sequence[Measured]], Table]] = {
    "ceilings": groups.rates,
    "peaks": groups.rates,
    "gpu": on_gpu,
    "kernels": groups.kernels,
    "products": groups.products,
    "prediction": groups.prediction,
    "memory": groups.memory,
}


def tables(results: Results) -> Iterator[tuple[str, Table]]:
    """Every table for which there are figures, under its title."""
    for name, group in GROUPS.items():
        contests = results.group(name)
        if contests:
            yield sentence(group.title), _TABLES.get(name, groups.times)(results, contests)
        if name == "steps":
            yield from _beside_others(results)


def _beside_others(results: Results) -> Iterator[tuple[str, Table]]:
    for device, where in (("cpu", "CPU"), ("gpu", "GPU")):
        table = steps(results, device)
        if len(table) > 1 and len(table[0]) > _OWN_COLUMNS:
            yield f"One training step on the {where} beside the better variant of others", table
    for title, table in (
        ("Targets that are missed, and what they allow", shortfalls(results)),
        ("Times slower with one other process busy", slow_downs(results)),
    ):
        if len(table) > 1:
            yield title, table
