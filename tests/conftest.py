"""What the tests share: every array library at hand, and references computed another way."""

from __future__ import annotations

import importlib.util
import signal
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from mlpcore.backend import kernels

# A shell starts what it runs in the background with Ctrl-C ignored.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

with warnings.catch_warnings():
    # Said once, here, so that a test which turns warnings into errors does not stumble over it.
    warnings.filterwarnings("ignore", ".*compiled kernels.*slower array bodies serve")
    kernels.native()


@dataclass(frozen=True)
class Library:
    """An array library to run a test on.

    Attributes:
        name: what the test report shows.
        xp: the namespace.
        readonly: NumPy arrays that refuse to be written to, which shows any change of an input.
    """

    name: str
    xp: Any
    readonly: bool = False

    def array(self, values: Any, dtype: str = "float64") -> Any:
        """``values`` as an array of this library."""
        if self.xp is not np:
            return self.xp.asarray(np.array(values), dtype=getattr(self.xp, dtype))
        array = np.array(values, dtype=dtype)
        array.flags.writeable = not self.readonly
        return array

    def numpy(self, array: Any) -> np.ndarray:
        """An array of this library as a NumPy array; fails for an array of another."""
        own = type(self.xp.zeros(1))
        assert isinstance(array, own) or (self.xp is np and isinstance(array, np.generic))
        return np.asarray(array.get() if self.name == "cupy" else array)


def _libraries() -> list[Any]:
    found = [Library("numpy", np), Library("numpy-readonly", np, readonly=True)]
    if importlib.util.find_spec("array_api_strict"):
        import array_api_strict

        found.append(Library("array-api-strict", array_api_strict))
    if importlib.util.find_spec("torch"):
        from array_api_compat import torch

        found.append(Library("torch", torch))
    parameters = [pytest.param(library, id=library.name) for library in found]
    if importlib.util.find_spec("cupy"):
        from array_api_compat import cupy

        if cupy.is_available():
            library = Library("cupy", cupy)
            parameters.append(pytest.param(library, id=library.name, marks=pytest.mark.gpu))
    return parameters


@pytest.fixture(params=_libraries())
def library(request: pytest.FixtureRequest) -> Library:
    """Each array library at hand in turn."""
    return request.param


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> str:
    """Each floating-point type in turn."""
    return request.param


@pytest.fixture(params=[(), (3,)], ids=["single", "stacked"])
def members(request: pytest.FixtureRequest) -> tuple[int, ...]:
    """The leading axes: of one network, and of a stack."""
    return request.param


def _instruction_sets() -> Iterator[str]:
    native = kernels.native()
    if native is None:
        return
    current = native.info()["instruction_set"]
    for name in native.info()["instruction_sets"]:
        try:
            native.use_instruction_set(name)
        except ValueError:
            continue
        yield name
    native.use_instruction_set(current)


@pytest.fixture(params=list(_instruction_sets()))
def instruction_set(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each instruction set of the kernels that this processor can run."""
    native = kernels.native()
    current = native.info()["instruction_set"]
    native.use_instruction_set(request.param)
    yield request.param
    native.use_instruction_set(current)


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers for the tests' inputs."""
    return np.random.default_rng(20240607)


@pytest.fixture
def central_difference() -> Callable[..., np.ndarray]:
    """``central_difference(f, x, dy)``: the gradient of ``sum(dy * f(x))`` in float64."""

    def gradient(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, dy: Any) -> np.ndarray:
        result = np.empty_like(x)
        for place in np.ndindex(x.shape):
            h = np.zeros_like(x)
            h[place] = 1e-5
            result[place] = np.sum(dy * (f(x + h) - f(x - h))) / 2e-5
        return result

    return gradient


@pytest.fixture
def philox_word() -> Callable[..., int]:
    """``philox_word(i, ...)``: word ``i`` of a stream, from Python's unbounded integers."""

    def word(i: int, *, seed: int, member: int, purpose: int, step: int, layer: int = 0) -> int:
        c = [i // 4, step, purpose + 256 * layer, member]
        k = [seed % 2**32, seed // 2**32]
        for _ in range(10):
            a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
            c = [b // 2**32 ^ c[1] ^ k[0], b % 2**32, a // 2**32 ^ c[3] ^ k[1], a % 2**32]
            k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
        return c[i % 4]

    return word
