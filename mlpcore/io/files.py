"""Files: written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

StrPath = str | os.PathLike[str]

#: How the name of a file ends that is not whole yet.
TEMPORARY = ".tmp"


def write_atomically(path: StrPath, contents: bytes) -> None:
    """Write a file so that its name holds the old contents or all of the new, even after a crash.

    The contents go to a temporary file beside it, reach the disk, and then take the name.

    Args:
        path: the file; one that is there is replaced.
        contents: what to write.

    Raises:
        OSError: as the system says; no temporary file is left behind then.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path}: got a directory, expected the name of a file to write")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: got no directory {str(path.parent)!r}; make it first")
    temporary = path.with_name(f".{path.name[:64]}.{secrets.token_hex(8)}{TEMPORARY}")
    try:
        with temporary.open("xb") as file:
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _flush_directory(path.parent)


def remove_leftovers(directory: Path, names: str) -> None:
    """Remove what a killed process left of files that it was writing.

    Args:
        directory: where it wrote.
        names: a pattern of the files' own names; nobody may be writing such files now.
    """
    for path in directory.glob(f".{names}.*{TEMPORARY}"):
        path.unlink(missing_ok=True)


def _flush_directory(directory: Path) -> None:
    """Make the new name itself reach the disk, where directories can be opened (not on Windows)."""
    if os.name != "posix":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
