"""Which array library do these arrays belong to?

The only place, together with the rest of this package, where a library's name matters.
"""

from __future__ import annotations

from typing import Any

import numpy as np

#: An array of any library that follows the Python array API standard.
Array = Any
#: The module whose functions work on an array: ``numpy``, ``cupy`` behind array-api-compat, ...
Namespace = Any

_namespaces: dict[type, Namespace] = {np.ndarray: np}


def namespace(*arrays: Array | None) -> Namespace:
    """Return the array API namespace that ``arrays`` share, ``None`` and Python scalars left aside.

    NumPy 2 follows the standard by itself, so its arrays get ``numpy``; the compatibility layer,
    which costs as much to import as NumPy, is loaded for the other libraries only.

    Raises:
        TypeError: for no array at all, or for arrays of two libraries.

    >>> import numpy as np
    >>> namespace(np.zeros(3)).__name__
    'numpy'
    """
    found: Namespace = None
    for array in arrays:
        if array is None or type(array) in (bool, int, float):
            continue
        xp = _namespaces.get(type(array)) or _look_up(array)
        if found is None:
            found = xp
        elif xp is not found:
            raise TypeError(
                f"got arrays of two libraries, {_name(found)} and {_name(xp)}, expected one; "
                "convert one of them first, for example with numpy.asarray or cupy.asarray"
            )
    if found is None:
        raise TypeError("got no array, expected at least one; wrap the numbers in an array first")
    return found


def _look_up(array: Array) -> Namespace:
    from array_api_compat import array_namespace

    try:
        xp = np if isinstance(array, (np.ndarray, np.generic)) else array_namespace(array)
    except TypeError:
        raise TypeError(
            f"got {type(array).__module__}.{type(array).__name__}, expected an array of a library "
            "that follows the Python array API standard (NumPy, CuPy, Torch, JAX, ...)"
        ) from None
    _namespaces[type(array)] = xp
    return xp


def _name(xp: Namespace) -> str:
    return str(xp.__name__).removeprefix("array_api_compat.")
