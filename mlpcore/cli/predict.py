"""``mlpcore predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from mlpcore.backend.devices import backend as find_backend
from mlpcore.backend.extras import require
from mlpcore.backend.memory import to_numpy
from mlpcore.cli.model import load_model
from mlpcore.cli.usage import UsageError, usage
from mlpcore.io import read_table, write_atomically
from mlpcore.io.targets import Classes

Option = typer.Option


def predict(
    model: Annotated[Path, typer.Argument(help="A model saved by 'mlpcore train'.")],
    file: Annotated[Path, typer.Argument(help="A CSV, TSV, Parquet or NPZ file.")],
    out: Annotated[Path, Option(help="The CSV file to write.")] = Path("predictions.csv"),
    backend: Annotated[str, Option(help="cpu, gpu or auto.")] = "cpu",
) -> None:
    """Predict a file's rows, and write predictions and probabilities to a CSV file."""
    with usage():
        find_backend(backend)
    if out.suffix.lower() != ".csv":
        raise UsageError(f"got --out {out}, expected a name that ends in .csv")
    if out.exists() and file.exists() and out.samefile(file):
        raise UsageError(f"got {file} to read and to write; choose another --out")
    network, preprocessing = load_model(model, backend)
    if preprocessing is None:
        raise ValueError(
            f"{model}: got a model without preprocessing, expected one saved by 'mlpcore train'; "
            "use mlpcore.load and net.predict on arrays instead"
        )
    target = preprocessing.target
    X = preprocessing.transform(read_table(file))
    outputs = to_numpy(network.predict(X))
    columns = {"prediction": target.decode(outputs)}
    if isinstance(target, Classes):
        named = zip(target.labels, np.moveaxis(outputs, -1, 0), strict=True)
        columns |= {f"probability_{label}": shares for label, shares in named}
    text = require("pandas", "io").DataFrame(columns).to_csv(index=False)
    write_atomically(out, text.encode())
    Console().print(f"{len(X)} predictions in {out}", markup=False, highlight=False, soft_wrap=True)
