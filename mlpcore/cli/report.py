"""What `mlpcore train` says and draws at its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlpcore.backend.at_hand import kernels_of
from mlpcore.cli.curves import Panel, draw_curves
from mlpcore.cli.examples import Examples
from mlpcore.cli.run import Run, Settings, largest_difference, measure
from mlpcore.cli.words import duration


def closing_table(runs: Sequence[Run]) -> Table:
    """The quality, the effort and the means of each run."""
    table = Table(box=box.SIMPLE_HEAD, show_header=len(runs) > 1, pad_edge=False)
    table.add_column()
    for run in runs:
        table.add_column(run.backend, justify="right")
    rows = {
        **{name: [run.held_out[name] for run in runs] for name in runs[0].held_out},
        "epochs": [_epochs(run) for run in runs],
        "time": [duration(run.seconds) for run in runs],
        "backend": [run.network.backend.name for run in runs],
        "kernels": [kernels_of(run.network.backend.name) for run in runs],
    }
    for name, values in rows.items():
        table.add_row(Text(name), *map(Text, values))
    return table


def comparison(runs: Sequence[Run]) -> str:
    """How the backends compare, in a sentence or two."""
    fast, slow = sorted((run.seconds, run.backend) for run in runs)[:: len(runs) - 1]
    return (
        f"{fast[1]} was {slow[0] / fast[0]:.1f} times as fast as {slow[1]}. "
        f"The trained parameters differ by {largest_difference(runs):.1g} at most."
    )


def draw(path: Path, run: Run, examples: Examples, settings: Settings) -> None:
    """Draw the curves of a run."""
    history, metric = run.history, measure(examples)
    labels = {"accuracy": "accuracy", "r2": "R², the explained share of variance"}
    panels = (
        Panel("loss", history.loss, history.validation_loss),
        Panel(
            labels[metric],
            history.metrics[metric],
            history.validation_metrics[metric],
            share=True,
        ),
    )
    sizes = "-".join(map(str, run.network.sizes))
    draw_curves(path, panels, history.best_epoch, examples.name, f"{sizes}  ·  {settings}")


def say_where(console: Console, **paths: Path) -> None:
    """Print where the files are."""
    for name, path in paths.items():
        console.print(Text.assemble((f"{name:<8}", "dim"), str(path)), soft_wrap=True)


def _epochs(run: Run) -> str:
    stopped = run.history.stopped
    return f"{len(run.history)}" + ("" if stopped == "epochs" else f" ({stopped})")
