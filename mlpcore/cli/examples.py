"""What is trained on: the digits, or a user's file, split and made ready."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcore.cli.usage import UsageError
from mlpcore.io import (
    Preprocessing,
    Table,
    digits_preprocessing,
    digits_table,
    read_table,
    split,
)
from mlpcore.io.targets import Classes, fit_target

DIGITS = "digits"


@dataclass(frozen=True)
class Examples:
    """A training part, a held-out part, and the preprocessing that leads to both.

    Attributes:
        name: what to call them.
        preprocessing: fitted on the training part alone.
        training: ``X`` and ``y``.
        held_out: likewise.
    """

    name: str
    preprocessing: Preprocessing
    training: tuple[NDArray[np.float32], NDArray[Any]]
    held_out: tuple[NDArray[np.float32], NDArray[Any]]


def check_source(data: str, target: str | None, task: str, ignore: Collection[str] | None) -> None:
    """Refuse, with the digits, the options that are about a file's columns."""
    if data == DIGITS and (target or ignore or task != "auto"):
        raise ValueError(
            "got --target, --task or --ignore with the digits, expected them with a file only; "
            "leave them out"
        )


def digits_examples(fraction: float, seed: int) -> Examples:
    """The optical digits, ``X / 16``."""
    return _split(DIGITS, digits_table(), digits_preprocessing(), fraction, seed)


def file_examples(
    path: Path,
    target: str | None,
    *,
    task: str,
    ignore: Collection[str],
    fraction: float,
    seed: int,
) -> Examples:
    """The rows of a CSV, TSV, Parquet or NPZ file."""
    table = read_table(path)
    if target is None:
        known = ", ".join(map(repr, table.names[:20]))
        raise UsageError(f"{path}: got no --target, expected the column to predict, one of {known}")
    whole = fit_target(table, target, task)
    rows, _ = split(len(table), fraction, labels=_strata(whole, table), seed=seed)
    preprocessing = Preprocessing.fit(table.take(rows), target, task=whole.task, ignore=ignore)
    return _split(path.name, table, preprocessing, fraction, seed)


def _split(
    name: str, table: Table, preprocessing: Preprocessing, fraction: float, seed: int
) -> Examples:
    labels = _strata(preprocessing.target, table)
    training, held_out = (
        (preprocessing.transform(part), preprocessing.target.encode(part))
        for part in map(table.take, split(len(table), fraction, labels=labels, seed=seed))
    )
    return Examples(name, preprocessing, training, held_out)


def _strata(target: Any, table: Table) -> NDArray[np.int64] | None:
    return target.encode(table) if isinstance(target, Classes) else None
