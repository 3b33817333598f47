"""CuPy's place taken by NumPy arrays and a shim that runs the kernels' own sources on the CPU."""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import streams
from cublaslt import CublasLt
from mlpcore.backend import cuda, memory, namespaces
from mlpcore.backend.cuda import epilogues, products, sources
from mlpcore.backend.devices import Backend, backend
from mlpcore.backend.dispatch import Primitive

HERE = Path(__file__).parent
#: Few, so that the grids of the tests are smaller than the work and each thread goes round.
PROCESSORS = 1
BYTES = np.dtype(np.uint8)


class Array(np.ndarray):
    """A NumPy array with CuPy's attributes."""

    @property
    def data(self) -> Any:
        return types.SimpleNamespace(ptr=self.ctypes.data)

    @property
    def device(self) -> Any:
        return Device()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        return _own(getattr(ufunc, method)(*_of_device(inputs), **_of_device(settings)))

    def __array_function__(self, function: Any, types: Any, inputs: Any, settings: Any) -> Any:
        return _own(function(*_of_device(inputs), **_of_device(settings)))

    def __setitem__(self, key: Any, value: Any) -> None:
        _of_device(value)
        super().__setitem__(key, value)

    @property
    def __array_namespace__(self) -> Any:
        raise AttributeError("CuPy's arrays have none")

    def get(self) -> np.ndarray:
        self._copied()
        return np.array(self, subok=False)

    def set(self, values: np.ndarray) -> None:
        self._copied()
        assert type(values) is np.ndarray
        assert (values.dtype, values.shape) == (self.dtype, self.shape)
        self.view(np.ndarray)[...] = values

    def _copied(self) -> None:
        stream = streams.Stream.current[-1]
        assert stream.captured is None, "no copy to or from the host can be captured"
        stream.synchronize()


Array.__module__ = "cupy"


def _of_device(values: Any) -> Any:
    """Arrays as NumPy's own, for NumPy to compute with; CuPy takes none of the host."""
    assert type(values) is not np.ndarray, "CuPy takes no NumPy arrays"
    if isinstance(values, (tuple, list)):
        return type(values)(map(_of_device, values))
    if isinstance(values, dict):
        return {name: _of_device(value) for name, value in values.items()}
    return values.view(np.ndarray) if isinstance(values, Array) else values


def _own(result: Any) -> Any:
    if isinstance(result, (tuple, list)):
        return type(result)(map(_own, result))
    return np.asarray(result).view(Array)


class BFloats(Array):
    """The bits of bfloat16 numbers, a type that NumPy lacks."""

    @property
    def dtype(self) -> Any:
        return types.SimpleNamespace(name="bfloat16", itemsize=2, kind="V")


class Device:
    attributes = types.MappingProxyType({"MultiProcessorCount": PROCESSORS})

    def __init__(self, number: int = 0):
        self.id = number

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *_: object) -> None: ...


class Compiled:
    """The kernels of every storage type as functions of shared libraries."""

    def __init__(self, folder: Path):
        with ThreadPoolExecutor() as pool:
            storages = ("f32", "f64", "f16", "bf16", "i64")
            built = pool.map(lambda storage: self._build(folder, storage), storages)
            self.libraries = dict(zip(storages, built))

    def _build(self, folder: Path, storage: str) -> ctypes.CDLL:
        files = ["gather", "plan"] if storage == "i64" else sources.files()
        unit = folder / f"{storage}.cpp"
        unit.write_text(
            "\n".join(
                [
                    '#include "shim.h"',
                    f"#define MLPCORE_STORAGE {storage}",
                    *(f'#include "cuda/{file}.cu"' for file in files),
                    '#include "launch.h"',
                    "",
                ]
            )
        )
        library = unit.with_suffix(".so")
        folders = [HERE, sources.root(), sources.root() / "include"]
        command = ["g++", "-std=c++17", "-O0", "-shared", "-fPIC", "-Wall", "-Wno-unknown-pragmas"]
        command += ["-Wno-unused-function", *(f"-I{path}" for path in folders)]
        subprocess.run([*command, "-o", str(library), str(unit)], check=True)
        return ctypes.CDLL(str(library))

    def launch(self, name: str, grid: Any, block: Any, arguments: Any) -> None:
        library = self.libraries[name.rpartition("_")[2]]
        (call,) = arguments
        assert call.size == 1
        assert block[0] % 32 == 0
        library.launch(getattr(library, name), ctypes.c_void_p(call.ctypes.data), *grid, *block)


@dataclass
class Cupy:
    """CuPy, or what stands for it.

    Attributes:
        launched: the kernels that ran on the stand-in.
        backend: for networks.
        blas: the stand-in of cuBLASLt.
    """

    xp: Any
    launched: list[Any]
    backend: Any
    blas: CublasLt | None = None

    def array(self, values: Any, dtype: Any = None) -> Any:
        return None if values is None else self.xp.asarray(values, dtype=dtype)

    def bfloats(self, bits: np.ndarray) -> Any:
        """An array of bfloat16 from the bits, on the stand-in only."""
        return bits.view(BFloats)

    def run(self, primitive: Primitive, *arrays: Any, **parameters: Any) -> Any:
        """A primitive's kernels on NumPy arrays; fails where the body would serve."""
        own = tuple(map(self.array, arrays))
        implementation = cuda.provide(primitive, own)
        assert implementation is not None
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(primitive, "run_body", None)
            found = implementation(*own, **parameters)
        return tuple(a.get() for a in found) if isinstance(found, tuple) else found.get()


