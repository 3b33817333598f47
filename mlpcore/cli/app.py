"""The commands together, and what becomes of their errors."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from mlpcore.cli.bench import bench
from mlpcore.cli.check import check
from mlpcore.cli.export import export
from mlpcore.cli.info import info
from mlpcore.cli.predict import predict
from mlpcore.cli.sweep import sweep
from mlpcore.cli.train import train
from mlpcore.cli.usage import UsageError

#: What the library and the system raise for a reason that lies outside of them.
FAULTS = (ArithmeticError, ImportError, MemoryError, OSError, RuntimeError, TypeError, ValueError)


class Commands(TyperGroup):
    """Commands whose faults are one red line; ``--debug`` may stand anywhere.

    The exit code is 2 for a command line that cannot be, and 1 for what else goes wrong.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take ``--debug`` first, wherever it stands."""
        return super().parse_args(ctx, sorted(args, key=lambda word: word != "--debug"))

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except FAULTS as fault:
            if ctx.params.get("debug"):
                raise
            message = Text(f"mlpcore: {in_a_line(fault)}", style="bold red")
            Console(stderr=True).print(message, soft_wrap=True)
            raise typer.Exit(2 if isinstance(fault, UsageError) else 1) from None


def in_a_line(fault: BaseException) -> str:
    """What happened, in one line.

    >>> in_a_line(FileNotFoundError(2, "No such file or directory", "data.csv"))
    'data.csv: No such file or directory'
    """
    if isinstance(fault, OSError) and fault.filename is not None:
        return f"{fault.filename}: {fault.strerror}"
    return " ".join(str(fault).split()) or type(fault).__name__


app = typer.Typer(
    cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


@app.callback()
def describe(
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")] = False,
) -> None:
    """Multilayer perceptrons with hand-derived gradients, on the CPU and the GPU."""


for command in (train, sweep, predict, export, bench, check, info):
    app.command()(command)
