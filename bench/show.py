"""Tables and progress on the screen, by rich."""

from __future__ import annotations

import sys

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable
from rich.text import Text

from .tables import Table


def show(console: Console, table: Table, title: str) -> None:
    """Print a table."""
    found = RichTable(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(table[0]):
        found.add_column(Text(heading), justify="right" if number else "left")
    for row in table[1:]:
        found.add_row(*map(Text, row))
    console.print(found)


def say(text: str) -> None:
    """Tell how far it is, beside what may be redirected."""
    print(text, file=sys.stderr, flush=True)


def bar(console: Console) -> Progress:
    """A bar that is drawn only when it is told to, so that no thread of it disturbs a timing."""
    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        console=console,
        auto_refresh=False,
        transient=True,
    )
