"""Times against batch, width, members and rows: a line for each library."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..libraries import device_of, title_of
from ..results import Measured, Results
from ..statistics import Spread
from ..words import count, quantity
from .style import FAINT, Chart, colour, logarithmic, new_figure, spread_apart

Number = Callable[[Measured], float]
#: By library, one for each place.
Times = Mapping[str, Sequence[float]]
#: What the names of our own backends start with.
_OURS = ("cpu", "gpu")
#: The least distance between two labels at the lines' ends, in points.
_LABEL_GAP = 12.0


def by_batch(results: Results) -> Chart | None:
    """A training step against the rows of its batch."""
    return _chart(
        results,
        "batches",
        "Time of a training step, by batch size",
        "rows in a batch",
        lambda contest: contest.facts["batch"],
    )


def by_width(results: Results) -> Chart | None:
    """A training step against the width of two hidden layers."""
    return _chart(
        results,
        "widths",
        "Time of a training step, by width",
        "units in each of two hidden layers",
        lambda contest: contest.facts["sizes"][1],
        network=lambda contest: (
            f"{contest.facts['sizes'][0]}-w-w-{contest.facts['sizes'][-1]}, "
            f"batch {contest.facts['batch']}"
        ),
    )


def by_members(results: Results) -> Chart | None:
    """A stack's training step for each member, against the members."""
    return _chart(
        results,
        "stacks",
        "Time of a training step for each member of a stack",
        "members",
        lambda contest: contest.facts["members"],
        share=lambda contest: contest.facts["members"],
        network=lambda contest: contest.title,
    )


def by_rows(results: Results) -> Chart | None:
    """The latency of a prediction against its rows."""
    return _chart(
        results,
        "prediction",
        "Latency of a prediction, by rows",
        "rows in a call",
        lambda contest: contest.facts["batch"],
    )


def crossovers(places: Sequence[float], times: Times) -> Iterator[tuple[float, str, str]]:
    """Where another library becomes the fastest: the place, who was and who is from there on.

    Between two places the lines are straight on logarithmic axes.

    >>> list(crossovers([1, 100], {"a": [1.0, 100.0], "b": [10.0, 10.0]}))
    [(10.0, 'a', 'b')]
    """
    best = [min(times, key=lambda name: times[name][i]) for i in range(len(places))]
    for i, (old, new) in enumerate(itertools.pairwise(best)):
        if old == new:
            continue
        before, after = (math.log(times[new][j] / times[old][j]) for j in (i, i + 1))
        share = before / (before - after)
        yield (
            float(f"{places[i] * (places[i + 1] / places[i]) ** share:.3g}"),
            old,
            new,
        )


def _chart(
    results: Results,
    group: str,
    words: str,
    label: str,
    place: Number,
    share: Number = lambda contest: 1.0,
    network: Callable[[Measured], str] = lambda contest: contest.title.rpartition(",")[0],
) -> Chart | None:
    contests = sorted(results.group(group), key=place)
    names = [n for n in results.libraries if all(n in c.values for c in contests)]
    if len(contests) < 2 or not names:
        return None
    names = _best_of_each(names, contests)
    places = [place(contest) for contest in contests]
    figure = new_figure()
    axes = figure.subplots()
    times = {}
    for name in names:
        spreads = [Spread.of(contest.values[name]).over(share(contest)) for contest in contests]
        times[name] = [spread.median for spread in spreads]
        lower, upper = [s.lower for s in spreads], [s.upper for s in spreads]
        axes.fill_between(places, lower, upper, color=colour(name), alpha=0.18, lw=0)
        axes.plot(places, times[name], color=colour(name), lw=1.8, marker="o", ms=4)
    logarithmic(axes.xaxis, count)
    logarithmic(axes.yaxis, lambda value: quantity(value, "s"))
    axes.set_xlabel(label)
    axes.grid(axis="x", visible=False)
    _mark_crossovers(axes, places, {n: t for n, t in times.items() if n.startswith(_OURS)})
    _label_ends(figure, axes, times)
    note = "Medians; the bands are their 95 % intervals."
    return Chart(group, words, f"{network(contests[0]).removeprefix('1 × ')}. {note}", figure)


def _best_of_each(names: Sequence[str], contests: Sequence[Measured]) -> list[str]:
    """Of each peer the variant that is the fastest over all; of ours all."""
    found: dict[str, str] = {}
    for name in names:
        family = name if name.startswith(_OURS) else name.partition("_")[0]
        key = f"{family} {device_of(name)}"
        total = math.prod(contest.median(name) for contest in contests)
        if key not in found or total < math.prod(c.median(found[key]) for c in contests):
            found[key] = name
    return list(found.values())


def _mark_crossovers(axes: Any, places: Sequence[float], times: Times) -> None:
    for place, _, new in crossovers(places, times):
        axes.axvline(place, color=FAINT, lw=0.9, ls=(0, (2, 2)), zorder=1)
        words = f"{title_of(new)}\nfaster from {count(place)}"
        axes.annotate(
            words,
            (place, 0.02),
            (4, 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            color=colour(new),
            fontsize=8.5,
            va="bottom",
        )


def _label_ends(figure: Any, axes: Any, times: Times) -> None:
    """Each line's name at its right end, none upon another."""
    x = axes.lines[0].get_xdata()[-1]
    figure.draw_without_rendering()
    scale = 72 / figure.dpi
    ends = {name: axes.transData.transform((x, t[-1]))[1] * scale for name, t in times.items()}
    heights = spread_apart(list(ends.values()), _LABEL_GAP)
    for (name, end), height in zip(ends.items(), heights):
        axes.annotate(
            title_of(name),
            (x, times[name][-1]),
            (8, height - end),
            textcoords="offset points",
            color=colour(name),
            fontsize=9,
            fontweight="bold" if name in _OURS else "normal",
            va="center",
            annotation_clip=False,
        )
