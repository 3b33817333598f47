"""Kernels, products and copies through mlpcore's own primitives, on one of its backends."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from mlpcore.backend import kernels
from mlpcore.backend.devices import Backend
from mlpcore.backend.devices import backend as find_backend
from mlpcore.functions import affine_input_gradient, identity

from ..cases import Copy, Kernel, Product
from ..cases.case import Case, figures
from .clocks import Clock, DeviceClock, HostClock
from .tasks import Task


class PrimitiveTask(Task):
    """A call of a primitive.

    A kernel writes into memory that it is given, as in the recorded step; a body makes new arrays.
    """

    kind: ClassVar[str]

    def __init__(self, case: Case, backend: str):
        self.backend: Backend = find_backend(backend)
        self.primitive, arrays, self.parameters = self.call(case)
        self.arrays = [self._moved(array) for array in arrays]

    @abstractmethod
    def call(self, case: Any) -> tuple[Any, Iterable[Any], dict[str, Any]]:
        """The primitive, its arrays on the host and its parameters."""

    def prepare(self) -> None:
        self.clock = self._clock()
        self.got = self.primitive(*self.arrays, **self.parameters)
        bodies = kernels.switched_off() or (self.backend.device is None and not kernels.native())
        self.out = {} if bodies else {"out": self.got}

    def check(self) -> Iterable[float]:
        got = self.got if isinstance(self.got, tuple) else (self.got,)
        return figures(*map(self.backend.to_numpy, got))

    def round(self, count: int) -> float:
        return self.clock.seconds(
            lambda: self.primitive(*self.arrays, **self.parameters, **self.out), count
        )

    def _moved(self, array: Any) -> Any:
        """An array on the backend, in memory of its own."""
        if array is None:
            return None
        found = self.backend.zeros(array.shape, array.dtype.name)
        found[...] = self.backend.asarray(array, array.dtype.name)
        return found

    def _clock(self) -> Clock:
        if self.backend.device is None:
            return HostClock()
        import cupy

        return DeviceClock(cupy)


class KernelTask(PrimitiveTask):
    """One primitive."""

    kind = "kernel"

    def call(self, case: Kernel) -> tuple[Any, Iterable[Any], dict[str, Any]]:
        return case.call.primitive, case.arrays(), case.call.parameters


class ProductTask(PrimitiveTask):
    """A product as the gradient by a layer's input, which adds no bias: ``a @ (b.T).T``."""

    kind = "product"

    def call(self, case: Product) -> tuple[Any, Iterable[Any], dict[str, Any]]:
        a, b = case.factors()
        return affine_input_gradient, (a, np.ascontiguousarray(b.T)), {}


class CopyTask(PrimitiveTask):
    """A copy through the identity."""

    kind = "copy"

    def call(self, case: Copy) -> tuple[Any, Iterable[Any], dict[str, Any]]:
        return identity, (case.source(),), {}
