"""Tables: named columns from a CSV, Parquet or NPZ file."""

from __future__ import annotations

import difflib
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcore.backend.extras import require
from mlpcore.io.files import StrPath

Column = NDArray[Any]

#: What pandas calls the contents of a column that we read as numbers, and as texts.
NUMBERS = {"boolean", "integer", "floating", "mixed-integer-float", "decimal", "empty"}
TEXTS = {"string", "categorical"}


@dataclass(frozen=True)
class Table:
    """Columns of one length, by name.

    A column ``(n,)`` holds real numbers (NaN where one is missing) or texts (dtype object, ``None``
    where one is missing).

    Attributes:
        columns: the columns, in the file's order.
        source: the file's name, for error messages.
        unusable: the reason why, for each further column that holds something else.

    >>> table = Table({"size": np.array([1.0, 2.0]), "kind": np.array(["a", None])}, "data.csv")
    >>> len(table), table.take(np.array([1])).column("size")
    (2, array([2.]))
    >>> table.column("sise")
    Traceback (most recent call last):
        ...
    ValueError: data.csv: got no column 'sise', expected one of 'size', 'kind'; did you mean 'size'?
    """

    columns: Mapping[str, Column]
    source: str
    unusable: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The names of all columns, the unusable ones last."""
        return [*self.columns, *self.unusable]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def column(self, name: str) -> Column:
        """The column of this name.

        Raises:
            ValueError: if there is none, with the nearest name, or if it is unusable.
        """
        if name in self.columns:
            return self.columns[name]
        if name in self.unusable:
            raise self.fault(name, self.unusable[name])
        known = ", ".join(map(repr, self.names[:20])) or "none at all"
        more = f" and {len(self.names) - 20} more" if len(self.names) > 20 else ""
        near = difflib.get_close_matches(name, self.names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"{self.source}: got no column {name!r}, expected one of {known}{more}{hint}"
        )

    def take(self, rows: NDArray[Any]) -> Table:
        """The table of these rows only."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        return Table(columns, self.source, self.unusable)

    def fault(self, name: str, message: str) -> ValueError:
        """An error that names the file and the column."""
        return ValueError(f"{self.source}, column {name!r}: {message}")


def read_table(path: StrPath) -> Table:
    """Read a file of named columns.

    A two-dimensional array ``X`` of an NPZ file becomes the columns ``X[0]``, ``X[1]``, ...

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
    path.open("rb").close()
    return reader(path)


def _read_csv(path: Path, separator: str = ",") -> Table:
    pandas = require("pandas", "io")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            frame = pandas.read_csv(path, sep=separator, low_memory=False, index_col=False)
    except (ValueError, OverflowError, pandas.errors.ParserWarning) as fault:
        raise ValueError(f"{path}: got a broken table of text: {_brief(fault)}") from fault
    return _from_frame(frame, path)


def _read_tsv(path: Path) -> Table:
    return _read_csv(path, "\t")


def _read_parquet(path: Path) -> Table:
    pandas, pyarrow = require("pandas", "io"), require("pyarrow", "io")
    try:
        frame = pandas.read_parquet(path, engine="pyarrow")
    except (OSError, ValueError, pyarrow.ArrowException) as fault:
        raise ValueError(f"{path}: got a broken Parquet file: {_brief(fault)}") from fault
    return _from_frame(frame, path)


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
    texts = np.empty(len(series), dtype=object)
    texts[:] = [
        None if missing else str(text) for text, missing in zip(series, series.isna(), strict=True)
    ]
    return texts


def _read_npz(path: Path) -> Table:
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: got no NPZ file, expected one written by numpy.savez")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as fault:
        raise ValueError(f"{path}: got a broken NPZ file: {_brief(fault)}") from fault
    rows = max((len(array) for array in arrays.values() if array.ndim), default=0)
    columns: dict[str, Column] = {}
    unusable: dict[str, str] = {}
    for name, array in arrays.items():
        if array.ndim not in (1, 2) or len(array) != rows:
            unusable[name] = f"got shape {array.shape}, expected ({rows},) or ({rows}, columns)"
        elif array.dtype.kind not in "biufU":
            unusable[name] = _neither(str(array.dtype))
        else:
            values = array.astype(object) if array.dtype.kind == "U" else array
            columns |= _by_name(name, values)
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


def _brief(fault: BaseException) -> str:
    return str(fault).strip().partition("\n")[0] or type(fault).__name__


READERS: dict[str, Callable[[Path], Table]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".parquet": _read_parquet,
    ".npz": _read_npz,
}
