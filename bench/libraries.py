"""Who is timed: a table of libraries and variants, each in a process of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from mlpcore.backend import kernels
from mlpcore.backend.devices import backend

from .machine import cores

#: How many threads every library may use.
THREADS = len(cores())

_NETWORKS = frozenset({"training", "prediction", "fit"})
_OURS = _NETWORKS | {"kernel", "product", "copy"}
_FLOOR = frozenset({"training", "product", "copy", "pieces"})
#: The families that run only the products of a training step.
_MULTIPLY = ("products", "parts")


@dataclass(frozen=True)
class Library:
    """A library, or a variant of one.

    Attributes:
        name: in the results; what stands before the first ``_`` is its family.
        title: in the tables.
        module: in `workers`.
        package: that must be installed.
        arguments: of the worker.
        kinds: of cases that it runs.
        imports: what starts a program that uses it; empty for a mere variant.
        environment: of the worker.
        device: ``"cpu"`` or ``"gpu"``.
        peer: whether it is there only to be compared with.
        slow: whether it is left out of a quick run.
        compiled: whether it is made of the compiled kernels of the processor.
        floor: whether it takes part only where the bare products do.
    """

    name: str
    title: str
    module: str
    package: str
    arguments: tuple[str, ...] = ()
    kinds: frozenset[str] = _NETWORKS
    imports: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    device: str = "cpu"
    peer: bool = True
    slow: bool = False
    compiled: bool = False
    floor: bool = False

    @property
    def family(self) -> str:
        """The library that this is a variant of."""
        return self.name.partition("_")[0]

    @property
    def multiplies(self) -> bool:
        """Whether it is held to the products of a training step, not to its losses."""
        return self.family in _MULTIPLY

    @property
    def installed(self) -> bool:
        """Whether the package is there, and the compiled kernels where it takes them."""
        if self.compiled and not kernels.native():
            return False
        return importlib.util.find_spec(self.package) is not None


_THREADS = str(THREADS)
_BODIES = {"MLPCORE_KERNELS": "off"}
_ON_CPU = {"JAX_PLATFORMS": "cpu"}
# JAX would take three quarters of the memory at once, and leave the others little.
_ON_GPU = {"JAX_PLATFORMS": "cuda", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}

LIBRARIES = {
    library.name: library
    for library in (
        Library("cpu", "mlpcore", "ours", "mlpcore", ("cpu",), _OURS, "import mlpcore", peer=False),
        Library(
            "cpu_bodies",
            "mlpcore, NumPy only",
            "ours",
            "mlpcore",
            ("cpu",),
            _OURS - {"product", "copy"},
            environment=_BODIES,
            peer=False,
        ),
        Library(
            "cpu_one",
            "mlpcore, one thread",
            "ours",
            "mlpcore",
            ("cpu",),
            frozenset({"training"}),
            environment={"MLPCORE_THREADS": "1"},
            peer=False,
            floor=True,
        ),
        Library(
            "gpu",
            "mlpcore, GPU",
            "ours",
            "cupy",
            ("gpu",),
            _OURS | {"streaming"},
            device="gpu",
            peer=False,
        ),
        Library(
            "gpu_bodies",
            "mlpcore, CuPy only",
            "ours",
            "cupy",
            ("gpu",),
            _OURS - {"product", "copy"},
            environment=_BODIES,
            device="gpu",
            peer=False,
        ),
        Library(
            "products",
            "products alone",
            "products",
            "numpy",
            (_THREADS,),
            _FLOOR,
            "import numpy",
            peer=False,
            floor=True,
        ),
        Library(
            "products_one",
            "products, one thread",
            "products",
            "numpy",
            ("1",),
            _FLOOR,
            peer=False,
            floor=True,
        ),
        Library(
            "parts_products",
            "our products alone",
            "parts",
            "mlpcore",
            kinds=frozenset({"training"}),
            peer=False,
            compiled=True,
            floor=True,
        ),
        Library(
            "parts_update",
            "our products and Adam",
            "parts",
            "mlpcore",
            ("update",),
            frozenset({"training"}),
            peer=False,
            compiled=True,
            floor=True,
        ),
        Library(
            "jax_jit", "JAX jit", "jax", "jax", ("jit",), imports="import jax", environment=_ON_CPU
        ),
        Library("jax_scan", "JAX scan", "jax", "jax", ("scan",), environment=_ON_CPU),
        Library(
            "jax_gpu", "JAX scan, GPU", "jax", "jax", ("scan",), environment=_ON_GPU, device="gpu"
        ),
        Library(
            "jax_gpu_jit", "JAX jit, GPU", "jax", "jax", ("jit",), environment=_ON_GPU, device="gpu"
        ),
        Library(
            "pytorch", "PyTorch", "pytorch", "torch", (_THREADS, "cpu"), imports="import torch"
        ),
        Library(
            "pytorch_fused", "PyTorch, fused Adam", "pytorch", "torch", (_THREADS, "cpu", "fused")
        ),
        Library(
            "pytorch_compiled",
            "PyTorch compiled",
            "pytorch",
            "torch",
            (_THREADS, "cpu", "fused", "compiled"),
            slow=True,
        ),
        Library(
            "pytorch_gpu",
            "PyTorch, GPU",
            "pytorch",
            "torch",
            (_THREADS, "cuda", "fused"),
            _NETWORKS | {"product"},
            device="gpu",
        ),
        Library(
            "pytorch_gpu_compiled",
            "PyTorch compiled, GPU",
            "pytorch",
            "torch",
            (_THREADS, "cuda", "fused", "compiled"),
            device="gpu",
            slow=True,
        ),
        Library(
            "pytorch_gpu_captured",
            "PyTorch graph, GPU",
            "pytorch",
            "torch",
            (_THREADS, "cuda", "captured"),
            device="gpu",
        ),
        Library(
            "sklearn",
            "scikit-learn",
            "scikit_learn",
            "sklearn",
            imports="from sklearn.neural_network import MLPClassifier",
        ),
    )
}


def title_of(name: str) -> str:
    """What a library is called."""
    return LIBRARIES[name].title if name in LIBRARIES else name


def device_of(name: str) -> str:
    """Where a library computes.

    >>> device_of("cpu_bodies"), device_of("gpu")
    ('cpu', 'gpu')
    """
    return LIBRARIES[name].device if name in LIBRARIES else "cpu"


def at_hand(peers: bool = False, full: bool = False) -> list[Library]:
    """The libraries that can run here, ours first."""
    devices = {"cpu", *_gpu()}
    return [
        library
        for library in LIBRARIES.values()
        if library.device in devices
        and (peers or not library.peer)
        and (full or not library.slow)
        and library.installed
    ]


def _gpu() -> Iterator[str]:
    try:
        backend("gpu")
    except RuntimeError:
        return
    yield "gpu"


class WorkerError(RuntimeError):
    """A worker failed; the message is its own."""


class Process:
    """A worker in a process of its own.

    Attributes:
        library: whose worker it is.
        start: seconds from the start of the process to its first answer: Python and all imports.
    """

    def __init__(self, library: Library, environment: dict[str, str] | None = None):
        self.library = library
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", f"{__package__}.workers.{library.module}"),
                *library.arguments,
            ],
            env=child_environment() | library.environment | (environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self.facts = self.ask(do="facts")
        except WorkerError:
            self.close()
            raise
        self.start = time.perf_counter() - began

    @property
    def name(self) -> str:
        """The library's."""
        return self.library.name

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and wait for the answer.

        Raises:
            WorkerError: for an answer that is an error, or none.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps(command), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        answer: dict[str, Any] = (
            json.loads(line) if line else {"error": "it ended without an answer"}
        )
        if "error" in answer:
            raise WorkerError(f"the worker {self.name} failed: {answer['error']}")
        return answer

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def child_environment() -> dict[str, str]:
    """What makes a child find the modules that this process finds, and use as many threads."""
    limits = ("OMP", "OPENBLAS", "MKL")
    root = Path(__file__).resolve().parents[__package__.count(".") + 1]
    return (
        os.environ
        | {f"{name}_NUM_THREADS": _THREADS for name in limits}
        | {"MLPCORE_THREADS": _THREADS}
        | {"PYTHONPATH": os.pathsep.join([*filter(None, sys.path), str(root)])}
    )
