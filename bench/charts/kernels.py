"""Each fused kernel and its array body, as shares of a copy's speed."""

from __future__ import annotations

from ..ceilings import ceilings
from ..results import Results
from ..words import number
from .style import FAINT, INK, Chart, colour, logarithmic, new_figure


def kernels(results: Results, device: str) -> Chart | None:
    """The largest shape of each kernel: body and fused form on a line, joined."""
    roof, body = ceilings(results, device), f"{device}_bodies"
    found = [c for c in results.group("kernels") if {device, body} <= set(c.values)]
    if roof is None or not found:
        return None
    size = max(c.facts["rows"] * c.facts["columns"] for c in found)
    found = [c for c in found if c.facts["rows"] * c.facts["columns"] == size]
    ceiling = roof.copy(8 * size)
    shares = {
        c.facts["name"].removesuffix("_value_and_gradient").replace("_", " "): [
            c.bytes / c.median(library) / ceiling for library in (body, device)
        ]
        for c in found
    }
    figure = new_figure(height=0.9 + 0.21 * len(shares))
    axes = figure.subplots()
    ordered = sorted(shares.items(), key=lambda item: item[1][1])
    for y, (_, (slow, fast)) in enumerate(ordered):
        axes.plot([slow, fast], [y, y], color=FAINT, lw=1, zorder=1)
        axes.plot(slow, y, "o", ms=5, mfc="none", mec=colour(body), mew=1.4)
        axes.plot(fast, y, "o", ms=6, color=colour(device))
        axes.annotate(
            f"{number(fast / slow)} ×",
            (1.16, y),
            xycoords=("axes fraction", "data"),
            fontsize=8.5,
            ha="right",
            va="center",
            color=FAINT,
            annotation_clip=False,
        )
    axes.axvline(1, color=INK, lw=1.2, zorder=0)
    axes.set_yticks(range(len(ordered)), [name for name, _ in ordered])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines.left.set_visible(False)
    axes.grid(axis="y", visible=False)
    logarithmic(axes.xaxis, lambda share: f"{100 * share:g} %")
    axes.set_xlabel("share of a copy's speed")
    rows, columns = found[0].facts["rows"], found[0].facts["columns"]
    return Chart(
        f"kernels-{device}",
        "Fused kernels and array bodies",
        f"Full dots are the fused kernels, rings the array bodies, on {rows} × {columns} numbers; "
        "behind them how many times faster the kernel is. Speeds are by the bytes that must be "
        "moved; the line at 100 % is a plain copy.",
        figure,
    )
