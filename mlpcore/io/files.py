"""Files: written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

StrPath = str | os.PathLike[str]

#: How the name of a file ends that is not whole yet.
TEMPORARY = ".tmp"
#: A message that quotes more of a file than this helps nobody.
LONGEST = 300


def check_readable(path: StrPath) -> None:
    """Check that a file can be read to its end; a FIFO or a device might never come to one.

    Raises:
        OSError: as the system says, or for what is no file.
    """
    path = Path(path)
    if stat.S_IFMT(path.stat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
        raise OSError(errno.EINVAL, "got a FIFO or a device, expected a file", str(path))
    path.open("rb").close()


def write_atomically(path: StrPath, contents: bytes) -> None:
    """Write a file so that its name holds the old contents or all of the new, even after a crash.

    The contents go to a temporary file beside it, reach the disk, and then take the name.

    Args:
        path: the file; one that is there is replaced.
        contents: what to write.

    Raises:
        OSError: as the system says, with the file's name; no temporary file is left behind then.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path}: got a directory, expected the name of a file to write")
    if path.exists() and not path.is_file():
        raise FileExistsError(f"{path}: got a FIFO or a device, expected a file to replace")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: got no directory {str(path.parent)!r}; make it first")
    temporary = path.with_name(f".{path.name[:32]}.{secrets.token_hex(8)}{TEMPORARY}")
    try:
        with temporary.open("xb") as file:
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as fault:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(fault, OSError):
            fault.filename = str(path)
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


def brief(said: object) -> str:
    """The first line of what a file, or a library about it, says; and not all of a long one.

    >>> brief(ValueError("no such thing")), brief(KeyError())
    ('no such thing', 'KeyError')
    """
    line = str(said).strip().partition("\n")[0] or type(said).__name__
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
