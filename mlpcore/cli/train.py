"""``mlpcore train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlpcore.backend import at_hand as backends
from mlpcore.backend.checks import whole_number
from mlpcore.backend.devices import backend as find_backend
from mlpcore.cli.examples import DIGITS, check_source, digits_examples, file_examples
from mlpcore.cli.report import closing_table, comparison, draw, say_where
from mlpcore.cli.run import Settings, train_on
from mlpcore.cli.usage import usage
from mlpcore.io import save
from mlpcore.io.split import check_fraction
from mlpcore.io.targets import check_task

Option = typer.Option


def train(
    data: Annotated[
        str,
        typer.Argument(help="'digits', or a CSV, TSV, Parquet or NPZ file.", show_default=False),
    ],
    target: Annotated[str | None, Option(help="The column of the file to predict.")] = None,
    task: Annotated[str, Option(help="auto, classification or regression.")] = "auto",
    ignore: Annotated[list[str] | None, Option(help="A column to leave out; repeatable.")] = None,
    held_out: Annotated[float, Option(help="The share of rows kept for testing.")] = 0.2,
    backend: Annotated[
        str | None,
        Option(
            help="cpu, gpu or auto; without it the digits are trained on the CPU and on a GPU if "
            "there is one, a file on the better of the two."
        ),
    ] = None,
    hidden: Annotated[str, Option(help="The widths of the hidden layers.")] = "256,128",
    activation: Annotated[str, Option(help="Of the hidden layers, such as tanh.")] = "relu",
    normalization: Annotated[str | None, Option(help="batch or layer.")] = None,
    dropout: Annotated[float, Option(help="The share of hidden units to drop.")] = 0.2,
    optimizer: Annotated[str, Option(help="Such as adamw or 'sgd(momentum=0.9)'.")] = "adam",
    learning_rate: Annotated[float | None, Option(help="Default: the optimizer's own.")] = None,
    batch_size: Annotated[int, Option(min=1, help="Rows in a batch.")] = 32,
    epochs: Annotated[int, Option(min=1, help="Passes over the training part.")] = 40,
    seed: Annotated[int, Option(help="Of the split, the weights, shuffles and dropout.")] = 0,
    out: Annotated[
        Path | None,
        Option(file_okay=False, help="The directory to write to; default: mlpcore-runs/<name>."),
    ] = None,
    quiet: Annotated[bool, Option("--quiet", help="No progress bar, no line per epoch.")] = False,
) -> None:
    """Train a network, save it, and draw its curves."""
    with usage():
        settings = Settings(
            widths(hidden),
            activation,
            normalization,
            dropout,
            optimizer,
            learning_rate,
            batch_size,
            epochs,
            seed,
            quiet,
        )
        settings.check()
        check_task(task)
        check_fraction(held_out)
        find_backend(backend or "auto")
        check_source(data, target, task, ignore)
    if data == DIGITS:
        examples = digits_examples(held_out, seed)
        names = [backend] if backend else backends.at_hand()[:2]
    else:
        examples = file_examples(
            Path(data), target, task=task, ignore=ignore or (), fraction=held_out, seed=seed
        )
        names = [backend or "auto"]
    directory = out or Path("mlpcore-runs", Path(data).stem)
    directory.mkdir(parents=True, exist_ok=True)

    runs = [train_on(name, examples, settings) for name in names]
    console = Console()
    if not runs[0].history.loss:
        console.print("stopped before the first epoch; nothing was saved")
        raise typer.Exit(130)
    model, curves = directory / "model.safetensors", directory / "curves.png"
    save(runs[0].network, model, examples.preprocessing)
    draw(curves, runs[0], examples, settings)
    console.print(closing_table(runs))
    if len(runs) > 1:
        console.print(comparison(runs))
    say_where(console, model=model, curves=curves)


def widths(text: str) -> tuple[int, ...]:
    """The widths of the hidden layers, from ``"256,128"``; none at all from ``""``.

    Raises:
        ValueError: for anything but positive whole numbers.

    >>> widths("256, 128"), widths("")
    ((256, 128), ())
    """
    try:
        return tuple(whole_number("width", int(w)) for w in text.split(",")) if text.strip() else ()
    except ValueError:
        raise ValueError(f"got --hidden {text!r}, expected widths such as 256,128") from None
