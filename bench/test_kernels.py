"""``pytest bench/test_kernels.py``: each fused kernel beside its body, on one thread pool.

A kernel writes into memory that it is given, as in the recorded step; a body makes new arrays. Both
are what the dispatcher would call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from bench.reference import validate
from mlpcore.backend import kernels
from mlpcore.backend.dispatch import Primitive
from mlpcore.functions import (
    activations,
    affine_bias_gradient,
    batch_norm,
    dropout,
    gather_rows,
    layer_norm,
    log_softmax,
    softmax,
    softmax_cross_entropy,
    updates,
)

#: Rows and columns: within a core's cache, and beyond it.
SHAPES = [(256, 512), (2048, 1024)]


@dataclass(frozen=True)
class Kernel:
    """A primitive and what to call it with.

    Attributes:
        arrays: from ``(n, k)`` normal numbers and a generator, the inputs.
        parameters: of the call.
        moved: how many times the ``(n, k)`` numbers are read or written.
    """

    primitive: Primitive
    arrays: Callable[[np.ndarray, np.random.Generator], tuple[Any, ...]]
    moved: int
    parameters: dict[str, Any] = field(default_factory=dict)


def _backward(function: Primitive) -> Kernel:
    return Kernel(function.backward, lambda x, rng: (x[::-1].copy(), x, function.reference(x)), 4)


def _labels(x: np.ndarray, rng: np.random.Generator) -> tuple[Any, ...]:
    return x, rng.integers(0, x.shape[-1], len(x)), None


def _columns(x: np.ndarray, rng: np.random.Generator) -> tuple[Any, ...]:
    return x, np.ones_like(x[0]), np.zeros_like(x[0])


KERNELS = [
    *(Kernel(getattr(activations, name), lambda x, rng: (x,), 2) for name in ("relu", "tanh")),
    *(Kernel(getattr(activations, name), lambda x, rng: (x,), 2) for name in ("gelu", "mish")),
    *(_backward(getattr(activations, name)) for name in ("relu", "tanh", "gelu", "mish")),
    Kernel(softmax, lambda x, rng: (x,), 2),
    _backward(softmax),
    Kernel(log_softmax, lambda x, rng: (x,), 2),
    _backward(log_softmax),
    Kernel(softmax_cross_entropy.value_and_gradient, _labels, 2),
    Kernel(layer_norm, _columns, 2),
    Kernel(batch_norm, _columns, 2),
    Kernel(dropout, lambda x, rng: (x,), 2, {"rate": 0.5, "seed": 1, "step": 1}),
    Kernel(affine_bias_gradient, lambda x, rng: (x,), 1),
    Kernel(gather_rows, lambda x, rng: (x, rng.permutation(len(x))), 2),
    Kernel(
        updates.adam,
        lambda x, rng: (x.ravel(), x[::-1].ravel(), None, None, *np.zeros((2, x.size), x.dtype)),
        7,
        {"learning_rate": 1e-3, "step": 1},
    ),
]


@pytest.mark.parametrize("form", ["fused", "body"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape[0]}x{shape[1]}")
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.primitive.name)
@pytest.mark.benchmark(group="kernels", max_time=0.05, min_rounds=3)
def test_kernel(
    benchmark: Any, request: Any, kernel: Kernel, shape: tuple[int, int], form: str
) -> None:
    if form == "fused" and kernels.native() is None:
        pytest.skip("the kernels are switched off or were not built")
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape, dtype=np.float32)
    arrays, primitive = kernel.arrays(x, rng), kernel.primitive
    call = primitive if form == "fused" else primitive.run_body
    exact = primitive.reference(*map(_double, arrays), **kernel.parameters)
    got = call(*arrays, **kernel.parameters)
    validate(f"{primitive.name}, {form}", _figures(got), np.array(_figures(exact)))
    out = {"out": got} if form == "fused" else {}
    benchmark.group = f"{primitive.name} {shape[0]}x{shape[1]}"
    benchmark(call, *arrays, **kernel.parameters, **out)
    if benchmark.stats:
        gigabytes = kernel.moved * x.nbytes / 1e9
        benchmark.extra_info["GB/s"] = round(gigabytes / benchmark.stats.stats.median, 2)


def _double(array: Any) -> Any:
    return array.astype(np.float64) if getattr(array, "dtype", None) == np.float32 else array


def _figures(results: Any) -> list[float]:
    """Each result's norm, and its product with a fixed vector, which knows order and sign."""
    figures = []
    for result in results if isinstance(results, tuple) else (results,):
        flat = np.ravel(result).astype(np.float64)
        norm = np.linalg.norm(flat)
        figures += [norm, norm + flat @ np.sin(np.arange(flat.size)) / flat.size**0.5]
    return figures
