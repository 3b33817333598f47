"""The groups of the suite, and what each of them runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .cases import (
    Case,
    Copy,
    Fit,
    Kernel,
    Pieces,
    Prediction,
    Product,
    Streaming,
    Training,
)
from .cases.kernel import CALLS
from .cases.streaming import WAYS
from .fresh import FirstStep, FreshCase, Import, Memory

Cases = Mapping[str, Case | FreshCase]


@dataclass(frozen=True)
class Group:
    """A part of the suite.

    Attributes:
        title: what it shows, in words.
        contests: the cases by name; all of them, or those of a quick run.
        peers: whether the libraries that are there only to be compared with take part.
        floors: whether the bare products and copies do.
        rounds: how many times as many rounds as usual a quick run gives it.
        only: the libraries that may take part; all where none is named.
        large: whether its cases would not lie in memory together.
    """

    title: str
    contests: Callable[[bool], Cases]
    peers: bool = False
    floors: bool = False
    rounds: int = 1
    only: tuple[str, ...] = ()
    large: bool = False


#: Rows and columns: within the second-level caches of most machines, beyond them, and beyond all.
_SHAPES = [(256, 512), (1024, 1024), (8192, 2048)]


def _shapes(full: bool) -> list[tuple[int, int]]:
    return _SHAPES if full else _SHAPES[1:2]


def _ceilings(full: bool) -> Cases:
    side = 4096 if full else 1024
    return {f"copy-{n}x{k}": Copy(n, k) for n, k in _shapes(full)} | {
        "product": Product(side, side, side)
    }


def _threads(full: bool) -> Cases:
    return {"pieces": Pieces(2000)}


def _kernels(full: bool) -> Cases:
    return {f"{name}-{n}x{k}": Kernel(name, n, k) for name in CALLS for n, k in _shapes(full)}


def _products(full: bool) -> Cases:
    sides = (16, 32, 64, 128, 256, 512, 1024) if full else (16, 64, 256, 1024)
    layers = [(200, 64, 100), (256, 784, 512), (1024, 2048, 2048)]
    shapes = [(side, side, side) for side in sides] + layers[: 3 if full else 2]
    return {f"{m}x{k}x{n}": Product(m, k, n) for m, k, n in shapes}


def _steps(full: bool) -> Cases:
    return dict(STEPS)


def _batches(full: bool) -> Cases:
    sizes = (1, 4, 16, 64, 256, 1024, 4096, 16384) if full else (1, 16, 256, 4096)
    return {f"{n}": Training((784, 256, 10), n, max(4, min(50, 4096 // n))) for n in sizes}


def _streaming(full: bool) -> Cases:
    return {
        f"{batch}-{way}": Streaming((784, 512, 256, 10), batch, (1 << 18) // batch, way=way)
        for batch in ((256, 4096, 65536) if full else (4096,))
        for way in WAYS
    }


def _peaks(full: bool) -> Cases:
    side = 8192 if full else 4096
    return {precision: Product(side, side, side, precision) for precision in PRECISIONS}


def _gpu(full: bool) -> Cases:
    networks = {
        f"{name}-{batch}-{precision}": Training(sizes, batch, batches, None, precision, rate)
        for name, (sizes, rate) in GPU_NETWORKS.items()
        for batch, batches in ((256, 64), (4096, 8), (65536, 2))
        for precision in PRECISIONS
    }
    stacks = {
        f"{members}x-small": Training((64, 100, 10), 200, 6, members)
        for members in ((64, 1024, 8192) if full else (64, 1024))
    }
    return networks | stacks


def _widths(full: bool) -> Cases:
    widths = (16, 32, 64, 128, 256, 512, 1024, 2048) if full else (16, 64, 256, 1024)
    return {f"{w}": Training((64, w, w, 10), 256, 4 if w > 512 else 16) for w in widths}


def _stacks(full: bool) -> Cases:
    members = (1, 4, 16, 64, 256, 1024) if full else (1, 16, 256)
    return {f"{e}": Training((64, 32, 10), 32, 20, members=e) for e in members}


def _fits(full: bool) -> Cases:
    return {"digits": Fit((100,), 32, 0.97)}


def _prediction(full: bool) -> Cases:
    rows = (1, 10, 100, 1000, 10_000, 100_000) if full else (1, 100, 10_000)
    return {f"{n}": Prediction((784, 256, 10), n) for n in rows}


def _cold(full: bool) -> Cases:
    network = STEPS["small"]
    return {
        "import": Import(),
        "first-step": FirstStep(network),
        "compilation": FirstStep(network, empty_caches=True),
    }


def _memory(full: bool) -> Cases:
    names = ("medium", "large", "big-batch", "64x-small") if full else ("medium",)
    return {name: Memory(STEPS[name]) for name in names}


#: What the products of a step on a GPU multiply in.
PRECISIONS = ("float32", "tf32", "bfloat16")
#: The networks that libraries are compared on by precision, and their learning rates: with a larger
#: one the wide network's first steps turn on the signs of gradients that rounding decides.
GPU_NETWORKS = {
    "medium": ((784, 512, 256, 10), 1e-3),
    "wide": ((1024, 4096, 4096, 4096, 1000), 1e-5),
}
#: Our ratios on a GPU: to the best of the others and to PyTorch's calls one by one at least, and
#: of the least time that the measured ceilings allow.
GPU_TARGETS = {256: {"best": 1.0, "pytorch_gpu": 5.0}, 65536: {"best": 1.0, "roof": 0.85}}
#: The networks and batches that every library is compared on.
STEPS = {
    "tiny": Training((4, 3, 2, 2), 32, 200),
    "small": Training((64, 100, 10), 200, 100),
    "medium": Training((784, 512, 256, 10), 256, 8),
    "large": Training((784, 2048, 2048, 10), 1024, 3),
    "big-batch": Training((784, 512, 256, 10), 8192, 3),
    "64x-small": Training((64, 100, 10), 200, 6, members=64),
    "256x-narrow": Training((16, 32, 4), 64, 20, members=256),
}
#: Our ratios: to JAX and PyTorch at least, of the products' time at most.
TARGETS = {
    "tiny": {"jax": 2.0, "pytorch": 50.0, "products": 0.5},
    "small": {"jax": 1.5, "pytorch": 5.0, "products": 1.1},
    "medium": {"jax": 1.08, "pytorch": 1.3, "products": 1.08},
    "large": {"jax": 1.05, "pytorch": 1.2, "products": 1.04},
    "big-batch": {"jax": 1.2, "pytorch": 1.3, "products": 1.06},
    "64x-small": {"jax": 2.5, "pytorch": 4.0, "products": 0.65},
    "256x-narrow": {"jax": 4.0, "pytorch": 10.0, "products": 0.75},
}

GROUPS = {
    "ceilings": Group(
        "the ceilings of this machine: copies and a large product", _ceilings, floors=True
    ),
    "threads": Group("work on all processors", _threads, floors=True),
    "kernels": Group("fused kernels and array bodies", _kernels),
    "products": Group("matrix products", _products, floors=True),
    "steps": Group("one training step", _steps, peers=True, floors=True, rounds=2),
    "batches": Group("one training step by batch size", _batches),
    "widths": Group("one training step by width", _widths),
    "stacks": Group("one training step by members of a stack", _stacks, peers=True),
    "streaming": Group("one training step with rows of the host", _streaming),
    "peaks": Group(
        "the fastest products of a GPU", _peaks, peers=True, only=("gpu", "pytorch_gpu")
    ),
    "gpu": Group(
        "one training step on a GPU by precision",
        _gpu,
        peers=True,
        large=True,
        only=(
            "gpu",
            "jax_gpu",
            "jax_gpu_jit",
            "pytorch_gpu",
            "pytorch_gpu_captured",
            "pytorch_gpu_compiled",
        ),
    ),
    "fits": Group("a whole fit to an accuracy", _fits, peers=True),
    "prediction": Group(
        "latency of a prediction by rows, from host memory to host memory", _prediction, peers=True
    ),
    "cold": Group("cold start", _cold, peers=True, floors=True),
    "memory": Group("memory of a training step", _memory, peers=True),
}


def targets(group: str, name: str, case: Case | FreshCase) -> dict[str, float]:
    """Our ratios' targets in a contest."""
    if group == "gpu" and isinstance(case, Training):
        return GPU_TARGETS.get(case.batch, {"best": 1.0})
    return TARGETS.get(name, {}) if group == "steps" else {}
