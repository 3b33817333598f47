"""All charts of some results, and how each becomes a file."""

from __future__ import annotations

import io
import re

from mlpcore.backend.extras import require

from ..results import Results
from .bars import against_peers
from .kernels import kernels
from .lines import by_batch, by_members, by_rows, by_width
from .roofline import roofline
from .style import COLOURS, FAINT, GRID, INK, PAPER, STYLE, Chart

_DEVICES = ("cpu", "gpu")


def charts(results: Results) -> list[Chart]:
    """Those pictures for which there are figures."""
    with require("matplotlib", "cli").rc_context(STYLE):
        drawn = [against_peers(results, device) for device in _DEVICES]
        drawn += [draw(results) for draw in (by_batch, by_width, by_members, by_rows)]
        drawn += [draw(results, device) for device in _DEVICES for draw in (kernels, roofline)]
    return [chart for chart in drawn if chart is not None]


def png(chart: Chart) -> bytes:
    """A picture with its title, for a page or a slide."""
    image = io.BytesIO()
    with require("matplotlib", "cli").rc_context(STYLE):
        title = chart.figure.suptitle(chart.title, x=0.02, ha="left", weight="bold", size=11)
        chart.figure.savefig(image, format="png", dpi=200)
        title.remove()
        chart.figure._suptitle = None
    return image.getvalue()


def svg(chart: Chart, *, themed: bool = False, note: str = "") -> str:
    """A drawing.

    Args:
        chart: what to draw.
        themed: whether ink, grid and paper are the variables of a page's style instead of colours.
        note: kept inside, where nobody sees it.
    """
    text = io.StringIO()
    with require("matplotlib", "cli").rc_context(STYLE):
        metadata = {"Date": None, "Creator": None, "Description": note or None}
        chart.figure.savefig(text, format="svg", metadata=metadata)
    fonts = "system-ui, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif"
    drawing = re.sub(r"^.*?(?=<svg)", "", text.getvalue(), flags=re.DOTALL)
    drawing = drawing.replace("'DejaVu Sans'", fonts)
    if themed:
        names = {INK: "ink", FAINT: "faint", GRID: "grid", PAPER: "paper"}
        names |= {COLOURS["cpu"]: "ours", COLOURS["cpu_bodies"]: "bodies"}
        for value, name in names.items():
            drawing = drawing.replace(value, f"var(--{name})")
    return drawing
