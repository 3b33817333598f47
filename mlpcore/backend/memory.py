"""Memory of the host: arrays on cache lines, and any library's array as NumPy's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mlpcore.backend.namespaces import Array

#: Buffers start at multiples of so many bytes: a cache line, and a CUDA vector access.
ALIGNMENT = 64


def aligned_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """A NumPy array of zeros whose first byte lies on a cache line.

    >>> aligned_zeros((3, 5), np.dtype("float32")).ctypes.data % ALIGNMENT
    0
    """
    size = math.prod(shape) * dtype.itemsize
    memory = np.zeros(size + ALIGNMENT, dtype=np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def to_numpy(array: Array) -> np.ndarray:
    """Any library's array in the host's memory."""
    if hasattr(array, "get") and hasattr(array, "device"):
        return np.asarray(array.get())
    try:
        return np.asarray(array)
    except (TypeError, RuntimeError):
        return np.from_dlpack(array)


def address(array: np.ndarray) -> int:
    """Where the first number lies: the same for a view with further axes of length one."""
    return int(array.ctypes.data)
