"""Whatever a user calls numbers, as an array of finite real numbers, or a clear refusal."""

from __future__ import annotations

import reprlib
from contextlib import suppress
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from mlpcore.backend.devices import HOST, Backend
from mlpcore.backend.dispatch import Array
from mlpcore.backend.memory import to_numpy

#: What is looked at in one go, of an array that may be larger than the memory.
PIECE_BYTES = 1 << 26
#: What the elements of an array of objects may be; ``None`` is a missing number.
NUMBERS = (Real, Decimal, np.bool_, type(None))


def finite_numbers(name: str, values: Any, backend: Backend, dtype: str) -> Array:
    """``values`` as a contiguous array of the backend in ``dtype``, every element finite.

    Raises:
        TypeError: for what is not an array of real numbers.
        ValueError: for NaN or an infinity, also one that arises in the conversion.
    """
    return converted(name, readable(name, values, backend), backend, dtype)


def readable(name: str, values: Any, backend: Backend) -> Array:
    """``values`` as an array of real numbers: the backend's own as it is, else NumPy's.

    Nothing is copied that is such an array already.

    Raises:
        TypeError: for anything else.
    """
    values = backend.adopted(values)
    if not backend.holds(values):
        return host_numbers(name, values)
    if not backend.xp.isdtype(values.dtype, ("bool", "integral", "real floating")):
        raise _not_real(name, values.dtype)
    return values


def converted(name: str, values: Array, backend: Backend, dtype: str, *, first: int = 0) -> Array:
    """What is `readable`, contiguous and in ``dtype``; its rows are those from ``first`` on."""
    with np.errstate(over="ignore"):
        if not backend.holds(values):
            values = np.require(values, dtype, ("C", "A"))
        array = backend.asarray(values, dtype)
    check_finite(name, array, backend, dtype, first=first)
    return array


def check_finite(name: str, array: Array, backend: Backend, dtype: str, *, first: int = 0) -> None:
    """Refuse NaN and infinities; the rows are those from ``first`` on."""
    finite = backend.xp.isfinite(array)
    if bool(backend.xp.all(finite)):
        return
    where = [int(i) for i in np.argwhere(~backend.to_numpy(finite))[0]]
    if first:
        where[-2] += first
    raise ValueError(
        f"got {name} with a value that is NaN, infinite or beyond {dtype} at index "
        f"{tuple(where)}, expected finite numbers; fill or drop such rows first"
    )


def check_piece_by_piece(name: str, array: np.ndarray, dtype: str) -> None:
    """Refuse NaN, infinities and what is beyond ``dtype`` in an array of the host of any size."""
    piece = max(1, PIECE_BYTES // max(1, array[..., :1, :].nbytes))
    for first in range(0, array.shape[-2], piece):
        with np.errstate(over="ignore"):
            part = array[..., first : first + piece, :].astype(dtype, copy=False)
        check_finite(name, part, HOST, dtype, first=first)


def host_numbers(name: str, values: Any) -> np.ndarray:
    """``values`` as a NumPy array of real numbers.

    Raises:
        TypeError: for anything else.
    """
    if hasattr(values, "toarray"):
        raise TypeError(f"got a sparse {name}, expected a dense array; call {name}.toarray() first")
    rows = values if isinstance(values, (list, tuple)) else ()
    if any(isinstance(part, np.ma.MaskedArray) for part in (values, *rows)):
        raise TypeError(
            f"got a masked {name}, expected a plain array; fill the masked values first"
        )
    try:
        array = to_numpy(values)
    except Exception as fault:
        raise TypeError(
            f"got {name} that NumPy makes no array of ({fault}), expected a rectangular array of "
            "numbers"
        ) from fault
    if array.dtype == object:
        array = _unboxed(name, array)
    if array.dtype.kind not in "biuf":
        raise _not_real(name, array.dtype)
    return array


def _unboxed(name: str, array: np.ndarray) -> np.ndarray:
    strange = next((value for value in array.flat if not isinstance(value, NUMBERS)), None)
    if strange is not None:
        raise _not_real(name, f"object with {reprlib.repr(strange)} in it")
    with suppress(OverflowError, ValueError):
        return array.astype(np.float64)
    return array


def _not_real(name: str, dtype: Any) -> TypeError:
    return TypeError(
        f"got {name} of dtype {dtype}, expected real numbers; number names first, by "
        "numpy.unique(names, return_inverse=True)[1]"
    )
