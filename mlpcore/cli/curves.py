"""The curves of a training: loss and quality by epoch, as a PNG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlpcore.backend.extras import require
from mlpcore.cli.words import percent, quantity
from mlpcore.io.pictures import (
    FAINT,
    HELD_OUT,
    STYLE,
    TRAINING,
    logarithmic,
    spans_decades,
    write_picture,
)

#: The part of the figure below its title.
BELOW_TITLE = (0, 0, 1, 0.85)


@dataclass(frozen=True)
class Panel:
    """One measure by epoch.

    Attributes:
        label: what the vertical axis says.
        training: the measure of the training part, a number for each epoch.
        held_out: likewise of the held-out part.
        share: whether the measure is a share, to be shown in per cent; then more is better.
    """

    label: str
    training: Sequence[float]
    held_out: Sequence[float]
    share: bool = False

    def text(self, value: float) -> str:
        """A value of the measure in words."""
        return percent(value) if self.share else quantity(value)


def draw_curves(
    path: str | Path, panels: Sequence[Panel], best: int, title: str, subtitle: str
) -> None:
    """Draw the panels side by side into a PNG.

    Args:
        path: the file to write.
        panels: the measures.
        best: the epoch to mark, counted from 0.
        title: what was trained on.
        subtitle: how.

    Raises:
        OSError: if the file cannot be written.
        ImportError: without matplotlib, which the extra "cli" brings.
    """
    matplotlib, figures = require("matplotlib", "cli"), require("matplotlib.figure", "cli")
    with matplotlib.rc_context(STYLE):
        figure = figures.Figure(figsize=(5.6 * len(panels), 4.8), dpi=160, layout="constrained")
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1, wspace=0.05, rect=BELOW_TITLE)
        figure.text(0.016, 0.93, title, fontsize=15, fontweight="bold")
        figure.text(0.016, 0.868, subtitle, color=FAINT)
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
            _draw(axes, panel, best)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, ncols=3, loc="upper right", bbox_to_anchor=(0.995, 0.995))
        write_picture(figure, path)


def _draw(axes: Any, panel: Panel, best: int) -> None:
    epochs = range(1, len(panel.training) + 1)
    alone = "o" if len(epochs) == 1 else None
    axes.plot(epochs, panel.training, color=TRAINING, lw=1.8, marker=alone, label="training")
    axes.plot(epochs, panel.held_out, color=HELD_OUT, lw=2.2, marker=alone, label="held out")
    _mark(axes, panel, best)
    _scale(axes, panel, len(epochs))
    axes.set_xlabel("epoch")
    axes.set_ylabel(panel.label)


def _mark(axes: Any, panel: Panel, best: int) -> None:
    epoch, value = best + 1, panel.held_out[best]
    look = {"marker": "o", "ms": 8, "mfc": "white", "mec": HELD_OUT, "mew": 2.2, "ls": "none"}
    axes.plot(epoch, value, **look, zorder=5, label="best epoch")
    words = f"{panel.text(value)} at epoch {epoch}"
    axes.set_title(words, loc="right", color=HELD_OUT, fontsize=11, fontweight="bold")


def _scale(axes: Any, panel: Panel, epochs: int) -> None:
    ticker = require("matplotlib.ticker", "cli")
    axes.margins(y=0.09)
    axes.set_xlim(0.4, epochs + 0.6)
    whole = ticker.MaxNLocator(nbins="auto", integer=True, steps=[1, 2, 5, 10])
    axes.xaxis.set_major_locator(whole)
    values = (*panel.training, *panel.held_out)
    if panel.share:
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda v, _: f"{100 * v:g} %"))
    elif spans_decades(values):
        axes.set_yscale("log")
        logarithmic(axes.yaxis)
