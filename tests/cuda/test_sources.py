"""Every CUDA kernel compiles for every architecture: by NVRTC, without a device or a driver."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlpcore.backend.cuda import sources
from mlpcore.backend.cuda.signatures import ACTIVATIONS, SIGNATURES, UPDATES

ARCHITECTURES = ("sm_75", "sm_80", "sm_90", "sm_100", "sm_120")
STORAGES = ("f32", "f64", "f16", "bf16")
#: What CuPy adds to the options, and less optimization, which takes most of the time.
OPTIONS = ("-std=c++17", "-ftz=true", "--device-as-default-execution-space")
FAST = "--Ofast-compile=max"
#: Every storage type on every architecture takes minutes.
EVERYTHING = os.environ.get("MLPCORE_CUBINS") == "all"


class Nvrtc:
    """The compiler's C interface, as much of it as is needed."""

    def __init__(self, path: Path):
        for builtins in path.parent.glob("libnvrtc-builtins.so*"):  # older ones do not find them
            ctypes.CDLL(str(builtins), ctypes.RTLD_GLOBAL)
        self._library = ctypes.CDLL(str(path))

    def compile(self, source: str, *options: str, product: str = "CUBIN") -> bytes:
        program = ctypes.c_void_p()
        text, words = source.encode(), [option.encode() for option in options]
        create = self._library.nvrtcCreateProgram
        self._check(create(ctypes.byref(program), text, b"kernels.cu", 0, None, None))
        result = self._library.nvrtcCompileProgram(
            program, len(words), (ctypes.c_char_p * len(words))(*words)
        )
        log = self._take(program, "ProgramLog").decode()
        assert result == 0, log
        assert "warning" not in log, log
        compiled = self._take(program, product)
        self._check(self._library.nvrtcDestroyProgram(ctypes.byref(program)))
        return compiled

    def _take(self, program: ctypes.c_void_p, what: str) -> bytes:
        size = ctypes.c_size_t()
        self._check(getattr(self._library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
        buffer = ctypes.create_string_buffer(size.value)
        self._check(getattr(self._library, f"nvrtcGet{what}")(program, buffer))
        return buffer.raw.rstrip(b"\0") if what == "ProgramLog" else buffer.raw

    @staticmethod
    def _check(result: int) -> None:
        assert result == 0, f"NVRTC error {result}"


@functools.cache
def installed() -> Path | None:
    """NVRTC as the package nvidia-cuda-nvrtc installs it."""
    spec = importlib.util.find_spec("nvidia")
    for folder in spec.submodule_search_locations or [] if spec else []:
        for path in sorted(Path(folder).glob("*/lib/libnvrtc.so.*"), reverse=True):
            if ".alt." not in path.name:
                return path
    return None


@pytest.fixture(scope="module")
def nvrtc() -> Nvrtc:
    path = installed()
    if path is None:
        pytest.skip("NVRTC is not installed; get it with: pip install nvidia-cuda-nvrtc")
    return Nvrtc(path)


@dataclass(frozen=True)
class Job:
    """A file to compile for a storage type and an architecture, perhaps one function alone."""

    file: str
    storage: str
    architecture: str
    only: str = ""

    def names(self) -> set[str]:
        """The kernels that the signatures want."""
        stages = (stage for signature in SIGNATURES.values() for stage in signature.stages)
        found = {stage.kernel for stage in stages if stage.file == self.file}
        if self.file == "losses":
            found.add("softmax_cross_entropy_labels")
        alone = self.only.partition(",")[0]
        return {f"{name}_{self.storage}" for name in found if not alone or name.startswith(alone)}


def jobs() -> Iterator[Job]:
    """Everything in float32 on every architecture, where nothing else is asked for; on the oldest
    the other types too, with one function of those that differ by their formula alone.
    """
    alone = {"activations": "gelu_tanh, GeluTanh", "updates": "adam, Adam"}
    for architecture in ARCHITECTURES:
        for file in ("gather", "plan"):
            yield Job(file, "i64", architecture)
        for file in sources.files():
            for storage in STORAGES:
                if EVERYTHING or storage == "f32":
                    yield Job(file, storage, architecture)
                elif architecture == ARCHITECTURES[0]:
                    yield Job(file, storage, architecture, alone.get(file, ""))


def test_every_kernel_compiles_for_every_architecture(nvrtc: Nvrtc) -> None:
    """To machine code: what is not in it is not there."""

    def missing(job: Job) -> set[str]:
        source = sources.translation_unit(job.file, job.storage, job.only)
        cubin = nvrtc.compile(source, *OPTIONS, FAST, f"-arch={job.architecture}")
        return {name for name in job.names() if f".text.{name}\0".encode() not in cubin}

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        work = list(jobs())
        for job, names in zip(work, pool.map(missing, work), strict=True):
            assert not names, f"{job}: no {names}"


@pytest.mark.parametrize(
    ("file", "functions"), [("activations", ACTIVATIONS), ("updates", UPDATES)]
)
def test_one_function_of_a_file_compiles_alone(
    nvrtc: Nvrtc, file: str, functions: dict[str, str]
) -> None:
    name, functor = next(reversed(functions.items()))
    source = sources.translation_unit(file, "f32", f"{name}, {functor}")
    cubin = nvrtc.compile(source, *OPTIONS, "-arch=sm_90")
    assert f".text.{name}_f32\0".encode() in cubin
    assert b".text.relu_f32\0" not in cubin
    assert b".text.sgd_f32\0" not in cubin


def test_memory_is_moved_sixteen_bytes_at_a_time(nvrtc: Nvrtc) -> None:
    for file, only in [("activations", "relu, Relu"), ("updates", "adam, Adam"), ("softmax", "")]:
        for storage in ("f32", "f16"):
            source = sources.translation_unit(file, storage, only)
            ptx = nvrtc.compile(source, *OPTIONS, "-arch=compute_80", product="PTX")
            for kernel in ptx.decode().split(".visible .entry ")[1:]:
                if not kernel.startswith("logsumexp_f"):
                    assert vectors(kernel, "st") >= 1, kernel[:60]
                assert vectors(kernel, "ld") >= 1, kernel[:60]


def vectors(ptx: str, kind: str) -> int:
    """Accesses of 16 bytes in a kernel's text."""
    return sum(
        line.strip().startswith((f"{kind}.v4", f"{kind}.global.v4")) for line in ptx.splitlines()
    )


def test_an_error_names_the_header_and_the_line(nvrtc: Nvrtc, monkeypatch: Any) -> None:
    read = sources._text
    broken = "\n\nerror here"

    def text(name: str) -> str:
        return broken if name == "mlpcore/normal.h" else read(name)

    monkeypatch.setattr(sources, "_text", text)
    with pytest.raises(AssertionError, match=r"mlpcore/normal\.h\(3\)"):
        nvrtc.compile(sources.translation_unit("activations", "f32"), *OPTIONS, "-arch=sm_75")
