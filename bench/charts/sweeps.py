"""The figures of sweeps and stacks as one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlpcore.io.pictures import FAINT, HELD_OUT, STYLE, TRAINING, logarithmic, write_picture

from ..libraries import title_of
from ..tables.sweeps import times_faster


def picture(found: dict[str, Any], path: Path) -> None:
    """Draw accuracies setting by setting, times beside peers, and time by members."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(15, 4.4), dpi=130, layout="constrained")
        times, scores, scale = figure.subplots(1, 3)
        _draw_times(times, found)
        _draw_scores(scores, found["grid_search"])
        _draw_scale(scale, found["members"])
        write_picture(figure, path)


def _draw_times(axes: Any, found: dict[str, Any]) -> None:
    targets = found["targets"]
    rows = [
        (f"{label} {title_of(name)}", spread.median, targets[target])
        for part, label, target in (
            ("grid_search", "sweep /", "scikit-learn"),
            ("vmap", "stack /", "jax"),
        )
        for name, spread in times_faster(found[part]).items()
    ]
    places = range(len(rows))
    axes.barh(places, [value for _, value, _ in rows], color=HELD_OUT, height=0.5)
    for place, (_, value, target) in zip(places, rows):
        axes.plot([target, target], [place - 0.38, place + 0.38], color=FAINT, lw=2)
        axes.text(value, place, f" {value:.2f}", va="center")
    axes.set_yticks(places, [label for label, *_ in rows])
    axes.set_xlabel("times faster; the lines are targets")
    axes.grid(visible=False)


def _draw_scores(axes: Any, grid: dict[str, Any]) -> None:
    rates = grid["rates"]
    for place, width in enumerate(grid["widths"]):
        own = slice(place * len(rates), (place + 1) * len(rates))
        for name, look in (("scikit-learn", "--"), ("ours", "-")):
            axes.plot(
                *(rates, grid["accuracy"][name][own], look),
                color=HELD_OUT if place else TRAINING,
                marker="o",
                ms=4,
                label=f"{name}, width {width}",
            )
    axes.set_xscale("log")
    logarithmic(axes.xaxis)
    axes.minorticks_off()
    axes.set_xlabel("learning rate")
    axes.set_ylabel("mean accuracy")
    axes.legend()


def _draw_scale(axes: Any, found: dict[str, Any]) -> None:
    for backend, seconds in found["seconds"].items():
        axes.plot(found["members"], [1e3 * value for value in seconds], marker="o", label=backend)
    axes.set_xscale("log", base=2)
    axes.set_xticks(found["members"][::2], found["members"][::2])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("members of the stack")
    axes.set_ylabel("milliseconds a member and epoch")
    axes.legend()
