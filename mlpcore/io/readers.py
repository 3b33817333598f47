"""Tables from files: CSV, TSV, Parquet and NPZ, each in memory that the file's size bounds."""

from __future__ import annotations

import csv
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mlpcore.backend.extras import require
from mlpcore.io.files import StrPath, brief, check_readable
from mlpcore.io.tables import Column, Table

#: What pandas calls the contents of a column that we read as numbers, and as texts.
NUMBERS = {"boolean", "integer", "floating", "mixed-integer-float", "decimal", "empty"}
TEXTS = {"string", "categorical"}
#: A table of more columns is taken for a mistake.
MOST_COLUMNS = 1 << 16
#: How many times a file's size its contents may take in memory, and what they may take in any case.
MOST_EXPANSION = 256
ALWAYS_FREE = 1 << 26


def read_table(path: StrPath) -> Table:
    """Read a file of named columns.

    A two-dimensional array ``X`` of an NPZ file becomes the columns ``X[0]``, ``X[1]``, ...

    What the file declares is held against its size before it is read: a table may take 256 times as
    many bytes as its file, or 64 MiB.

    Args:
        path: a file that ends in .csv, .tsv, .parquet or .npz.

    Raises:
        OSError: if the file cannot be opened, as the system says.
        ValueError: for an unknown kind of file or a broken one; the message names the file.
        ImportError: without the packages of the extra "io", except for NPZ.
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        *most, last = READERS
        raise ValueError(
            f"{path}: got a file that ends in {path.suffix!r}, expected {', '.join(most)} or {last}"
        )
    check_readable(path)
    return reader(path)


def _read_csv(path: Path, separator: str = ",") -> Table:
    pandas = require("pandas", "io")
    with _broken(path, "table of text"):
        columns = len(_header(path, separator))
        _check_room(path, 8 * _most_rows(path) * columns, columns)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            frame = pandas.read_csv(path, sep=separator, low_memory=False, index_col=False)
        return _from_frame(frame, path)


def _read_tsv(path: Path) -> Table:
    return _read_csv(path, "\t")


def _header(path: Path, separator: str) -> list[str]:
    """The names of a text's columns; pandas would name the second of two alike anew."""
    with path.open(encoding="utf-8-sig", newline="") as text:
        header: list[str] = next(filter(None, csv.reader(text, delimiter=separator)), [])
    for name, times in Counter(header).items():
        if name and times > 1:
            raise ValueError(f"{times} columns named {name!r}")
    return header


def _most_rows(path: Path) -> int:
    """The most rows that a text may have; pandas fills every short one up."""
    ends = [0, 0]
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            ends = [n + piece.count(end) for n, end in zip(ends, (b"\n", b"\r"))]
    return max(ends)


def _read_parquet(path: Path) -> Table:
    pandas, parquet = require("pandas", "io"), require("pyarrow.parquet", "io")
    with _broken(path, "Parquet file"), path.open("rb") as file:
        facts = parquet.read_metadata(file)
        _check_room(path, 8 * facts.num_rows * facts.num_columns, facts.num_columns)
        # So that a text that many rows share is kept once, as it is in the file.
        fields = {field.name: str(field.type) for field in facts.schema.to_arrow_schema()}
        texts = [name for name, kind in fields.items() if kind.endswith("string")]
        frame = pandas.read_parquet(file, engine="pyarrow", read_dictionary=texts)
        # What pandas makes the index is a column of the file, unless it has no name of its own.
        index = [name for name in frame.index.names if name in fields and name not in frame]
        return _from_frame(frame.reset_index(index), path)


def _from_frame(frame: Any, path: Path) -> Table:
    infer = require("pandas", "io").api.types.infer_dtype
    columns: dict[str, Column] = {}
    unusable: dict[str, str] = {}
    for label, series in frame.items():
        name, contents = str(label), infer(series, skipna=True)
        if contents in NUMBERS:
            columns[name] = _numbers(series, contents)
        elif contents in TEXTS:
            columns[name] = _texts(series)
        else:
            unusable[name] = _neither(contents)
    return Table(columns, str(path), unusable)


def _numbers(series: Any, contents: str) -> Column:
    values: Column = series.to_numpy()
    if values.dtype.kind in "biuf":
        return values
    values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    return values.astype(bool) if contents == "boolean" and not np.isnan(values).any() else values


def _texts(series: Any) -> Column:
    distinct = series.astype("category").cat
    texts = np.array([*map(str, distinct.categories), None], dtype=object)
    found: Column = texts[distinct.codes]  # a missing text has code -1
    return found


def _read_npz(path: Path) -> Table:
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: got no NPZ file, expected one written by numpy.savez")
    columns: dict[str, Column] = {}
    unusable: dict[str, str] = {}
    with _broken(path, "NPZ file"):
        with zipfile.ZipFile(path) as members:
            _check_room(path, sum(member.file_size for member in members.infolist()))
        with np.load(path, allow_pickle=False) as archive:
            arrays = [(name, np.asarray(archive[name])) for name in archive.files]
        rows = max((len(array) for _, array in arrays if array.ndim), default=0)
        for name, array in arrays:
            if array.ndim not in (1, 2) or len(array) != rows:
                unusable[name] = f"got shape {array.shape}, expected ({rows},) or ({rows}, columns)"
            elif array.dtype.kind not in "biufU":
                unusable[name] = _neither(str(array.dtype))
            else:
                _check_room(path, 8 * array.size, sum(array.shape[1:]))
                for label, values in _by_name(name, array).items():
                    if label in columns:
                        raise ValueError(f"two columns named {label!r}")
                    columns[label] = values.astype(object) if array.dtype.kind == "U" else values
    return Table(columns, str(path), unusable)


def _by_name(name: str, values: Column) -> dict[str, Column]:
    if values.ndim == 1:
        return {name: values}
    if values.shape[1] == 1:
        return {name: values[:, 0]}
    return {f"{name}[{place}]": values[:, place] for place in range(values.shape[1])}


def _neither(contents: str) -> str:
    return (
        f"got {contents}, expected numbers or texts; convert the column, or leave it out "
        "(--ignore on the command line)"
    )


def _check_room(path: Path, needed: int, columns: int = 0) -> None:
    """Refuse a file whose contents would take far more memory than the file itself."""
    size = path.stat().st_size
    if columns > MOST_COLUMNS:
        raise ValueError(f"{columns} columns, expected at most {MOST_COLUMNS}")
    if needed > max(ALWAYS_FREE, MOST_EXPANSION * size):
        raise ValueError(
            f"contents of {needed} bytes in a file of {size}, expected at most {MOST_EXPANSION} "
            "times as many; write it with less compression, or without rows that lack columns"
        )


@contextmanager
def _broken(path: Path, kind: str) -> Iterator[None]:
    """Whatever a reader raises or warns of while it reads a file is the file's fault."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as fault:
        raise ValueError(f"{path}: got a broken {kind}: {brief(fault)}") from fault


READERS: dict[str, Callable[[Path], Table]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".parquet": _read_parquet,
    ".npz": _read_npz,
}
