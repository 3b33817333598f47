"""Backends by name: where a network's arrays live and which library computes on them."""

from __future__ import annotations

import contextlib
import importlib
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlpcore.backend import kernels
from mlpcore.backend.memory import aligned_zeros, to_numpy
from mlpcore.backend.names import choose
from mlpcore.backend.namespaces import Array, Namespace, namespace
from mlpcore.backend.plan import Plan

#: So many weights, of all members together, are worth a GPU: below, a CPU is done with a step in
#: the time that a GPU takes to start its kernels. An estimate; no device has been measured yet.
WORTH_A_GPU = 1 << 15
#: Before so many bytes are copied to a GPU, its free memory is asked for.
LARGE = 1 << 20
#: What the products of a step may multiply in.
PRECISIONS = dict.fromkeys(("auto", "float32", "float64", "tf32", "bfloat16", "float16"))
#: DLPack's number for the memory of a CUDA device.
CUDA = 2


@dataclass(frozen=True)
class Backend:
    """A place to compute: an array API namespace and one of its devices.

    Attributes:
        name: ``"cpu"``, ``"gpu:0"``, or the name of another array library.
        xp: the namespace.
        device: the namespace's device, or ``None`` for its default.
        precision: what recorded products multiply in; ``"auto"`` is the dtype of their arrays.
    """

    name: str
    xp: Namespace
    device: Any = None
    precision: str = "auto"

    def asarray(self, values: Any, dtype: str) -> Array:
        """``values`` as an array of this backend that kernels take; no copy where none is needed.

        Raises:
            MemoryError: for an array of the host that a GPU cannot hold.
        """
        if self._on_gpu and isinstance(values, np.ndarray) and values.nbytes >= LARGE:
            self._check_memory(values.size * np.dtype(dtype).itemsize)
            # CuPy's own way takes pinned memory of the same size, and keeps it.
            array = self.empty(values.shape, dtype)
            array.set(np.ascontiguousarray(values, dtype))
            return array
        array = self.xp.asarray(values, dtype=getattr(self.xp, dtype), device=self.device)
        if self._on_gpu and not array.flags.c_contiguous:
            return self.xp.ascontiguousarray(array)
        if self.xp is np and not array.flags.aligned:
            # Memory that came over a network or out of a file; kernels take no such address.
            return array.copy()
        return array

    def holds(self, values: Any) -> bool:
        """Whether ``values`` is an array that this backend's library has and NumPy has not."""
        if self.xp is np:
            return False
        from array_api_compat import is_array_api_obj

        return is_array_api_obj(values) and namespace(values) is self.xp

    def adopted(self, values: Any) -> Any:
        """Another library's array on a CUDA device as one of this GPU, by DLPack without a copy.

        Anything else is returned as it is.
        """
        return self.xp.from_dlpack(values) if self._shares(values) else values

    def returned(self, result: Array, given: Any) -> Array:
        """A result in the kind of what was ``given``: NumPy's where a GPU got it from the host."""
        if not self._on_gpu or self.holds(given):
            return result
        if self._shares(given):
            return namespace(given).from_dlpack(result)
        return to_numpy(result)

    def zeros(self, shape: tuple[int, ...], dtype: str) -> Array:
        """Zeros that start on a cache line."""
        if self.xp is np:
            return aligned_zeros(shape, np.dtype(dtype))
        with self._here():
            return self.xp.zeros(shape, dtype=getattr(self.xp, dtype), device=self.device)

    def empty(self, shape: tuple[int, ...], dtype: str) -> Array:
        """An array whose numbers are still to be written."""
        with self._here():
            return self.xp.empty(shape, dtype=getattr(self.xp, dtype), device=self.device)

    def to_numpy(self, array: Array) -> np.ndarray:
        """A copy, or a view, of ``array`` in the host's memory."""
        return to_numpy(array)

    def __reduce__(self) -> Any:
        known = self.name.partition(":")[0] in ("cpu", "gpu")
        if not known:
            return _of_module, (self.xp.__name__,)
        return _of_name, (self.name, self.precision)

    @property
    def description(self) -> str:
        """The device in a few words, for ``mlpcore info``."""
        if self.device is None:
            return "ready"
        import cupy

        facts = cupy.cuda.runtime.getDeviceProperties(self.device.id)
        steps = "steps as CUDA graphs" if self.records else f"steps call by call{_why()}"
        return (
            f"{facts['name'].decode()}, {facts['totalGlobalMem'] >> 20} MiB, compute capability "
            f"{facts['major']}.{facts['minor']}, {steps}"
        )

    def computing(self, precision: str, dtype: str) -> Backend:
        """The same place, where products of arrays of a dtype have this precision.

        ``"auto"`` is the one that the place has already.

        Raises:
            ValueError: for a precision that there is not, or not here.
        """
        choose("precision", precision, PRECISIONS)
        precision = self.precision if precision == "auto" else precision
        if precision == "auto":
            return self
        if precision == dtype:
            return replace(self, precision="auto")
        if dtype != "float32" or precision == "float64":
            raise ValueError(
                f'got precision="{precision}" with dtype="{dtype}", expected "{dtype}"; the '
                'products of dtype="float32" alone may be in "tf32", "bfloat16" or "float16"'
            )
        if not (self._on_gpu and self.records):
            raise ValueError(
                f'got precision="{precision}" on {self.name}, expected "{dtype}": only a GPU\'s '
                "recorded steps multiply in other types than their arrays have"
            )
        return replace(self, precision=precision)

    @property
    def cache_bytes(self) -> int:
        """What fits a cache that all who compute are near to: the last of a CPU, or a GPU's."""
        return 1 << (25 if self._on_gpu else 24)

    @property
    def records(self) -> bool:
        """Whether a step can be recorded here: there are kernels to replay it."""
        if self.xp is np:
            return kernels.native() is not None
        return self._on_gpu and _captures()

    def plan(self, steps: int = 1) -> Any:
        """An empty plan, to record a step into; a run of it has so many ``steps`` at most."""
        if not self._on_gpu:
            return Plan()
        from mlpcore.backend.cuda.plan import Plan as CudaPlan

        return CudaPlan(self.device, self.precision, steps)

    def has_room(self, needed: int) -> bool:
        """Whether so many bytes of data leave a GPU as much again for everything else."""
        if not self._on_gpu:
            return True
        from mlpcore.backend.cuda.memory import free_memory

        with self.device:
            return 2 * needed <= free_memory()[0]

    @property
    def _on_gpu(self) -> bool:
        return self.name.startswith("gpu:")

    def _here(self) -> contextlib.AbstractContextManager[Any]:
        """This GPU as the current one, where CuPy allocates."""
        return self.device if self._on_gpu else contextlib.nullcontext()

    def _check_memory(self, needed: int) -> None:
        from mlpcore.backend.cuda.memory import check_memory

        with self.device:
            check_memory("an array", needed)

    def _shares(self, values: Any) -> bool:
        if not self._on_gpu or self.holds(values) or not hasattr(values, "__dlpack_device__"):
            return False
        return bool(values.__dlpack_device__()[0] == CUDA)


