"""Cells of tables: figures as text, with what stands beside and beneath them."""

from __future__ import annotations

from collections.abc import Sequence

from ..libraries import LIBRARIES
from ..results import Measured
from ..statistics import Spread
from ..words import between, number, quantity

Table = list[list[str]]
#: What stands where nothing was measured.
NOTHING = "-"
#: What other libraries are called, and our ratio to each.
FAMILIES = {
    "jax": "JAX",
    "pytorch": "PyTorch",
    "sklearn": "scikit-learn",
    "products": "products alone",
}
AGAINST = {
    "jax": "times JAX",
    "pytorch": "times PyTorch",
    "sklearn": "times scikit-learn",
    "products": "over products",
}


def markdown(table: Table) -> str:
    """A table as Markdown, its figures to the right."""
    rows = ["| " + " | ".join(row).replace("\n", "<br>") + " |" for row in table]
    rule = "|---|" + "--:|" * (len(table[0]) - 1)
    return "\n".join([rows[0], rule, *rows[1:]])


def sentence(words: str) -> str:
    """With a capital.

    >>> sentence("one training step")
    'One training step'
    """
    return words[0].upper() + words[1:]


def names(contests: Sequence[Measured]) -> list[str]:
    """All libraries of some contests, in their own order."""
    found = {name for contest in contests for name in contest.values}
    return [n for n in LIBRARIES if n in found] + sorted(found - set(LIBRARIES))


def median(contest: Measured, name: str | None) -> str:
    """A library's median."""
    if name is None or name not in contest.values:
        return NOTHING
    return quantity(contest.median(name), contest.unit)


def cell(contest: Measured, name: str) -> str:
    """A library's median, and beneath it its interval."""
    found = contest.spread(name)
    if found is None:
        return NOTHING
    interval = between(found.lower, found.upper, contest.unit)
    return f"{quantity(found.median, contest.unit)}\n{interval}"


def ratio(contest: Measured, family: str, device: str, own: str = "") -> str:
    """How many times faster than another library; of the products, over their time."""
    other, own = contest.better(family, device), own or device
    if other is None or own not in contest.values:
        return NOTHING
    floor = family == "products"
    found = contest.ratio(own, other) if floor else contest.ratio(other, own)
    target = contest.targets.get(family) if device == "cpu" else None
    return spread(found, target, "≤>" if floor else "<≥")


def on(contest: Measured, name: str) -> str:
    """How many processors a library was on."""
    used = contest.processors.get(name)
    return f"\non {number(Spread.of(used).median)}" if used else ""


def beside(value: float, target: float, signs: str) -> str:
    """A value and its target, and the sign that tells on which side of it the value is.

    A value that is not its target does not look like it:

    >>> beside(1.5, 1.3, "<≥"), beside(1.2962, 1.3, "<≥"), beside(1.3, 1.3, "<≥")
    ('1.5 ≥ 1.3', '1.296 < 1.3', '1.3 ≥ 1.3')
    """
    below = value <= target if signs[0] == "≤" else value < target
    shown = number(value)
    if shown == number(target) and value != target:
        longer = (f"{value:.{digits}g}" for digits in range(4, 17))
        shown = next((text for text in longer if text != number(target)), shown)
    return f"{shown} {signs[0] if below else signs[1]} {number(target)}"


def spread(found: Spread | None, target: float | None = None, signs: str = "<≥") -> str:
    """The median, with a target beside it, and beneath it its interval."""
    if found is None:
        return NOTHING
    median = number(found.median) if target is None else beside(found.median, target, signs)
    return f"{median}\n{number(found.lower)} to {number(found.upper)}"
