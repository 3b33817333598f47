"""How many times longer than ours the others take, as bars with their spread."""

from __future__ import annotations

from typing import Any

from ..libraries import title_of
from ..machine import place
from ..results import Results
from ..statistics import Spread
from ..words import number
from .style import FAINT, INK, Chart, colour, logarithmic, new_figure

#: The families and their names, in the order of the bars.
_FAMILIES = {
    "products": "products alone",
    "jax": "JAX",
    "pytorch": "PyTorch",
    "sklearn": "scikit-learn",
}


def against_peers(results: Results, device: str) -> Chart | None:
    """Each training step on a device: the better variant of every library beside ours."""
    rows = [
        (
            contest,
            {f: str(contest.better(f, device)) for f in _FAMILIES if contest.better(f, device)},
        )
        for contest in results.group("steps")
        if device in contest.values
    ]
    rows = [(contest, others) for contest, others in rows if others]
    if not rows:
        return None
    families = [f for f in _FAMILIES if any(f in others for _, others in rows)]
    figure = new_figure(height=1.1 + 0.185 * len(rows) * (len(families) + 1))
    axes = figure.subplots()
    y, ticks, spreads = 0.0, [], []
    for contest, others in rows:
        ticks.append(y + (len(families) - 1) / 2)
        for family in families:
            if family in others:
                spreads.append(contest.ratio(others[family], device))
                _bar(axes, y, family, spreads[-1])
            y += 1
        y += 1
    low, high = min(1.0, *(s.lower for s in spreads)), max(1.0, *(s.upper for s in spreads))
    room = (high / low) ** 0.16  # for the figures at both ends
    axes.set_xlim(low / room, high * room)
    axes.axvline(1, color=colour(device), lw=1.6, zorder=3)
    axes.set_ylim(y - 1.2, -0.9)
    axes.set_yticks(ticks, [c.title.replace(", batch ", "\nbatch ") for c, _ in rows])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines.left.set_visible(False)
    axes.grid(axis="y", visible=False)
    logarithmic(axes.xaxis, lambda value: f"{number(value)} ×")
    axes.set_xlabel(f"time over that of mlpcore\n{place(results.machine)}")
    _legend(figure, families)
    return Chart(
        "peers" if device == "cpu" else "peers-gpu",
        f"Time of a training step over that of {title_of(device)}",
        "Bars are the medians of the rounds' ratios, the thin lines their 95 % intervals; of each "
        "library the better variant. The line at 1 is ours. “Products alone” is NumPy running "
        "only the matrix products of the step.",
        figure,
    )


def _bar(axes: Any, y: float, family: str, ratio: Spread) -> None:
    axes.barh(y, ratio.median - 1, left=1, height=0.86, color=colour(family), lw=0)
    axes.plot([ratio.lower, ratio.upper], [y, y], color=INK, lw=1.3, solid_capstyle="butt")
    right = ratio.median >= 1
    axes.annotate(
        number(ratio.median),
        (max(ratio.upper, 1.0) if right else min(ratio.lower, 1.0), y),
        (3 if right else -3, -0.4),
        textcoords="offset points",
        fontsize=8.5,
        ha="left" if right else "right",
        va="center",
        annotation_clip=False,
    )


def _legend(figure: Any, families: list[str]) -> None:
    """The colours' names beneath the bars."""
    from matplotlib.patches import Patch

    figure.legend(
        handles=[Patch(color=colour(family), label=_FAMILIES[family]) for family in families],
        loc="outside lower center",
        ncols=len(families),
        frameon=False,
        handlelength=1,
        handleheight=1,
        columnspacing=1.6,
        labelcolor=FAINT,
    )
