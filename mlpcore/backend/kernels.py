"""The fused CPU kernels: whether they are there, and the calls that use them."""

from __future__ import annotations

import functools
import importlib
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from mlpcore.backend.checks import whole_number
from mlpcore.backend.dispatch import Array, Implementation, Primitive, providers, results
from mlpcore.backend.memory import aligned_zeros


def switched_off() -> bool:
    """Whether ``MLPCORE_KERNELS=off`` asks for the array bodies."""
    return os.environ.get("MLPCORE_KERNELS", "on") == "off"


@functools.cache
def native() -> Any:
    """The extension module, or ``None`` where it is switched off or was not built."""
    if switched_off():
        return None
    try:
        return importlib.import_module("mlpcore.backend._cpu")
    except ImportError as fault:
        what, remedy = _lack()
        warnings.warn(
            f"{what} ({fault}), so the slower array bodies serve; {remedy}, or set "
            "MLPCORE_KERNELS=off to silence this",
            RuntimeWarning,
            stacklevel=2,
        )
        return None


def _lack() -> tuple[str, str]:
    """What is wrong, and the remedy; a checkout's sources hide the package that is installed."""
    package = Path(__file__).resolve().parents[1]
    if (package.parent / "pyproject.toml").exists():
        return (
            f"got mlpcore from its sources in {package}, expected one with compiled kernels",
            "run python -P for the one that is installed, install these by pip install -e .",
        )
    return (
        "mlpcore was installed without its compiled kernels",
        "install a C++ compiler and reinstall mlpcore",
    )


@functools.cache
def products() -> str:
    """Hand the kernels a BLAS for large products, where one is faster; where it comes from.

    Looked for at the first product only: finding SciPy's costs more than importing mlpcore.
    """
    from mlpcore.backend.blas import find_blas

    blas = find_blas() if native().info()["wants_blas"] else None
    if blas is None:
        native().set_blas(0, 0, 4)
        return "own"
    native().set_blas(
        blas.sgemm, blas.dgemm, blas.integer_bytes, blas.set_threads, blas.get_threads
    )
    return blas.origin


@functools.cache
def threads() -> int:
    """How many threads the kernels may use: ``MLPCORE_THREADS``, or the processors at hand."""
    wanted = os.environ.get("MLPCORE_THREADS", "")
    if wanted:
        return whole_number("MLPCORE_THREADS", int(wanted) if wanted.isdecimal() else wanted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def status() -> dict[str, str]:
    """What `mlpcore info` tells about the kernels."""
    if native() is None:
        off = "off (MLPCORE_KERNELS=off)"
        return {"kernels": off if switched_off() else "not built; bodies serve"}
    info = native().info() | {"products": products(), "threads": threads()}
    del info["wants_blas"]
    return {"kernels": "fused"} | {
        key: ", ".join(value) if isinstance(value, list) else str(value)
        for key, value in info.items()
    }


@functools.cache
def _names() -> frozenset[str]:
    return frozenset() if native() is None else frozenset(native().names())


def _fused(primitive: Primitive, arrays: tuple[Array, ...]) -> Implementation | None:
    """The kernel of a primitive's name, where every array is one that kernels take."""
    if not all(array is None or type(array) is np.ndarray for array in arrays):
        return None
    first = next((array for array in arrays if array is not None), None)
    if first is None or first.dtype.kind not in "fi" or primitive.name not in _names():
        return None
    if primitive.name.startswith("affine"):
        products()

    def call(*arrays: Array, out: Any = None, **parameters: Any) -> Any:
        places, returned = results(primitive, arrays, out, aligned_zeros)
        try:
            native().call(primitive.name, list(arrays), places, parameters, threads())
        except (TypeError, ValueError):
            # What a kernel refuses, such as a layout that it would have to copy, the body judges.
            return primitive.run_body(*arrays, out=out, **parameters)
        return returned

    return call


def _fused_on_a_gpu(primitive: Primitive, arrays: tuple[Array, ...]) -> Implementation | None:
    """The CUDA kernels, once somebody has imported CuPy: before that no array can be its own."""
    if "cupy" not in sys.modules:
        return None
    from mlpcore.backend import cuda

    return cuda.provide(primitive, arrays)


providers += [_fused, _fused_on_a_gpu]
