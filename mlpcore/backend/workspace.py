"""Symbols: arrays of a workspace to which calls are recorded instead of run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol

from mlpcore.backend.dispatch import Array, Implementation, Primitive, providers, results


class Recorder(Protocol):
    """What keeps the calls."""

    def record(
        self, primitive: Primitive, arrays: tuple[Any, ...], out: Any, parameters: dict[str, Any]
    ) -> Any:
        """Note one call and return the symbols of its results."""


class Symbol:
    """An array that a plan owns or knows, standing in for itself while a step is recorded.

    A primitive that meets a symbol is bound to the plan with the array's address and runs only
    when the plan is replayed.

    Attributes:
        array: the memory; what step 0 sees where it is stepped.
        plan: the recorder.
        stride: how many bytes further each next step of a replay reads or writes.
    """

    __slots__ = ("array", "plan", "stride")

    def __init__(self, array: Array, plan: Recorder, stride: int = 0):
        self.array = array
        self.plan = plan
        self.stride = stride

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return tuple(self.array.shape)

    @property
    def ndim(self) -> int:
        """The array's number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> Any:
        """The array's dtype."""
        return self.array.dtype


class Recording(ABC):
    """A plan's half that keeps the calls; the other half replays them."""

    def symbol(self, array: Array | None, stride: int = 0) -> Symbol | None:
        """An array as this plan's primitives take it; ``stride`` in bytes a step."""
        return None if array is None else Symbol(array, self, stride)

    def symbols(self, views: list[Any]) -> list[dict[str, Symbol | None]]:
        """The views of each layer as symbols."""
        return [{name: self.symbol(array) for name, array in layer.items()} for layer in views]

    def record(
        self, primitive: Primitive, arrays: tuple[Any, ...], out: Any, parameters: dict[str, Any]
    ) -> Any:
        """Note one call; results that ``out`` does not name get memory of their own."""
        places, returned = results(primitive, arrays, out, self._allocate)
        self._note(primitive.name, list(arrays), places, parameters)
        return returned

    @abstractmethod
    def _allocate(self, shape: tuple[int, ...], dtype: Any) -> Symbol:
        """Memory for a result."""

    @abstractmethod
    def _note(self, name: str, inputs: Any, outputs: Any, parameters: dict[str, Any]) -> None:
        """Keep a call whose results have their places."""


def _recording(primitive: Primitive, arrays: tuple[Any, ...]) -> Implementation | None:
    if not any(isinstance(array, Symbol) for array in arrays):
        return None

    def record(*arrays: Any, out: Any = None, **parameters: Any) -> Any:
        plan: Recorder = next(a.plan for a in arrays if isinstance(a, Symbol))
        return plan.record(primitive, arrays, out, parameters)

    return record


providers.insert(0, _recording)
