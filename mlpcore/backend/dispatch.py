"""A primitive: one body in the standard's operations, and a fused form where kernels exist.

The bodies are the mathematics. Which form a call runs is decided here and nowhere else, once for
each combination of array types, dtypes and layouts, and then remembered.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from mlpcore.backend.namespaces import Array, namespace

__all__ = ["Array", "Primitive", "namespace", "primitive", "providers", "results", "write"]

Shapes = Callable[..., Any]
Implementation = Callable[..., Any]

#: Asked in turn for a faster form of a primitive: ``provider(primitive, arrays)`` or ``None``.
#: `mlpcore.backend.kernels` and `mlpcore.backend.workspace` register theirs.
providers: list[Callable[[Primitive, tuple[Array, ...]], Implementation | None]] = []


class Primitive:
    """A function of arrays that may have a fused kernel of the same name.

    Positional arguments are arrays (or ``None``); keyword arguments are parameters: numbers, or
    arrays with one value per member. ``out=`` (an array, or one per result) receives the result;
    the standard has no such argument, so it exists only here, in front of the body.

    Attributes:
        name: the name of the fused form, the same in every kernel library.
        reference: the body, in array API operations only; the tests hold every kernel to it.
        shapes: the shapes of the results from the arguments; by default that of the first.
        backward: the derivative, where there is one.

    Activations and row operations share one signature, ``backward(dy, x, y) -> dx``.
    """

    backward: Primitive
    __name__: str

    def __init__(self, body: Callable[..., Any], *, name: str = "", shapes: Shapes | None = None):
        functools.update_wrapper(self, body)
        self.name = name or body.__name__
        self.reference = body
        self.shapes = shapes or _shape_of_first
        self._chosen: dict[Hashable, Implementation] = {}

    def __call__(self, *arrays: Array, out: Any = None, **parameters: Any) -> Any:
        """Run the kernel or the body, whichever these arrays get."""
        key = tuple(map(_layout, arrays))
        implementation = self._chosen.get(key)
        if implementation is None:
            implementation = self._chosen[key] = self._choose(arrays)
        return implementation(*arrays, out=out, **parameters)

    def derivative(self, body: Callable[..., Any]) -> Primitive:
        """Declare ``body(dy, x, y)`` as the derivative; use it as a decorator."""
        return self.derivative_with(shapes=None)(body)

    def derivative_with(
        self, *, shapes: Shapes | None
    ) -> Callable[[Callable[..., Any]], Primitive]:
        """Declare a derivative with results of its own shapes; use it as a decorator."""

        def declare(body: Callable[..., Any]) -> Primitive:
            self.backward = Primitive(body, name=f"{self.name}_backward", shapes=shapes)
            return self.backward

        return declare

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def _choose(self, arrays: tuple[Array, ...]) -> Implementation:
        for provider in providers:
            implementation = provider(self, arrays)
            if implementation is not None:
                return implementation
        namespace(*arrays)  # refuses arrays of two libraries
        return self.run_body

    def run_body(self, *arrays: Array, out: Any = None, **parameters: Any) -> Any:
        """Run the body, whatever kernels there are."""
        result = self.reference(*arrays, **parameters)
        return result if out is None else write(out, result)


def primitive(*, shapes: Shapes | None = None) -> Callable[[Callable[..., Any]], Primitive]:
    """Declare a function's body as a primitive; use it as a decorator."""
    return lambda body: Primitive(body, shapes=shapes)


def results(
    primitive: Primitive, arrays: tuple[Array, ...], out: Any, allocate: Callable[..., Any]
) -> tuple[list[Any], Any]:
    """The places for a primitive's results: those of ``out``, and new ones for the rest.

    Returns:
        The places as a list, and the same as the primitive returns them.
    """
    shapes = primitive.shapes(*arrays)
    dtype = next(array for array in arrays if array is not None).dtype
    if not (shapes and isinstance(shapes[0], tuple)):
        place = allocate(shapes, dtype) if out is None else out
        return [place], place
    given = (None,) * len(shapes) if out is None else out
    places = [allocate(s, dtype) if o is None else o for s, o in zip(shapes, given, strict=True)]
    return places, tuple(places)


def write(out: Any, result: Any) -> Any:
    """Copy ``result`` into ``out`` (arrays, or tuples of them with ``None`` to skip)."""
    if isinstance(out, tuple):
        return tuple(value if o is None else write(o, value) for o, value in zip(out, result))
    if out is not result:
        out[...] = result
    return out


def _layout(array: Array) -> Hashable:
    """What a kernel must know before it takes an array: type, dtype and memory order."""
    if type(array) is np.ndarray:
        return array.dtype, array.flags.c_contiguous, array.flags.aligned
    return type(array), getattr(array, "dtype", None)


def _shape_of_first(first: Array, *_: Array) -> tuple[int, ...]:
    return tuple(first.shape)
