"""The text of the CUDA kernels as one piece, headers included."""

from __future__ import annotations

import functools
import re
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

_INCLUDE = re.compile(r'#include "((?:mlpcore|cuda)/\w+\.h)"')


@functools.cache
def root() -> Traversable:
    """The folder of the kernels: package data, or beside the package in a checkout."""
    packaged = resources.files("mlpcore") / "kernels"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "kernels"


def files() -> list[str]:
    """The names of the files with kernels, without their ending."""
    found = (entry.name for entry in (root() / "cuda").iterdir())
    return sorted(name.removesuffix(".cu") for name in found if name.endswith(".cu"))


def translation_unit(file: str, storage: str, only: str = "") -> str:
    """A file of kernels for one storage type, with the headers' text in the place of their names.

    CuPy keeps what it compiled under a hash of the source alone, so an included header that
    changed would not be compiled again.

    Args:
        file: the name without its ending, such as ``"softmax"``.
        storage: ``"f32"``, ``"f64"``, ``"f16"``, ``"bf16"``, or ``"i64"`` for the gathering.
        only: the one function to compile of a file with many, as in ``"relu, Relu"``: much faster.

    >>> "tanh" in translation_unit("dropout", "f32")
    False
    """
    chosen = [
        f"#define MLPCORE_STORAGE {storage}",
        *([f"#define MLPCORE_ONLY {only}"] * bool(only)),
    ]
    return "\n".join([*chosen, *_lines(f"cuda/{file}.cu", set()), ""])


def _lines(name: str, seen: set[str]) -> list[str]:
    lines = [f'#line 1 "{name}"']
    for number, line in enumerate(_text(name).splitlines(), start=1):
        included = _INCLUDE.match(line)
        if included is None:
            lines.append("" if line == "#pragma once" else line)
        elif included[1] not in seen:
            seen.add(included[1])
            lines += [*_lines(included[1], seen), f'#line {number + 1} "{name}"']
    return lines


@functools.cache
def _text(name: str) -> str:
    folder = root() / "include" if name.startswith("mlpcore/") else root()
    return folder.joinpath(*name.split("/")).read_text(encoding="utf-8")
