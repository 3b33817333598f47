"""One primitive on a matrix: a fused kernel, or the array body that stands for the mathematics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from mlpcore import functions
from mlpcore.backend.dispatch import Primitive

from .case import FLOAT, SEED, Case, figures


@dataclass(frozen=True)
class Call:
    """A primitive and what to call it with.

    Attributes:
        arrays: from ``(n, k)`` normal numbers and a generator, the inputs.
        moved: how many times the ``(n, k)`` numbers are read or written.
        operations: of the formula for each number; a function such as exp counts as one.
        parameters: of the call.
    """

    primitive: Primitive
    arrays: Callable[[np.ndarray, np.random.Generator], tuple[Any, ...]]
    moved: int
    operations: int
    parameters: dict[str, Any] = field(default_factory=dict)


def _forward(name: str, operations: int) -> Call:
    return Call(getattr(functions, name), lambda x, rng: (x,), 2, operations)


def _backward(name: str, operations: int) -> Call:
    function = getattr(functions, name)
    return Call(
        function.backward, lambda x, rng: (x[::-1].copy(), x, function.reference(x)), 4, operations
    )


def _labels(x: np.ndarray, rng: np.random.Generator) -> tuple[Any, ...]:
    return x, rng.integers(0, x.shape[-1], len(x)), None


def _columns(x: np.ndarray, rng: np.random.Generator) -> tuple[Any, ...]:
    return x, np.ones_like(x[0]), np.zeros_like(x[0])


def _moments(x: np.ndarray, rng: np.random.Generator) -> tuple[Any, ...]:
    return x.ravel(), x[::-1].ravel(), None, None, *np.zeros((2, x.size), x.dtype)


#: The calls by the primitive's name.
CALLS = {
    call.primitive.name: call
    for call in (
        _forward("relu", 1),
        _forward("tanh", 1),
        _forward("gelu", 5),
        _forward("mish", 4),
        _backward("relu", 1),
        _backward("tanh", 3),
        _backward("gelu", 10),
        _backward("mish", 10),
        _forward("softmax", 5),
        _backward("softmax", 4),
        _forward("log_softmax", 5),
        _backward("log_softmax", 4),
        Call(functions.softmax_cross_entropy.value_and_gradient, _labels, 2, 7),
        Call(functions.layer_norm, _columns, 2, 8),
        Call(functions.batch_norm, _columns, 2, 8),
        Call(functions.dropout, lambda x, rng: (x,), 2, 2, {"rate": 0.5, "seed": 1, "step": 1}),
        Call(functions.affine_bias_gradient, lambda x, rng: (x,), 1, 1),
        Call(functions.gather_rows, lambda x, rng: (x, rng.permutation(len(x))), 2, 0),
        Call(functions.updates.adam, _moments, 7, 12, {"learning_rate": 1e-3, "step": 1}),
    )
}


@dataclass(frozen=True)
class Kernel(Case):
    """A primitive on ``(rows, columns)`` float32 numbers; the figure is the time of a call.

    Attributes:
        name: the primitive's.
    """

    kind = "kernel"
    name: str
    rows: int
    columns: int

    @property
    def call(self) -> Call:
        """The primitive and its arguments."""
        return CALLS[self.name]

    @property
    def title(self) -> str:
        """The primitive and the shape."""
        return f"{self.name} of {self.rows} × {self.columns}"

    @property
    def flops(self) -> int:
        """Operations of the formula."""
        return self.call.operations * self.rows * self.columns

    @property
    def bytes(self) -> int:
        """Each number read and written as often as it must be."""
        return FLOAT * self.call.moved * self.rows * self.columns

    def arrays(self) -> tuple[Any, ...]:
        """The inputs, float32 on the host."""
        return self.call.arrays(_normal(self.rows, self.columns), np.random.default_rng(SEED + 1))

    def expected(self, floor: bool = False) -> np.ndarray:
        """The figures of each result of the body in float64."""
        result = self.call.primitive.reference(*map(_double, self.arrays()), **self.call.parameters)
        return np.array(figures(*(result if isinstance(result, tuple) else (result,))))


@lru_cache(maxsize=1)
def _normal(rows: int, columns: int) -> np.ndarray:
    """Normal numbers; kept, as many kernels in a row are of one shape."""
    x = np.random.default_rng(SEED).standard_normal((rows, columns), dtype=np.float32)
    x.flags.writeable = False
    return x


def _double(array: Any) -> Any:
    return array.astype(np.float64) if getattr(array, "dtype", None) == np.float32 else array
