"""How many times longer than ours the others take, as bars with their spread."""

from __future__ import annotations

from typing import Any

from ..results import Measured, Results
from ..statistics import Spread
from ..words import number
from .style import FAINT, INK, Chart, colour, logarithmic, new_figure, title

#: The families in the order of the bars.
_FAMILIES = ("products", "jax", "pytorch", "sklearn")


def against_peers(results: Results) -> Chart | None:
    """Each training step: the better variant of every library beside ours."""
    contests = [c for c in results.group("steps") if "cpu" in c.values and _rivals(c)]
    if not contests:
        return None
    families = [f for f in _FAMILIES if any(c.better(f) for c in contests)]
    bars = len(contests) * (len(families) + 1)
    figure = new_figure(height=0.9 + 0.185 * bars)
    axes = figure.subplots()
    y, ticks = 0.0, []
    for contest in contests:
        rows = [(f, contest.better(f)) for f in families]
        ticks.append(y + (len(rows) - 1) / 2)
        for family, library in rows:
            if library is not None:
                _bar(axes, y, family, contest.ratio(library, "cpu"))
            y += 1
        y += 1
    ratios = [c.ratio(str(c.better(f)), "cpu") for c in contests for f in _rivals(c)]
    axes.set_xlim(min(r.lower for r in ratios) / 1.5, max(r.upper for r in ratios) * 1.6)
    axes.axvline(1, color=colour("cpu"), lw=1.6, zorder=3)
    axes.set_ylim(y - 1.2, -0.9)
    axes.set_yticks(ticks, [c.title.replace(", batch ", "\nbatch ") for c in contests])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines.left.set_visible(False)
    axes.grid(axis="y", visible=False)
    logarithmic(axes.xaxis, lambda value: f"{number(value)} ×")
    axes.set_xlabel("time over that of mlpcore")
    _legend(figure, families)
    return Chart(
        "peers",
        "Time of a training step over that of mlpcore",
        "Bars are medians of the rounds' ratios, the dark lines their quartiles; of each library "
        "the better variant. The blue line is mlpcore; “products” is NumPy running only the matrix "
        "products.",
        figure,
    )


def _rivals(contest: Measured) -> list[str]:
    return [family for family in _FAMILIES if contest.better(family)]


def _bar(axes: Any, y: float, family: str, ratio: Spread) -> None:
    axes.barh(y, ratio.median - 1, left=1, height=0.86, color=colour(family), lw=0)
    axes.plot([ratio.lower, ratio.upper], [y, y], color=INK, lw=1.3, solid_capstyle="butt")
    far, side = (ratio.upper, 1) if ratio.median >= 1 else (ratio.lower, -1)
    far = max(far, 1.0) if side > 0 else min(far, 1.0)
    axes.annotate(
        number(ratio.median),
        (far, y),
        (3 * side, -0.4),
        textcoords="offset points",
        fontsize=8.5,
        ha="left" if side > 0 else "right",
        va="center",
        annotation_clip=False,
    )


def _legend(figure: Any, families: list[str]) -> None:
    """The colours' names above the bars."""
    from matplotlib.patches import Patch

    names = {"products": "products alone", "jax": "JAX", "pytorch": "PyTorch"}
    handles = [Patch(color=colour(f), label=names.get(f, title(f))) for f in families]
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=len(handles),
        frameon=False,
        handlelength=1,
        handleheight=1,
        columnspacing=1.6,
        labelcolor=FAINT,
    )