@pytest.fixture(autouse=True)
def switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels for CUDA are tested where those for the CPU are switched off, too."""
    monkeypatch.delenv("MLPCORE_KERNELS", raising=False)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """The shim, built once."""
    if not sys.platform.startswith("linux") or shutil.which("g++") is None:
        pytest.skip("the shim needs g++ on Linux")
    return Compiled(tmp_path_factory.mktemp("cuda"))


@pytest.fixture
def standing_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cupy]:
    """A module called cupy whose launches are only written down."""
    launched: list[Any] = []
    module: Any = types.ModuleType("cupy")
    module.ndarray = Array
    module.empty = allocate
    module.zeros = allocate
    module.asarray = lambda values, dtype=None: (
        values if isinstance(values, Array) else np.asarray(values, dtype).view(Array)
    )
    module.get_default_memory_pool = lambda: types.SimpleNamespace(free_bytes=lambda: 1 << 20)
    module.cuda = types.SimpleNamespace(
        Device=Device,
        Stream=streams.Stream,
        Event=streams.Event,
        get_current_stream=lambda: streams.Stream.current[-1],
        get_elapsed_time=lambda start, end: end.time - start.time,
        runtime=types.SimpleNamespace(
            memGetInfo=lambda: (4 << 30, 8 << 30),
            memcpyAsync=streams.copy_memory,
            memsetAsync=streams.set_memory,
            memcpyHostToDevice=1,
            memcpyDeviceToHost=2,
        ),
        alloc_pinned_memory=lambda size: np.full(size, 255, np.uint8).data,
    )
    module.launch = lambda *launch: launched.append(launch)
    blas = CublasLt(streams.Stream.enqueue)
    for name, part in blas.modules().items():
        monkeypatch.setitem(sys.modules, name, part)

    class RawModule:
        def __init__(self, *, code: str, options: tuple[str, ...]):
            self.code, self.options = code, options

        def get_function(self, name: str) -> Callable[..., None]:
            def enqueue(*launch: Any) -> None:
                stream = module.cuda.get_current_stream()
                streams.Stream.enqueue(stream.ptr, lambda: module.launch(name, *launch))

            return enqueue

    module.RawModule = RawModule
    monkeypatch.setitem(sys.modules, "cupy", module)
    monkeypatch.setitem(sys.modules, "cupy.cuda", module.cuda)
    namespace = Namespace()
    monkeypatch.setitem(namespaces._namespaces, Array, namespace)
    for name in ("array", "asarray", "ascontiguousarray", "require"):
        monkeypatch.setattr(np, name, _refusing(getattr(np, name)))
    _forget()
    yield Cupy(module, launched, Backend("gpu:0", namespace, Device()), blas)
    _forget()


def _refusing(convert: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy that, called by the library, takes no array of the device."""

    def refuse(values: Any, *arguments: Any, **settings: Any) -> Any:
        caller = sys._getframe(1).f_globals["__name__"]
        parts = values if isinstance(values, (list, tuple)) else [values]
        if caller.startswith("mlpcore.") and any(isinstance(part, Array) for part in parts):
            raise TypeError("Implicit conversion to a NumPy array is not allowed.")
        return convert(values, *arguments, **settings)

    return refuse


def allocate(shape: Any, dtype: Any) -> Array:
    """Memory that starts where CuPy's would."""
    room = memory.aligned_zeros((int(np.prod(shape)) * np.dtype(dtype).itemsize + 256,), BYTES)
    start = -room.ctypes.data % 256
    return room[start : len(room) - 256 + start].view(dtype).reshape(shape).view(Array)


class Namespace:
    """array-api-compat's namespace of the stand-in."""

    __name__ = "cupy"

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def asarray(values: Any, dtype: Any = None, device: Any = None, copy: Any = None) -> Array:
        if isinstance(values, Array) and dtype in (None, values.dtype):
            return values.copy() if copy else values
        return np.array(values, dtype).view(Array)

    @staticmethod
    def zeros(shape: Any, dtype: Any, device: Any) -> Array:
        return allocate(shape, dtype)

    empty = zeros

    @staticmethod
    def ascontiguousarray(values: Array) -> Array:
        return values.copy(order="C")

    @staticmethod
    def arange(*arguments: Any, device: Any = None, **settings: Any) -> Array:
        return np.arange(*arguments, **settings).view(Array)


def _forget() -> None:
    streams.forget()
    products._chosen.clear()
    epilogues._fastest.clear()
    for cached in (
        cuda._kernel,
        cuda._module,
        cuda._processors,
        products._handle,
        products.fault,
    ):
        cached.cache_clear()


@pytest.fixture
def on_the_shim(standing_in: Cupy, compiled: Compiled) -> Cupy:
    """CuPy's stand-in, its kernels run by the CPU."""

    def launch(*arguments: Any) -> None:
        standing_in.launched.append(arguments)
        compiled.launch(*arguments)

    standing_in.xp.launch = launch
    return standing_in


def _why_no_device() -> str:
    if importlib.util.find_spec("cupy") is None:
        return "CuPy is not installed"
    import cupy

    return "" if cupy.is_available() else "CuPy finds no CUDA device"


@pytest.fixture
def device() -> Cupy:
    """CuPy itself."""
    reason = _why_no_device()
    if reason:
        pytest.skip(reason)
    import cupy

    return Cupy(cupy, [], backend("gpu"))


DEVICE = [] if _why_no_device() else [pytest.param("device", marks=pytest.mark.gpu)]


@pytest.fixture(params=["on_the_shim", *DEVICE])
def cupy(request: pytest.FixtureRequest) -> Cupy:
    """The kernels on the CPU, and on a GPU where there is one."""
    found: Cupy = request.getfixturevalue(request.param)
    return found
