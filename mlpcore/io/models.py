"""Models: networks kept in safetensors files, which hold numbers and text but never code.

The file's metadata has one entry, ``mlpcore``: a JSON text with the format's version, the library's
version, the network's configuration, the preprocessing where there is one, and a checksum of all
that and of the tensors. Whatever else a file holds, reading it takes memory in proportion to its
size and ends in a network or in an error that names it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from mlpcore.backend.devices import backend as find_backend
from mlpcore.backend.extras import require
from mlpcore.io.files import StrPath, brief, check_readable, write_atomically
from mlpcore.io.preprocessing import Preprocessing
from mlpcore.network import Network
from mlpcore.version import __version__

#: The version of what the metadata says; raised when older libraries could not read it rightly.
FORMAT = 1
ENTRY = "mlpcore"
CHECKSUM = "crc32"

N = TypeVar("N", bound=Network)


def save(network: Network, path: StrPath, preprocessing: Preprocessing | None = None) -> None:
    """Write a network to a safetensors file, atomically.

    Args:
        network: a single network or a stack, on any backend.
        path: the file; one that is there is replaced.
        preprocessing: what turns a table into the network's input.

    Raises:
        OSError: if the file cannot be written; what was there before is still there then.
        ImportError: without safetensors.
    """
    description = {
        "format": FORMAT,
        "version": __version__,
        "configuration": network.configuration,
        "preprocessing": preprocessing.state() if preprocessing else None,
    }
    tensors = network.tensors()
    text = json.dumps({**description, CHECKSUM: checksum(description, tensors)})
    contents = require("safetensors.numpy", "io").save(tensors, metadata={ENTRY: text})
    write_atomically(path, contents)


def load(kind: type[N], path: StrPath, backend: Any = "cpu") -> N:
    """Read a network from a safetensors file.

    Nothing in the file is run, and its tensors are compared with its configuration before the
    network is made, so that no file makes it larger than the file itself.

    Args:
        kind: the class of the network, such as `mlpcore.MLP`.
        path: the file.
        backend: where the network shall live.

    Returns:
        The network.

    Raises:
        OSError: if the file cannot be opened, as the system says.
        ValueError: for a truncated, foreign or damaged file, or an unknown backend.
        RuntimeError: for a GPU that is not there.
        ImportError: without safetensors.
    """
    place = find_backend(backend)
    description, tensors = _read(path)
    with _damage(path, "its configuration and its tensors do not fit"):
        network = kind.from_tensors(description["configuration"], tensors)
    return network if network.backend == place else network.to(place)


def load_preprocessing(path: StrPath) -> Preprocessing | None:
    """Read the preprocessing that was saved with a network, or ``None`` if there was none.

    Raises:
        OSError, ValueError, ImportError: as `load` does.
    """
    state = _read(path)[0].get("preprocessing")
    with _damage(path, "its preprocessing cannot be read"):
        return None if state is None else Preprocessing.from_state(state)


def _read(path: StrPath) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The description and the tensors, as they were written."""
    safetensors = require("safetensors", "io")
    check_readable(path)
    try:
        file = safetensors.safe_open(path, framework="numpy")
    except (safetensors.SafetensorError, OSError, ValueError) as fault:
        raise ValueError(
            f"{path}: got a file that is truncated or not a safetensors file ({brief(fault)}), "
            "expected a model saved by mlpcore"
        ) from fault
    with file:
        text = (file.metadata() or {}).get(ENTRY)
        if text is None:
            raise ValueError(
                f"{path}: got a safetensors file of another program, expected a model saved by "
                "mlpcore"
            )
        with _damage(path, "its metadata cannot be read"):
            description = json.loads(text, object_pairs_hook=_each_once)
            newer = description["format"] > FORMAT
        if newer:
            raise ValueError(
                f"{path}: got a model of format {brief(description['format'])}, expected {FORMAT}; "
                f"use mlpcore {brief(description.get('version'))}, which wrote it, or a newer one"
            )
        with _damage(path, "its contents are not whole"):
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            # Other packages teach NumPy types that it lacks.
            if any(tensor.dtype.isbuiltin != 1 for tensor in tensors.values()):
                raise ValueError("a tensor is of a type that NumPy lacks")
            if description[CHECKSUM] != checksum(description, tensors):
                raise ValueError("the checksum is another")
            if description["format"] != FORMAT:
                raise ValueError(f"there never was a format {description['format']}")
    return description, tensors


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object of which no name comes twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found


@contextmanager
def _damage(path: StrPath, what: str) -> Iterator[None]:
    """Whatever goes wrong with the contents of a file is the file's fault."""
    try:
        yield
    except Exception as fault:
        raise ValueError(
            f"{path}: got a damaged model, {what}: {brief(fault)}; save it anew"
        ) from fault


def checksum(description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> str:
    """The CRC-32 of a description, its own checksum left aside, and of the tensors."""
    rest = {name: value for name, value in description.items() if name != CHECKSUM}
    value = zlib.crc32(json.dumps(rest, sort_keys=True).encode())
    for name in sorted(tensors):
        value = zlib.crc32(tensors[name].tobytes(), value)
    return f"{value:08x}"
