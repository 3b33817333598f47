"""What every exported predictor holds beside the mathematics; its source is copied into it."""

from __future__ import annotations

import base64
import csv
import sys
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

#: What stands for a missing number or text in a CSV file, as for pandas.
MISSING = (
    *("", "#N/A", "#N/A N/A", "#NA", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan"),
    *("null", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
)
#: The numbers of a CSV file's truths.
TRUTHS = {"True": 1, "TRUE": 1, "true": 1, "False": 0, "FALSE": 0, "false": 0}


def unpacked(dtype: str, shapes: Sequence[tuple[int, ...]], text: str) -> list[np.ndarray]:
    """Arrays of these shapes, one behind the other, from base64.

    >>> unpacked("<f4", [(1,), (1, 1)], "AACAPwAAAEA=")
    [array([1.], dtype=float32), array([[2.]], dtype=float32)]
    """
    flat = np.frombuffer(base64.b64decode(text), dtype=dtype)
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends), shapes)]


def rows(X: Any, features: int, dtype: str) -> np.ndarray:
    """``X`` as ``(..., n, features)``, checked.

    >>> rows([[1, 2]], 2, "float32")
    array([[1., 2.]], dtype=float32)
    """
    x = np.asarray(X, dtype=dtype)
    if x.ndim < 2 or x.shape[-1] != features:
        raise ValueError(f"got X of shape {x.shape}, expected (n, {features})")
    if not np.isfinite(x).all():
        raise ValueError("got X with NaN or infinity, expected finite numbers")
    return x


def as_numbers(column: Any) -> np.ndarray:
    """A column as float64, from numbers or their texts; truths count as 1 and 0.

    >>> as_numbers(["0.5", "True", "nan"])
    array([0.5, 1. , nan])
    """
    try:
        return np.asarray(column, dtype="float64")
    except ValueError:
        return np.array([TRUTHS.get(text, text) for text in column], dtype="float64")


def print_predictions(predict: Callable[[Any], np.ndarray], path: str) -> None:
    """Print a row for each row of a NPY file, or of a CSV file of numbers without a header."""
    X = np.load(path) if path.endswith(".npy") else np.loadtxt(path, delimiter=",", ndmin=2)
    outputs = np.moveaxis(predict(X), -2, 0)
    np.savetxt(sys.stdout, outputs.reshape(len(outputs), -1), fmt="%.9g", delimiter=",")


def print_decoded(predict: Callable[[Any], np.ndarray], path: str) -> None:
    """Print the prediction for each row of a CSV file whose header names the columns."""
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        # Blank lines are none; a single empty text in quotes is one.
        lines = [cells for cells in csv.reader(file) if cells and not ",".join(cells).isspace()]
    columns = {
        name or f"Unnamed: {place}": ["nan" if cell in MISSING else cell for cell in cells]
        for place, (name, *cells) in enumerate(zip_longest(*lines, fillvalue=""))
    }
    if not lines or len(columns) != len(lines[0]):
        raise ValueError(f"{path}: expected a header of distinct names, and no row longer than it")
    outputs = predict(columns)
    print(*np.moveaxis(outputs, -1, 0).tolist(), sep="\n")
