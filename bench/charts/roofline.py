"""The roofline: what each kernel and each step reaches, under what the machine can do at all.

Source: Williams, Waterman & Patterson (2009), "Roofline: An Insightful Visual Performance Model for
Multicore Architectures", Communications of the ACM 52(4).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..ceilings import Ceilings, ceilings
from ..results import Measured, Results
from ..words import number, rate
from .style import FAINT, INK, Chart, colour, logarithmic, new_figure, spread_apart

_DEVICES = {"cpu": "processor", "gpu": "graphics processor"}
_KERNEL = "#b87503"
#: The height of a name, in points.
_LINE = 11.0


@dataclass(frozen=True)
class Point:
    """A kernel or a step.

    Attributes:
        intensity: floating-point operations for each byte that must be moved.
        reached: floating-point operations a second.
    """

    name: str
    intensity: float
    reached: float
    kernel: bool


def roofline(results: Results, device: str) -> Chart | None:
    """The kernels and steps of a device under its roof."""
    roof = ceilings(results, device)
    points = list(_points(results, device))
    if roof is None or not points:
        return None
    colours = {True: _KERNEL, False: colour(device)}
    figure = new_figure(height=0.9 + _LINE * len(points) / 72)
    axes = figure.subplots()
    low = min(point.intensity for point in points) / 1.6
    high = max(*(point.intensity for point in points), roof.products / roof.memory) * 2.5
    _draw_roof(axes, roof, low, high)
    for point in points:
        axes.plot(
            point.intensity,
            point.reached,
            marker="o" if point.kernel else "D",
            ms=4 if point.kernel else 5.5,
            color=colours[point.kernel],
            ls="none",
        )
    logarithmic(axes.xaxis, lambda v: f"{v:g}")
    logarithmic(axes.yaxis, lambda v: number(v / 1e9))
    axes.set_xlim(low, high)
    axes.set_ylim(min(point.reached for point in points) / 3, roof.products * 1.9)
    axes.set_xlabel("operations for each byte that must be moved, FLOP/B")
    axes.set_ylabel("GFLOP/s")
    axes.grid(visible=False)
    figure.draw_without_rendering()
    _name_in_a_column(figure, axes, points, colours)
    figure.draw_without_rendering()  # the column has taken room from the axes
    _name_slope(axes, roof, low)
    return Chart(
        f"roofline-{device}",
        f"Roofline of the {_DEVICES[device]}",
        "Dots are kernels, diamonds training steps. The roof is the fastest copy and the fastest "
        "product that were measured; bytes are the least that must be moved, so that what stays "
        "in a cache may rise above the slope.",
        figure,
    )


def _points(results: Results, device: str) -> Iterator[Point]:
    largest: dict[str, Measured] = {}
    for contest in results.group("kernels"):
        name = contest.facts["name"]
        if contest.flops and (name not in largest or contest.bytes > largest[name].bytes):
            largest[name] = contest
    named = [(name, contest, True) for name, contest in largest.items()]
    named += [(contest.name, contest, False) for contest in results.group("steps")]
    for name, contest, kernel in named:
        if device in contest.values:
            yield Point(
                name.replace("_value_and_gradient", "").replace("_", " "),
                contest.flops / contest.bytes,
                contest.flops / contest.median(device),
                kernel,
            )


def _draw_roof(axes: Any, roof: Ceilings, low: float, high: float) -> None:
    knee = roof.products / roof.memory
    axes.plot(
        [low, knee, high],
        [low * roof.memory, roof.products, roof.products],
        color=INK,
        lw=1.6,
        zorder=1,
    )
    axes.annotate(
        f"products {rate(roof.products, 'FLOP')}",
        (high, roof.products),
        (-2, 4),
        textcoords="offset points",
        ha="right",
        color=FAINT,
        fontsize=9,
    )


def _name_slope(axes: Any, roof: Ceilings, low: float) -> None:
    """The speed of copies, written along the slope."""
    (x0, y0), (x1, y1) = axes.transData.transform([(x, x * roof.memory) for x in (low, 2 * low)])
    axes.annotate(
        f"copies {rate(roof.memory, 'B')}",
        (0.7 * roof.products / roof.memory, 0.7 * roof.products),
        (-3, 3),
        textcoords="offset points",
        rotation=math.degrees(math.atan2(y1 - y0, x1 - x0)),
        rotation_mode="anchor",
        ha="right",
        color=FAINT,
        fontsize=9,
    )


def _name_in_a_column(
    figure: Any, axes: Any, points: list[Point], colours: dict[bool, str]
) -> None:
    """Names in a column beside the axes, each with a thin line to its point."""
    own = axes.transData.transform([(p.intensity, p.reached) for p in points])[:, 1]
    heights = spread_apart(own.tolist(), _LINE * figure.dpi / 72)
    box = axes.bbox
    down = max(0.0, max(heights) - box.y1) + min(0.0, min(heights) - box.y0)
    for point, height in zip(points, heights):
        axes.annotate(
            point.name,
            (point.intensity, point.reached),
            (1.03, (height - down - box.y0) / box.height),
            textcoords="axes fraction",
            va="center",
            color=colours[point.kernel],
            fontsize=8.5,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colours[point.kernel],
                "lw": 0.5,
                "alpha": 0.45,
                "relpos": (0, 0.5),
                "shrinkA": 0,
                "shrinkB": 3,
            },
        )
