"""The picture of a sweep: scores against each hyperparameter, and all learning curves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpcore.backend.extras import require
from mlpcore.io.pictures import (
    HELD_OUT,
    STYLE,
    TRAINING,
    logarithmic,
    spans_decades,
    write_picture,
)

if TYPE_CHECKING:
    from mlpcore.experiments.records import Record
    from mlpcore.experiments.result import SweepResult

#: Panels side by side, for so many panels.
COLUMNS = {1: 1, 2: 2, 4: 2}
#: So many values at most are each shown at their axis.
TICKS = 5


def plot(result: SweepResult, path: str | os.PathLike[str] | None = None) -> Any:
    """Draw a panel for each hyperparameter that varies, and one for the learning curves.

    A point is a setting. The line joins the best score at each value.
    """
    matplotlib = require("matplotlib", "experiments")
    figures = require("matplotlib.figure", "experiments")
    varied = {name: values for name, values in parameters(result).items() if len(set(values)) > 1}
    count = len(varied) + 1
    columns = COLUMNS.get(count, 3)
    rows = -(-count // columns)
    with matplotlib.rc_context(STYLE):
        figure = figures.Figure(figsize=(4.6 * columns, 3.9 * rows), dpi=160, layout="constrained")
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, (name, values) in zip(panels, varied.items()):
            _scores(axes, name, values, result)
        _curves(panels[len(varied)], result)
        for axes in panels[count:]:
            axes.set_axis_off()
        if path is not None:
            write_picture(figure, path)
    return figure


def parameters(result: SweepResult) -> dict[str, list[Any]]:
    """The values of each hyperparameter, one a setting; what is no number in words."""
    names = dict.fromkeys(name for setting in result.settings for name in setting)
    return {name: [word(setting.get(name)) for setting in result.settings] for name in names}


def word(value: Any) -> Any:
    """A number as it is, anything else in words.

    >>> word(0.1), word((128, 64)), word(None)
    (0.1, '128x64', 'None')
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if isinstance(value, (tuple, list)):
        return "x".join(map(str, value)) or "none"
    return str(value)


def _scores(axes: Any, name: str, values: Sequence[Any], result: SweepResult) -> None:
    scores = np.asarray(result.columns["mean_test_score"])
    places = _axis(axes, values)
    axes.plot(places, scores, "o", ms=5, mec="none", color=TRAINING, alpha=0.55)
    known = np.isfinite(scores)
    at = sorted(set(places[known]))
    best = [max(scores[known & (places == place)]) for place in at]
    axes.plot(at, best, color=HELD_OUT, lw=1.8)
    if result.best_index is not None:
        _mark(axes, places[result.best_index], result.best_score)
        _title(axes, f"{result.best_score:.4g} at {_short(values[result.best_index])}")
    axes.set_xlabel(name)
    axes.set_ylabel(result.metric)


def _axis(axes: Any, values: Sequence[Any]) -> np.ndarray:
    """Where values stand on the horizontal axis, and its scale."""
    if all(isinstance(value, (int, float)) for value in values):
        places = np.asarray(values, dtype=np.float64)
        distinct = sorted(set(places.tolist()))
        if spans_decades(distinct):
            axes.set_xscale("log")
            logarithmic(axes.xaxis, (1.0,))
        if len(distinct) <= TICKS:
            axes.set_xticks(distinct, map(_short, distinct))
        axes.minorticks_off()
        return places
    distinct = list(dict.fromkeys(map(str, values)))
    axes.set_xticks(range(len(distinct)), distinct)
    axes.margins(x=0.15)
    return np.array([distinct.index(str(value)) for value in values], dtype=np.float64)


def _curves(axes: Any, result: SweepResult) -> None:
    """Every member's loss by epoch; the best setting's in colour, its best epochs marked."""
    held_out = all(record.held_out_loss for record in result.records)
    best: list[tuple[Record, tuple[float, ...]]] = []
    others: list[tuple[Record, tuple[float, ...]]] = []
    for record in result.records:
        loss = record.held_out_loss if held_out else record.loss
        if loss:
            (best if record.setting == result.best_index else others).append((record, loss))
    # Many lines are drawn fainter, so that their density shows.
    faint = float(np.clip(30 / max(len(others), 1), 0.15, 0.7))
    for _, loss in others:
        axes.plot(range(1, len(loss) + 1), loss, color=TRAINING, lw=0.7, alpha=faint)
    for record, loss in best:
        axes.plot(range(1, len(loss) + 1), loss, color=HELD_OUT, lw=1.6)
        _mark(axes, record.best_epoch + 1, loss[record.best_epoch])
    if best:
        _title(axes, "best setting")
    axes.set_xlabel("epoch")
    axes.set_ylabel("held-out loss" if held_out else "training loss")
    values = [value for _, loss in best + others for value in loss]
    if values and spans_decades(values):
        axes.set_yscale("log")
        logarithmic(axes.yaxis)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _title(axes: Any, text: str) -> None:
    axes.set_title(text, loc="right", color=HELD_OUT, fontsize=11, fontweight="bold")


def _mark(axes: Any, x: float, y: float) -> None:
    axes.plot(x, y, "o", ms=8, mfc="white", mec=HELD_OUT, mew=2.2, zorder=5)
