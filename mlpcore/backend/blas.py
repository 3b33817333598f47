"""Finds a BLAS for the native kernels: the functions themselves, to be called without Python.

SciPy hands out its BLAS by capsules, a documented use; without SciPy the copy inside NumPy's wheels
serves. Where there is neither, the kernels' own products do all the work.
"""

from __future__ import annotations

import ctypes
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PREFIXES = ("scipy_", "")
_SUFFIXES = ("", "64_", "_64_")


@dataclass(frozen=True)
class Blas:
    """Addresses of Fortran ``sgemm`` and ``dgemm``, and of what sets the number of threads.

    Attributes:
        origin: where it was found, for ``mlpcore info``.
        integer_bytes: 4, or 8 where the library counts in 64 bits.
        set_threads: address of ``openblas_set_num_threads``, 0 where there is none.
        get_threads: address of ``openblas_get_num_threads``, 0 where there is none.
    """

    origin: str
    sgemm: int
    dgemm: int
    integer_bytes: int
    set_threads: int = 0
    get_threads: int = 0


def find_blas() -> Blas | None:
    """Return SciPy's BLAS, else NumPy's own copy, else ``None``."""
    return _from_scipy() or _from_numpy()


def _from_scipy() -> Blas | None:
    if importlib.util.find_spec("scipy") is None:
        return None
    from scipy.linalg import cython_blas

    table = cython_blas.__pyx_capi__
    threads = _thread_functions(_bundled("scipy"))
    return Blas("scipy", _pointer(table["sgemm"]), _pointer(table["dgemm"]), 4, *threads)


def _from_numpy() -> Blas | None:
    library = _bundled("numpy")
    if library is None:
        return None
    for prefix in _PREFIXES:
        for suffix in ("_64_", "_"):
            sgemm = _address(library, f"{prefix}sgemm{suffix}")
            dgemm = _address(library, f"{prefix}dgemm{suffix}")
            if sgemm and dgemm:
                width = 8 if suffix == "_64_" else 4
                return Blas("numpy", sgemm, dgemm, width, *_thread_functions(library))
    return None


def _pointer(capsule: Any) -> int:
    """The address inside a capsule, whose name is the C signature."""
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return int(api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule)))


def _bundled(package: str) -> ctypes.CDLL | None:
    """The OpenBLAS inside the wheel of ``package``, which its import has loaded already."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    root = Path(spec.origin).parent
    for folder in (root.parent / f"{package}.libs", root / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")):
            try:
                return ctypes.CDLL(str(path))
            except OSError:
                continue
    return None


def _thread_functions(library: ctypes.CDLL | None) -> tuple[int, int]:
    if library is None:
        return 0, 0
    for prefix in _PREFIXES:
        for suffix in _SUFFIXES:
            setter = _address(library, f"{prefix}openblas_set_num_threads{suffix}")
            getter = _address(library, f"{prefix}openblas_get_num_threads{suffix}")
            if setter and getter:
                return setter, getter
    return 0, 0


def _address(library: ctypes.CDLL, name: str) -> int:
    try:
        return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
    except AttributeError:
        return 0
