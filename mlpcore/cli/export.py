"""``mlpcore export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlpcore.cli.model import load_model
from mlpcore.cli.report import say_where
from mlpcore.cli.usage import UsageError

Option = typer.Option


def export(
    model: Annotated[Path, typer.Argument(help="A model saved by 'mlpcore train' or by save.")],
    onnx: Annotated[Path | None, Option(help="The ONNX file to write.")] = None,
    python: Annotated[Path | None, Option(help="The Python file to write.")] = None,
) -> None:
    """Write a model, its preprocessing included, for a place without mlpcore."""
    files = {"onnx": onnx, "python": python}
    wanted = {name: path for name, path in files.items() if path is not None}
    if not wanted:
        raise UsageError("got neither --onnx nor --python, expected a file to write")
    if onnx and python and onnx.resolve() == python.resolve():
        raise UsageError(f"got {onnx} to write twice; choose another --onnx or --python")
    for name, path in wanted.items():
        if path.exists() and path.samefile(model):
            raise UsageError(f"got {path} to read and to write; choose another --{name}")
    network, preprocessing = load_model(model)
    if onnx is not None:
        network.export_onnx(onnx, preprocessing)
    if python is not None:
        network.export_python(python, preprocessing)
    say_where(Console(), **wanted)
