"""Symbols: arrays of a workspace to which calls are recorded instead of run."""

from __future__ import annotations

from typing import Any, Protocol

from mlpcore.backend.dispatch import Array, Implementation, Primitive, providers


class Recorder(Protocol):
    """What keeps the calls: a plan."""

    def record(
        self, primitive: Primitive, arrays: tuple[Any, ...], out: Any, parameters: dict[str, Any]
    ) -> Any:
        """Bind one call and return the symbols of its results."""


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


def _recording(primitive: Primitive, arrays: tuple[Any, ...]) -> Implementation | None:
    if not any(isinstance(array, Symbol) for array in arrays):
        return None

    def record(*arrays: Any, out: Any = None, **parameters: Any) -> Any:
        plan: Recorder = next(a.plan for a in arrays if isinstance(a, Symbol))
        return plan.record(primitive, arrays, out, parameters)

    return record


providers.insert(0, _recording)
