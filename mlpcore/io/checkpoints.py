"""Checkpoints: the last few states of a long run, each a safetensors file written whole."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlpcore.backend.extras import require, version
from mlpcore.io.files import StrPath, remove_leftovers, write_atomically
from mlpcore.io.models import CHECKSUM, ENTRY, checksum

#: The version of what the files say; raised when older libraries could not read it rightly.
FORMAT = 1
_NAME = re.compile(r"checkpoint-(\d{12})\.safetensors")

Contents = tuple[dict[str, Any], dict[str, np.ndarray]]


class Checkpoints:
    """The checkpoints of one run in a directory, numbered in the order in which they were made.

    Args:
        directory: made where it is missing. What a killed process left half-written is removed.
        keep: how many of the last to keep.

    Raises:
        OSError: if the directory cannot be made, as the system says.
        ImportError: without safetensors.
    """

    def __init__(self, directory: StrPath, keep: int):
        require("safetensors.numpy", "io")
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._keep = keep
        remove_leftovers(self.directory, "checkpoint-*.safetensors")

    def save(
        self, number: int, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
    ) -> None:
        """Write a checkpoint, and remove those that are too old.

        Raises:
            OSError: if the file cannot be written, as the system says; the others are still there.
        """
        described = {"format": FORMAT, "version": version("mlpcore"), **description}
        text = json.dumps({**described, CHECKSUM: checksum(described, tensors)})
        contents = require("safetensors.numpy", "io").save(dict(tensors), metadata={ENTRY: text})
        write_atomically(self.directory / f"checkpoint-{number:012d}.safetensors", contents)
        self._prune(number)

    def newest(self) -> Contents | None:
        """The description and the tensors of the newest sound checkpoint, or ``None`` without any.

        Raises:
            ValueError: where there are checkpoints but none is sound, or one of a newer format.
        """
        found = self._files()
        for number in sorted(found, reverse=True):
            try:
                return _read(found[number])
            except _Damaged as fault:
                warnings.warn(
                    f"{found[number]}: got a damaged checkpoint ({fault}); the one before is taken",
                    RuntimeWarning,
                    stacklevel=2,
                )
        if found:
            raise ValueError(
                f"{self.directory}: got damaged checkpoints only, expected a sound one; remove "
                "them to begin anew"
            )
        return None

    def _files(self) -> dict[int, Path]:
        named = ((path, _NAME.fullmatch(path.name)) for path in self.directory.iterdir())
        return {int(match[1]): path for path, match in named if match}

    def _prune(self, newest: int) -> None:
        """Whatever has a higher number than the newest was damaged, and passed over."""
        found = self._files()
        kept = sorted(number for number in found if number <= newest)[-self._keep :]
        for number in found.keys() - set(kept):
            found[number].unlink(missing_ok=True)


class _Damaged(Exception):
    """A file that does not hold what was once written."""


def _read(path: Path) -> Contents:
    safetensors = require("safetensors", "io")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            description: dict[str, Any] = json.loads(file.metadata()[ENTRY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            told, found = description[CHECKSUM], checksum(description, tensors)
    except (
        safetensors.SafetensorError,
        LookupError,
        OSError,
        RecursionError,
        TypeError,
        ValueError,
    ) as fault:
        raise _Damaged(str(fault)) from fault
    if told != found:
        raise _Damaged("its checksum is not that of its contents")
    if description.get("format") != FORMAT:
        raise ValueError(
            f"{path}: got a checkpoint of format {description.get('format')!r} written by mlpcore "
            f"{description.get('version')}, expected format {FORMAT}; use that version"
        )
    return description, tensors
