"""Models: networks kept in safetensors files, which hold numbers and text but never code.

The file's metadata has one entry, ``mlpcore``: a JSON text with the format's version, the library's
version, the network's configuration, the preprocessing where there is one, and a checksum of all
that and of the tensors.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from mlpcore.backend.devices import backend as find_backend
from mlpcore.backend.extras import require, version
from mlpcore.io.files import StrPath, write_atomically
from mlpcore.io.preprocessing import Preprocessing
from mlpcore.network.sizes import checked_sizes, widest

#: The version of what the metadata says; raised when older libraries could not read it rightly.
FORMAT = 1
ENTRY = "mlpcore"
CHECKSUM = "crc32"


class Saveable(Protocol):
    """What a network shows of itself to be kept in a file."""

    @property
    def configuration(self) -> dict[str, Any]:
        """The keyword arguments that make a network like it."""

    def tensors(self) -> dict[str, np.ndarray]:
        """Copies of its values by name."""

    def set_tensors(self, tensors: dict[str, np.ndarray]) -> None:
        """Take values over."""


N = TypeVar("N", bound=Saveable)


def save(network: Saveable, path: StrPath, preprocessing: Preprocessing | None = None) -> None:
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
        "version": version("mlpcore"),
        "configuration": network.configuration,
        "preprocessing": preprocessing.state() if preprocessing else None,
    }
    tensors = network.tensors()
    text = json.dumps({**description, CHECKSUM: checksum(description, tensors)})
    contents = require("safetensors.numpy", "io").save(tensors, metadata={ENTRY: text})
    write_atomically(path, contents)


def load(build: Callable[..., N], path: StrPath, backend: Any = "cpu") -> N:
    """Read a network from a safetensors file.

    Nothing in the file is run, and its tensors are compared with its configuration before the
    network is made, so that no file makes it larger than the file itself.

    Args:
        build: makes a network of a configuration, such as `mlpcore.MLP` itself.
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
    path = Path(path)
    find_backend(backend)
    with _opened(path) as file:
        description = _description(file, path)
        configuration = description["configuration"]
        _check_shapes(file, configuration, path)
        tensors = _tensors(file, description, path)
    try:
        network = build(**configuration, backend=backend)
        network.set_tensors(tensors)
    except (
        AttributeError,
        LookupError,
        MemoryError,
        RecursionError,
        TypeError,
        ValueError,
    ) as fault:
        raise _damaged(path, f"its configuration or its tensors do not fit: {fault}") from fault
    return network


def load_preprocessing(path: StrPath) -> Preprocessing | None:
    """Read the preprocessing that was saved with a network, or ``None`` if there was none.

    Raises:
        OSError, ValueError, ImportError: as `load` does.
    """
    path = Path(path)
    with _opened(path) as file:
        state = _description(file, path).get("preprocessing")
    if state is None:
        return None
    try:
        return Preprocessing.from_state(state)
    except ValueError as fault:
        raise _damaged(path, str(fault)) from fault


def _opened(path: Path) -> Any:
    safetensors = require("safetensors", "io")
    path.open("rb").close()
    try:
        return safetensors.safe_open(path, framework="numpy")
    except (safetensors.SafetensorError, OSError, ValueError) as fault:
        raise ValueError(
            f"{path}: got a file that is truncated or not a safetensors file ({fault}), "
            "expected a model saved by mlpcore"
        ) from fault


def _description(file: Any, path: Path) -> dict[str, Any]:
    text = (file.metadata() or {}).get(ENTRY)
    if text is None:
        raise ValueError(
            f"{path}: got a safetensors file of another program, expected a model saved by mlpcore"
        )
    try:
        description: dict[str, Any] = json.loads(text)
        version = description["format"]
        if not isinstance(description["configuration"], dict):
            raise TypeError("its configuration is no mapping")
    except (LookupError, RecursionError, TypeError, ValueError) as fault:
        raise _damaged(path, f"its metadata cannot be read: {fault}") from fault
    if version != FORMAT:
        raise ValueError(
            f"{path}: got a model of format {version!r} written by mlpcore "
            f"{description.get('version')}, expected format {FORMAT}; use a newer mlpcore"
        )
    return description


def _check_shapes(file: Any, configuration: Mapping[str, Any], path: Path) -> None:
    """Hold the file's weights against the sizes that the configuration asks for."""
    given, members = configuration.get("sizes"), configuration.get("members")
    stack = [] if members is None else [members]
    dtype = {"float32": "F32", "float64": "F64"}.get(str(configuration.get("dtype")))
    names = set(file.keys())
    try:
        sizes = widest(checked_sizes(given, members))
    except (TypeError, ValueError) as fault:
        raise _damaged(path, f"it has sizes {given!r}, expected two or more") from fault
    for layer, shape in enumerate(pairwise(sizes)):
        name = f"layers.{layer}.weight"
        found = file.get_slice(name) if name in names else None
        if found is None or found.get_shape() != [*stack, *shape] or found.get_dtype() != dtype:
            got = f"{found.get_dtype()} {found.get_shape()}" if found else "nothing"
            raise _damaged(path, f"{name} holds {got}, expected {dtype} {[*stack, *shape]}")


def _tensors(file: Any, description: Mapping[str, Any], path: Path) -> dict[str, np.ndarray]:
    names = file.keys()
    tensors = {name: file.get_tensor(name) for name in names}
    if description.get(CHECKSUM) != checksum(description, tensors):
        raise _damaged(path, "its checksum is not that of its contents")
    return tensors


def checksum(description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> str:
    """The CRC-32 of a description, its own checksum left aside, and of the tensors."""
    rest = {name: value for name, value in description.items() if name != CHECKSUM}
    value = zlib.crc32(json.dumps(rest, sort_keys=True).encode())
    for name in sorted(tensors):
        value = zlib.crc32(tensors[name].tobytes(), value)
    return f"{value:08x}"


def _damaged(path: Path, reason: str) -> ValueError:
    return ValueError(f"{path}: got a damaged model, {reason}; save it anew")
