"""Two results beside each other: what moved beyond the noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .libraries import title_of
from .results import Measured, Results
from .statistics import Spread
from .tables import Table
from .words import between, number

#: The rule, as it is printed.
RULE = "A figure has moved when the intervals of its two medians do not overlap."


@dataclass(frozen=True)
class Change:
    """A figure that both results hold.

    Attributes:
        contest: of the later results.
        library: whose figure it is.
        before, after: the spreads.
    """

    contest: Measured
    library: str
    before: Spread
    after: Spread

    @property
    def ratio(self) -> float:
        """The later median over the earlier one; more than 1 is slower, or takes more."""
        return self.after.median / self.before.median

    @property
    def moved(self) -> bool:
        """Whether the intervals of the medians do not overlap."""
        return not self.before.touches(self.after)


def changes(before: Results, after: Results) -> Iterator[Change]:
    """Every figure that both hold."""
    known = {(contest.group, contest.name): contest for contest in before.contests}
    for contest in after.contests:
        old = known.get((contest.group, contest.name))
        if old is None or (old.facts, old.unit) != (contest.facts, contest.unit):
            continue
        for library in contest.values:
            first, second = old.spread(library), contest.spread(library)
            if first is not None and second is not None:
                yield Change(contest, library, first, second)


def threshold(text: str) -> float:
    """A share from per cent.

    Raises:
        ValueError: for anything else.

    >>> threshold("10%"), threshold("2.5")
    (0.1, 0.025)
    """
    try:
        share = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not 0 <= share < float("inf"):
        raise ValueError(f"got --threshold {text!r}, expected per cent such as 10%")
    return share


def table(moved: list[Change]) -> Table:
    """The figures that moved, the worst first."""
    rows = [
        [
            change.contest.title,
            title_of(change.library),
            *(
                between(s.lower, s.upper, change.contest.unit)
                for s in (change.before, change.after)
            ),
            f"{number(change.ratio)} ×",
        ]
        for change in sorted(moved, key=lambda change: -change.ratio)
    ]
    return [["", "library", "before", "after", "now"], *rows]
