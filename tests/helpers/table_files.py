"""Tables' files that no library would write."""

from __future__ import annotations

import io
import warnings
import zipfile
from typing import Any


def npy(descr: Any, shape: Any, numbers: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """An NPY file that declares this type and this shape, whatever numbers follow."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY" + bytes(version) + len(header).to_bytes(2, "little") + header + numbers


def archive(*members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A ZIP file of these members; a name may come twice."""
    contents = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(contents, "w", compression) as file:
            for name, data in members:
                file.writestr(name, data)
    return contents.getvalue()


def npz(descr: Any, shape: Any, numbers: bytes = b"", **options: Any) -> bytes:
    """An NPZ file of the one array ``x``."""
    return archive(("x.npy", npy(descr, shape, numbers)), **options)
