"""Model files taken apart and put together again, with a right checksum and without."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from mlpcore.io import models

DTYPES = {"float32": "F32", "float64": "F64", "int32": "I32"}


def parts(contents: bytes) -> tuple[dict[str, Any], bytes]:
    """The header and the numbers behind it."""
    (length,) = struct.unpack("<Q", contents[:8])
    return json.loads(contents[8 : 8 + length]), contents[8 + length :]


def whole(header: Any, numbers: bytes = b"") -> bytes:
    """The reverse of `parts`; a header may also be text."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def description(contents: bytes) -> dict[str, Any]:
    """What the metadata say."""
    return json.loads(parts(contents)[0]["__metadata__"][models.ENTRY])


def tensors(contents: bytes) -> dict[str, np.ndarray]:
    """The tensors by name."""
    header, numbers = parts(contents)
    names = {text: name for name, text in DTYPES.items()}
    found = {}
    for name, entry in header.items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            array = np.frombuffer(numbers[first:last], names[entry["dtype"]])
            found[name] = array.reshape(entry["shape"])
    return found


def forged(
    description: Any, tensors: dict[str, np.ndarray], text: str | None = None, sign: bool = True
) -> bytes:
    """A file with these contents, or with this text for a description, whose checksum is right."""
    if sign and isinstance(description, dict):
        description = {**description, models.CHECKSUM: models.checksum(description, tensors)}
    header: dict[str, Any] = {
        "__metadata__": {models.ENTRY: json.dumps(description) if text is None else text}
    }
    numbers = b""
    for name, array in tensors.items():
        header[name] = {
            "dtype": DTYPES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [len(numbers), len(numbers) + array.nbytes],
        }
        numbers += array.tobytes()
    return whole(header, numbers)