#: The host's memory, and NumPy.
HOST = Backend("cpu", np)


def backend(name: str | Backend | Namespace = "cpu", *, weights: float = math.inf) -> Backend:
    """Look a backend up.

    Args:
        name: ``"cpu"`` (NumPy), ``"gpu"`` or ``"gpu:1"`` (CuPy), ``"auto"`` (the GPU where there is
            one and the work is worth it), or the namespace of any other array library, which then
            runs the plain bodies; a `Backend` is returned as it is. A GPU named becomes the current
            device of the thread, as `cupy.cuda.Device.use` makes it.
        weights: how many a network has, all members together, for ``"auto"`` to decide by.

    Raises:
        ValueError: for an unknown name.
        RuntimeError: for a GPU without CuPy or without a device; the message says what to install.

    >>> backend("cpu").name
    'cpu'
    """
    if isinstance(name, Backend):
        return name
    if not isinstance(name, str):
        xp = namespace(name.asarray([0.0]))  # behind array-api-compat where that is needed
        return Backend(str(name.__name__).rpartition(".")[2], xp)
    if name == "cpu":
        return HOST
    if name == "auto":
        return _automatic() if weights >= WORTH_A_GPU else HOST
    kind, _, number = name.partition(":")
    if kind == "gpu" and (number.isdecimal() or not number):
        return _gpu(int(number or 0))
    raise ValueError(
        f'got backend={name!r}, expected "cpu", "gpu", "gpu:N" (N a device number) or "auto"'
    )


def _captures() -> bool:
    """Whether there is all that a CUDA graph of a step needs."""
    from mlpcore.backend.cuda import products

    return products.available() and not kernels.switched_off()


def _why() -> str:
    """What keeps steps from being captured, as far as it is a fault."""
    from mlpcore.backend.cuda import products

    return f" ({products.fault()})" if products.fault() else ""


def _of_name(name: str, precision: str) -> Backend:
    return replace(backend(name), precision=precision)


def _of_module(name: str) -> Backend:
    return backend(importlib.import_module(name))


def _gpu(number: int) -> Backend:
    try:
        import cupy
    except ImportError:
        raise RuntimeError(
            'got backend="gpu" but CuPy is not installed; install it for your CUDA version with '
            'pip install "mlpcore[cuda12]" or "mlpcore[cuda13]", or use backend="cpu"'
        ) from None
    from array_api_compat import cupy as xp

    count = gpu_count(cupy)
    if number >= count:
        raise RuntimeError(
            f'got backend="gpu:{number}" but CuPy sees {count} CUDA devices; check the driver with '
            'nvidia-smi, name a device that is there, or use backend="cpu"'
        )
    device = cupy.cuda.Device(number)
    device.use()
    return Backend(f"gpu:{number}", xp, device)


def _automatic() -> Backend:
    try:
        gpu = _gpu(0)
    except RuntimeError:
        return HOST
    return gpu


def gpu_count(cupy: Any) -> int:
    """How many CUDA devices CuPy sees; 0 where the driver is missing."""
    try:
        return int(cupy.cuda.runtime.getDeviceCount())
    except cupy.cuda.runtime.CUDARuntimeError:
        return 0
