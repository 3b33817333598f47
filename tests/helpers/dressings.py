"""The same numbers in every form that users bring them in, and forms that hold no numbers."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

Dressing = Callable[[np.ndarray], Any]


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _unaligned(a: np.ndarray) -> np.ndarray:
    memory = np.zeros(a.nbytes + 1, np.uint8)
    view = memory[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def _spread(a: np.ndarray) -> np.ndarray:
    """Every second element of a larger array, in every axis."""
    if not a.ndim:
        return a
    larger = np.full([2 * size for size in a.shape], np.nan)
    view = larger[tuple(slice(None, None, 2) for _ in a.shape)]
    view[...] = a
    return view


def _readonly(a: np.ndarray) -> np.ndarray:
    a = a.copy()
    a.flags.writeable = False
    return a


def _mapped(a: np.ndarray) -> np.ndarray:
    if not a.size:
        return a
    with tempfile.NamedTemporaryFile() as file:
        file.write(np.ascontiguousarray(a).tobytes())
        file.flush()
        return np.memmap(file.name, a.dtype, "r", shape=a.shape)


def _tuples(a: np.ndarray) -> Any:
    return tuple(map(_tuples, a)) if a.ndim else float(a)


#: Forms of any numbers, none of which is lost.
FORMS: dict[str, Dressing] = {
    "plain": lambda a: a,
    "Fortran order": np.asfortranarray,
    "negative strides": lambda a: a[(slice(None, None, -1),) * a.ndim].copy()[
        (slice(None, None, -1),) * a.ndim
    ],
    "spread": _spread,
    "unaligned": _unaligned,
    "read-only": _readonly,
    "mapped": _mapped,
    "other byte order": lambda a: a.astype(">f8"),
    "long double": lambda a: a.astype(np.longdouble),
    "objects": lambda a: a.astype(object),
    "a record array": lambda a: a.view(np.recarray),
    "lists": lambda a: a.tolist(),
    "tuples": _tuples,
    "rows": lambda a: list(a) if a.ndim else a,
    "a memory view": lambda a: memoryview(np.ascontiguousarray(a)),
}
if _has("array_api_strict"):
    import array_api_strict

    FORMS["array_api_strict"] = lambda a: array_api_strict.asarray(a.copy())
if _has("torch"):
    import torch

    FORMS["torch"] = lambda a: torch.tensor(np.ascontiguousarray(a))
if _has("pandas"):
    import pandas

    def frame(a: np.ndarray, dtype: Any = None) -> Any:
        """A data frame of two axes, a series of one; other shapes as they are."""
        if a.ndim not in (1, 2):
            return a
        made = pandas.DataFrame(a) if a.ndim == 2 else pandas.Series(a)
        return made if dtype is None else made.astype(dtype)

    FORMS["a data frame"] = frame
    FORMS["a data frame of Float64"] = lambda a: frame(a, "Float64")
    FORMS["a data frame of Arrow's"] = lambda a: frame(a, "double[pyarrow]")
    FORMS["a sparse data frame"] = lambda a: frame(a, pandas.SparseDtype("float64"))

#: Types that hold some numbers, rounded; beyond their range NumPy's conversion has the say.
TYPES: dict[str, Dressing] = {
    dtype: lambda a, dtype=dtype: a.astype(dtype)
    for dtype in (
        *("float32", ">f4", "float16", "int8", "int16", "int32", "int64", ">i4"),
        *("uint8", "uint16", "uint32", "uint64", "bool"),
    )
}
if _has("pandas"):
    TYPES["Int64"] = lambda a: frame(np.nan_to_num(a).astype("int64"), "Int64")
    TYPES["boolean"] = lambda a: frame(a.astype(bool), "boolean")
    TYPES["category"] = lambda a: frame(np.nan_to_num(a).round(1), "category")
if _has("torch"):
    TYPES["torch.float16"] = lambda a: torch.tensor(np.ascontiguousarray(a)).half()
    TYPES["torch.int32"] = lambda a: torch.tensor(np.nan_to_num(a).astype("int32"))


def _pickled_trap(a: np.ndarray) -> Any:
    class Trap:
        def __array__(self, *_: Any, **__: Any) -> np.ndarray:
            raise RuntimeError("this array cannot be made")

    return Trap()


#: What holds no real numbers, or hides that some are missing; always refused.
STRANGE: dict[str, Dressing] = {
    "complex": lambda a: a + 0j,
    "complex objects": lambda a: (a + 0j).astype(object),
    "words": lambda a: a.astype(str),
    "bytes": lambda a: a.astype("S"),
    "words as objects": lambda a: a.astype(str).astype(object),
    "dates": lambda a: np.zeros(a.shape, "datetime64[s]"),
    "durations": lambda a: np.zeros(a.shape, "timedelta64[s]"),
    "records": lambda a: np.zeros(a.shape, [("x", float)]),
    "masked": lambda a: np.ma.masked_array(a, mask=np.arange(a.size).reshape(a.shape) == 0),
    "masked rows": lambda a: list(np.ma.masked_array(np.atleast_2d(a), mask=False)),
    "a generator": lambda a: (row for row in np.atleast_1d(a)),
    "a set": lambda a: {1.0, 2.0},
    "a mapping": lambda a: {"x": 1.0},
    "an object": lambda a: object(),
    "an array that cannot be made": _pickled_trap,
    "ragged": lambda a: [[1.0], [1.0, 2.0]],
    "far too deep": lambda a: np.zeros((1,) * 64).tolist(),
    "huge integers": lambda a: np.full(a.shape, 10**400, dtype=object),
    "nothing": lambda a: None,
    "missing": lambda a: np.full(a.shape, None),
}
if _has("pandas"):
    STRANGE["a data frame of dates"] = lambda a: frame(np.zeros(a.shape, "datetime64[s]"))
    STRANGE["a data frame of words"] = lambda a: frame(a.astype(str), "string")
    STRANGE["NA"] = lambda a: frame(np.full(a.shape, pandas.NA, dtype=object))
    STRANGE["NA of Float64"] = lambda a: frame(np.full(a.shape, np.nan), "Float64")
if _has("scipy"):
    import scipy.sparse

    STRANGE["sparse"] = lambda a: scipy.sparse.csr_matrix(np.atleast_2d(a))
if _has("torch"):
    STRANGE["torch.bfloat16"] = lambda a: torch.tensor(np.ascontiguousarray(a)).bfloat16()
    STRANGE["torch.complex64"] = lambda a: torch.tensor(a + 0j).to(torch.complex64)
    STRANGE["torch with gradients"] = lambda a: torch.tensor(
        np.ascontiguousarray(a), requires_grad=True
    )
