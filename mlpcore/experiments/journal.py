"""The journal: results written as they come, so that nothing that has finished is lost.

A journal is a text file of JSON lines. The first holds the fingerprint of the sweep; each further
one is the record of a member. What a stack has brought is written, flushed and synced at once. A
process that is killed while it writes leaves a torn last line, which is cut off before the next.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mlpcore.experiments.records import Record

#: The version of what the lines hold.
FORMAT = 1


class Journal:
    """An open journal, or with no file the results in memory alone.

    Attributes:
        records: read from the file, and written since.
    """

    def __init__(self, file: BinaryIO | None, header: dict[str, Any], records: list[Record]):
        self._file = file
        self._header = header
        self.records = records

    def write(self, records: Sequence[Record]) -> None:
        """Append records; they are on the disk when this returns."""
        self.records += records
        if self._file is None or not records:
            return
        start = [] if self._file.tell() else [self._header]
        entries = [*start, *(record.as_json() for record in records)]
        text = "".join(f"{json.dumps(entry, allow_nan=False)}\n" for entry in entries)
        self._file.write(text.encode())
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def journal(
    path: str | os.PathLike[str] | None, fingerprint: str, *, resume: bool
) -> Iterator[Journal]:
    """Open a journal.

    Args:
        path: the file; ``None`` for none.
        fingerprint: of the sweep.
        resume: whether to go on with a journal that is there.

    Raises:
        FileExistsError: for a journal that is there, without ``resume``.
        ValueError: for a journal of another sweep, or a damaged one.
        OSError: as the system says.
    """
    header = {"format": FORMAT, "sweep": fingerprint}
    if path is None:
        yield Journal(None, header, [])
        return
    path = Path(path)
    if not resume and path.exists() and path.stat().st_size:
        raise FileExistsError(
            f"{path}: got a journal that has results already; pass resume=True to go on with it, "
            "or name another file"
        )
    with path.open("a+b") as file:
        file.seek(0)
        yield Journal(file, header, _read(file, path, header))


def fingerprint(*facts: Any) -> str:
    """A digest of all that a sweep's results follow from.

    >>> import numpy as np
    >>> fingerprint("a", np.zeros(3)) == fingerprint("a", np.zeros(3))
    True
    """
    digest = hashlib.sha256()
    for fact in facts:
        if isinstance(fact, np.ndarray):
            digest.update(f"{fact.dtype} {fact.shape} ".encode())
            digest.update(np.ascontiguousarray(fact).tobytes())
        else:
            digest.update(f"{fact!r} ".encode())
    return digest.hexdigest()


def _read(file: BinaryIO, path: Path, header: dict[str, Any]) -> list[Record]:
    """The whole lines; a torn last one is cut off, so that the next starts where it did.

    Nothing is cut off before the file has turned out to be this sweep's.
    """
    *lines, torn = file.read().split(b"\n")
    if not lines and not json.dumps(header).encode().startswith(torn):
        raise ValueError(f"{path}: got a file that is no journal of this sweep; name another file")
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            if number == 1:
                _check(entry, path, header)
            else:
                records.append(Record.from_json(entry))
        except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as fault:
            raise ValueError(
                f"{path}: got a journal that is damaged in line {number} ({fault}), expected one "
                "JSON object a line; delete the line, or start anew with another file"
            ) from fault
    file.seek(-len(torn), os.SEEK_END)
    file.truncate()
    return records


def _check(found: dict[str, Any], path: Path, header: dict[str, Any]) -> None:
    if found["format"] != FORMAT:
        raise ValueError(
            f"{path}: got a journal of format {found['format']!r}, expected {FORMAT}; use another "
            "file, or the mlpcore that wrote it"
        )
    if found["sweep"] != header["sweep"]:
        raise ValueError(
            f"{path}: got the journal of another sweep, expected one of the same space, data and "
            "settings; name another file"
        )
