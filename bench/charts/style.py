"""What the charts share: colours that the colour-blind can tell apart, type, axes, labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mlpcore.backend.extras import require

INK, FAINT, GRID, PAPER = "#22272e", "#66707c", "#dfe3e8", "#fefefe"
#: By family of libraries, after Okabe & Ito (2008), "Color Universal Design".
COLOURS = {
    "cpu": "#0072b2",
    "cpu_bodies": "#4fa8dd",
    "gpu": "#009e73",
    "gpu_bodies": "#5fc4a6",
    "jax": "#d98e04",
    "pytorch": "#d55e00",
    "sklearn": "#b8679b",
    "products": "#7b8794",
}
STYLE = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": FAINT,
    "axes.labelsize": 9.5,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "figure.facecolor": PAPER,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "mlpcore",
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.major.width": 0.8,
    "ytick.major.width": 0.8,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
}


@dataclass(frozen=True)
class Chart:
    """A picture.

    Attributes:
        name: of its file.
        title: what it shows.
        note: how to read it.
        figure: of matplotlib.
    """

    name: str
    title: str
    note: str
    figure: Any


def new_figure(width: float = 4.7, height: float = 3.6) -> Any:
    """An empty figure, in inches; narrow, so that it can be read on a phone."""
    figure = require("matplotlib.figure", "cli").Figure((width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06)
    return figure


def colour(library: str) -> str:
    """Of a library, or of its family."""
    return COLOURS.get(library) or COLOURS.get(library.partition("_")[0], INK)


def logarithmic(axis: Any, words: Callable[[float], str], subs: Sequence[float] = (1.0,)) -> None:
    """A logarithmic axis whose ticks are written out."""
    ticker = require("matplotlib.ticker", "cli")
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(ticker.LogLocator(subs=subs, numticks=12))
    axis.set_minor_locator(ticker.NullLocator())
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: words(value)))


def spread_apart(places: Sequence[float], gap: float) -> list[float]:
    """Places at least ``gap`` from each other, as near to the given ones as that allows.

    >>> spread_apart([0.0, 10.0, 1.0], 4.0)
    [-1.5, 10.0, 2.5]
    """
    order = sorted(range(len(places)), key=places.__getitem__)
    clusters: list[list[int]] = []
    centres: list[float] = []
    for index in order:
        clusters.append([index])
        centres.append(places[index])
        while len(clusters) > 1 and (
            centres[-1] - centres[-2] < gap * (len(clusters[-1]) + len(clusters[-2])) / 2
        ):
            last = clusters.pop()
            centres.pop()
            clusters[-1] += last
            centres[-1] = sum(places[i] for i in clusters[-1]) / len(clusters[-1])
    found = [0.0] * len(places)
    for cluster, centre in zip(clusters, centres):
        for rank, index in enumerate(cluster):
            found[index] = centre + gap * (rank - (len(cluster) - 1) / 2)
    return found
