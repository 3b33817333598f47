"""``mlpcore check``."""

from __future__ import annotations

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlpcore.testing import check_all


def check() -> None:
    """Check every derivative against differences, of functions and of whole networks."""
    reports = check_all()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("gradient of")
    table.add_column("relative error", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for report in reports:
        verdict = Text("right", style="green") if report.passed else Text("WRONG", style="bold red")
        table.add_row(Text(report.name), f"{report.error:.1e}", verdict)
    console = Console()
    console.print(table)
    wrong = [report for report in reports if not report.passed]
    if wrong:
        for report in wrong:
            console.print(Text(f"{report.name}: {report.note}", style="red"), soft_wrap=True)
        console.print(Text(f"{len(wrong)} of {len(reports)} gradients are wrong", style="bold red"))
        raise typer.Exit(1)
    worst = max(report.error for report in reports)
    console.print(f"All {len(reports)} gradients are right, to {worst:.1e} relative or better.")
