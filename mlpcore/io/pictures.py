"""Pictures: what all of them look like, and how they reach a file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlpcore.backend.extras import require
from mlpcore.io.files import StrPath, write_atomically

INK, FAINT, GRID = "#22272e", "#6b7480", "#e4e7eb"
TRAINING, HELD_OUT = "#8a94a3", "#1f6feb"
STYLE: dict[Any, Any] = {
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "legend.frameon": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "ytick.minor.size": 0,
}
#: Values that span more than this ratio are drawn on a logarithmic axis.
LOGARITHMIC = 20.0


def spans_decades(values: Sequence[float]) -> bool:
    """Whether positive values are so far apart that a logarithmic axis shows them better.

    >>> spans_decades([0.001, 0.1]), spans_decades([1.0, 10.0]), spans_decades([0.0, 100.0])
    (True, False, False)
    """
    return min(values) > 0 and max(values) > LOGARITHMIC * min(values)


def logarithmic(axis: Any, digits: Sequence[float] = (1.0, 3.0)) -> None:
    """Plain numbers at a logarithmic axis, those that begin with these digits."""
    ticker = require("matplotlib.ticker", "cli")
    axis.set_major_locator(ticker.LogLocator(subs=digits))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(ticker.NullFormatter())


def write_picture(figure: Any, path: StrPath) -> None:
    """Write a figure of matplotlib in the format of the path's suffix, or as PNG without one.

    Raises:
        OSError: if the file cannot be written.
        ValueError: for a suffix of no format of matplotlib's, which the message lists.
    """
    image = io.BytesIO()
    figure.savefig(image, format=Path(path).suffix[1:] or "png", facecolor="white")
    write_atomically(path, image.getvalue())
