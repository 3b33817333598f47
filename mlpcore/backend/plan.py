"""A recorded step on the CPU: calls bound once over a workspace, replayed by one native call."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcore.backend import kernels
from mlpcore.backend.dispatch import Array, Primitive, results
from mlpcore.backend.memory import aligned_zeros
from mlpcore.backend.workspace import Symbol


class Plan:
    """The calls of one step on fixed shapes, each bound to its memory.

    Recording allocates every result once; replaying allocates nothing, returns to no Python and
    holds no lock of the interpreter.
    """

    def __init__(self) -> None:
        kernels.products()
        self._native = kernels.native().Plan(kernels.threads())

    def symbol(self, array: Array | None, stride: int = 0) -> Symbol | None:
        """An array as this plan's primitives take it; ``stride`` in bytes a step."""
        return None if array is None else Symbol(array, self, stride)

    def symbols(self, views: list[Any]) -> list[dict[str, Symbol | None]]:
        """The views of each layer as symbols."""
        return [{name: self.symbol(array) for name, array in layer.items()} for layer in views]

    def record(
        self, primitive: Primitive, arrays: tuple[Any, ...], out: Any, parameters: dict[str, Any]
    ) -> Any:
        """Bind one call; results that ``out`` does not name get memory of their own."""
        places, returned = results(primitive, arrays, out, self._allocate)
        self._native.add(
            primitive.name,
            [_bound(array) for array in arrays],
            [_bound(place) for place in places],
            {name: _bound(value) for name, value in parameters.items()},
        )
        return returned

    def _allocate(self, shape: tuple[int, ...], dtype: Any) -> Symbol:
        return Symbol(aligned_zeros(shape, dtype), self)

    def stop_if_not_finite(self, loss: Symbol) -> None:
        """A member whose loss is not finite leaves the replay here, its parameters untouched."""
        self._native.add("stop_if_not_finite", [_bound(loss)], [], {})

    def finish(self) -> None:
        """Fuse neighbours and settle the threads; nothing can be recorded afterwards."""
        self._native.finish()

    def run(self, first: int, last: int, active: np.ndarray | None = None) -> np.ndarray:
        """Replay steps ``first`` to ``last - 1``; for each member -1, or the step it stopped at."""
        return np.asarray(self._native.run(first, last, active))


def _bound(value: Any) -> Any:
    if not isinstance(value, Symbol):
        return value
    return kernels.native().Stepped(value.array, value.stride) if value.stride else value.array
