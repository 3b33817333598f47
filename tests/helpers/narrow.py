"""Matrices in smaller types, by NumPy."""

from __future__ import annotations

import numpy as np


def rounded(x: np.ndarray) -> np.ndarray:
    """To the nearest bfloat16, ties to even."""
    bits = x.astype(np.float32).view(np.uint32).astype(np.uint64)
    bits = bits + 0x7FFF + (bits >> 16 & 1)
    return (bits >> 16 << 16).astype(np.uint32).view(np.float32)


def halves(x: np.ndarray) -> np.ndarray:
    """To the nearest float16, ties to even, and NaN where there is none."""
    with np.errstate(over="ignore"):
        near = x.astype(np.float16)
    return np.where(np.isfinite(near), near, np.float16("nan"))


def scales(x: np.ndarray) -> np.ndarray:
    """The powers of two that bring members' largest numbers to [2^14, 2^15)."""
    return np.exp2(14 - np.floor(np.log2(np.max(np.abs(x), axis=(-2, -1)))))
