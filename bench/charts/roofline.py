"""The roofline: what each kernel and each step reaches, under what the machine can do at all.

Source: Williams, Waterman & Patterson (2009), "Roofline: An Insightful Visual Performance Model for
Multicore Architectures", Communications of the ACM 52(4).
"""

from __future__ import annotations

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
#: How far up the column of names may reach, as a share of the height.
_COLUMN = 0.66
#: Where a name goes beside its point: how far in points, and which end of it lies there.
_SIDES = ((0, -10, "center"), (7, 0, "left"), (-7, 0, "right"), (0, 10, "center"))


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
    kernels = [point for point in points if point.kernel]
    figure = new_figure(height=5.4)
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
            color=_KERNEL if point.kernel else colour(device),
            ls="none",
        )
    logarithmic(axes.xaxis, lambda v: f"{v:g}")
    logarithmic(axes.yaxis, lambda v: number(v / 1e9))
    axes.set_xlim(low, high)
    axes.set_ylim(min(point.reached for point in points) / 3, roof.products * 1.7)
    axes.set_xlabel("operations for each byte that must be moved, FLOP/B")
    axes.set_ylabel("GFLOP/s")
    axes.grid(visible=False)
    figure.canvas.draw()
    _name_beside(figure, axes, [p for p in points if not p.kernel], colour(device))
    if kernels:
        _name_in_a_column(figure, axes, kernels, 3 * max(p.intensity for p in kernels))
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
    axes.annotate(
        f"copies {rate(roof.memory, 'B')}",
        (low, low * roof.memory),
        (16, 4),
        textcoords="offset points",
        va="center",
        color=FAINT,
        fontsize=9,
    )


def _name_beside(figure: Any, axes: Any, points: list[Point], colour: str) -> None:
    """Names at their points, on the first side where nothing else stands."""
    at = axes.transData.transform([(p.intensity, p.reached) for p in points]) * 72 / figure.dpi
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in at]
    for point, (x, y) in zip(points, at):
        width = 0.6 * _LINE * len(point.name)
        for across, up, side in _SIDES:
            left = x + across - {"left": 0, "center": width / 2, "right": width}[side]
            box = (left, y + up - _LINE / 2, left + width, y + up + _LINE / 2)
            if not any(_overlap(box, other) for other in taken):
                break
        taken.append(box)
        axes.annotate(
            point.name,
            (point.intensity, point.reached),
            (across, up),
            textcoords="offset points",
            ha=side,
            va="center",
            color=colour,
            fontsize=8.5,
        )


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _name_in_a_column(figure: Any, axes: Any, points: list[Point], x: float) -> None:
    """Names in a column where nothing else is, each with a thin line to its point."""
    own = axes.transData.transform([(p.intensity, p.reached) for p in points])[:, 1]
    pixels = spread_apart(own.tolist(), _LINE * figure.dpi / 72)
    highest = axes.bbox.y0 + _COLUMN * axes.bbox.height
    down = max(0.0, max(pixels) - highest)
    for point, height in zip(points, pixels):
        at = axes.transData.inverted().transform((0, height - down))[1]
        axes.annotate(
            point.name,
            (point.intensity, point.reached),
            (x, at),
            va="center",
            color=_KERNEL,
            fontsize=8.5,
            arrowprops={
                "arrowstyle": "-",
                "color": _KERNEL,
                "lw": 0.5,
                "alpha": 0.6,
                "relpos": (0, 0.5),
                "shrinkA": 0,
                "shrinkB": 3,
            },
        )
