"""A recorded step on the CPU: calls bound once over a workspace, replayed by one native call."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcore.backend import kernels
from mlpcore.backend.memory import aligned_zeros
from mlpcore.backend.workspace import Recording, Symbol


class Plan(Recording):
    """The calls of one step on fixed shapes, each bound to its memory.

    Recording allocates every result once; replaying allocates no array, returns to no Python and
    holds no lock of the interpreter.
    """

    def __init__(self) -> None:
        kernels.products()
        self._native = kernels.native().Plan(kernels.threads())

    def _allocate(self, shape: tuple[int, ...], dtype: Any) -> Symbol:
        return Symbol(aligned_zeros(shape, dtype), self)

    def _note(self, name: str, inputs: Any, outputs: Any, parameters: dict[str, Any]) -> None:
        self._native.add(
            name,
            [_bound(array) for array in inputs],
            [_bound(place) for place in outputs],
            {parameter: _bound(value) for parameter, value in parameters.items()},
        )

    def stop_if_not_finite(self, loss: Symbol) -> None:
        """A member whose loss is not finite leaves the replay here, its parameters untouched."""
        self._note("stop_if_not_finite", [loss], [], {})

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
