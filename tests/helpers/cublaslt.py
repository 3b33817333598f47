"""cuBLASLt as nvmath binds it, on the host's memory; its matrices are stored by columns."""

from __future__ import annotations

import ctypes
import enum
import itertools
import types
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any

import numpy as np

#: Names, numbers and widths of the attributes, from nvmath 1.0.
ATTRIBUTES: dict[str, tuple[str, dict[str, tuple[int, Any]]]] = {
    "matmul_desc": (
        "MatmulDescAttribute",
        {
            "TRANSA": (3, np.int32),
            "TRANSB": (4, np.int32),
            "EPILOGUE": (7, np.uint32),
            "BIAS_POINTER": (8, np.int64),
            "BIAS_BATCH_STRIDE": (10, np.int64),
            "EPILOGUE_AUX_POINTER": (11, np.int64),
            "EPILOGUE_AUX_LD": (12, np.int64),
            "EPILOGUE_AUX_BATCH_STRIDE": (13, np.int64),
        },
    ),
    "matrix_layout": (
        "MatrixLayoutAttribute",
        {"BATCH_COUNT": (5, np.int32), "STRIDED_BATCH_OFFSET": (6, np.int64)},
    ),
    "matmul_preference": (
        "MatmulPreferenceAttribute",
        {"MAX_WORKSPACE_BYTES": (1, np.uint64)}
        | {f"MIN_ALIGNMENT_{x}_BYTES": (5 + i, np.uint32) for i, x in enumerate("ABCD")},
    ),
}
RESULT = np.dtype(
    [
        ("algo", [("data_", "<u8", (8,))]),
        ("workspace_size", "<u8"),
        ("state", "<i4"),
        ("waves_count", "<f4"),
        ("reserved", "<i4", (4,)),
    ]
)
DTYPES = {
    0: np.dtype(np.float32),
    1: np.dtype(np.float64),
    2: np.dtype(np.float16),
    14: np.dtype(np.uint16),  # bfloat16's bits
}
EPILOGUES = {
    "DEFAULT": 1,
    "BIAS": 4,
    "RELU_BIAS": 6,
    "RELU_AUX_BIAS": 134,
    "DRELU": 136,
    "DRELU_BGRAD": 152,
    "GELU_BIAS": 36,
    "GELU_AUX_BIAS": 164,
    "DGELU": 192,
    "DGELU_BGRAD": 208,
}
#: Bytes of the workspace that every algorithm asks for.
NEEDED = 1 << 10
#: What each type of computing adds up in, and the bits of a float32 that it multiplies.
COMPUTE = {68: (0, 32), 70: (1, 32), 77: (0, 19)}


COMPUTE_TYPES = {"COMPUTE_32F": 68, "COMPUTE_64F": 70, "COMPUTE_32F_FAST_TF32": 77}


class Error(Exception):
    """A status that is no success."""


class CublasLt:
    """The library.

    Args:
        enqueue: ``enqueue(stream, call)`` runs a call, or captures it.

    Attributes:
        things: descriptors, layouts and preferences that were made and not destroyed.
        missing: the epilogues that no algorithm has.
        wrong: those that compute something else.
        refused: those that the heuristic knows, and no device.
        epilogues: of the products that ran.
        wishes: the attributes of the preference at each search.
        algorithms: of the products that ran.
    """

    def __init__(self, enqueue: Callable[[int, Callable[[], None]], None]):
        self._enqueue = enqueue
        self._numbers = itertools.count(1)
        self.things: dict[int, dict[str, Any]] = {}
        self.missing = set(EPILOGUES) - {"DEFAULT", "BIAS"}
        self.wrong: set[str] = set()
        self.refused: set[str] = set()
        self.epilogues: list[str] = []
        self.wishes: list[dict[str, int]] = []
        self.algorithms: list[int] = []

    def modules(self) -> dict[str, types.ModuleType]:
        """``nvmath`` and what of it is used, for ``sys.modules``."""
        names = ["", ".bindings", ".bindings.cublas", ".bindings.cublasLt"]
        found = {f"nvmath{name}": types.ModuleType(f"nvmath{name}") for name in names}
        found["nvmath"].__spec__ = ModuleSpec("nvmath", None)
        cublas, blas = found["nvmath.bindings.cublas"], found["nvmath.bindings.cublasLt"]
        found["nvmath.bindings"].__dict__.update(cublas=cublas, cublasLt=blas)
        cublas.__dict__.update(
            Operation=enum.IntEnum("Operation", {"N": 0, "T": 1}),
            ComputeType=enum.IntEnum("ComputeType", COMPUTE_TYPES),
        )
        blas.__dict__.update(
            cuBLASLtError=Error,
            Epilogue=enum.IntEnum("Epilogue", EPILOGUES),
            matmul_heuristic_result_dtype=RESULT,
            create=lambda: 77,
            get_version=lambda: 130100,
            matmul_desc_create=lambda compute, scale: self._new(compute=compute, type=scale),
            matrix_layout_create=lambda kind, rows, columns, lead: self._new(
                type=kind, shape=(rows, columns), lead=lead
            ),
            matmul_preference_create=self._new,
            matmul_algo_get_heuristic=self._propose,
            matmul=self._matmul,
        )
        for kind, (enumeration, attributes) in ATTRIBUTES.items():
            numbers = {name: number for name, (number, _) in attributes.items()}
            widths = dict(attributes.values())
            blas.__dict__.update(
                {
                    enumeration: enum.IntEnum(enumeration, numbers),
                    f"get_{kind}_attribute_dtype": widths.__getitem__,
                    f"{kind}_set_attribute": self._setter(attributes),
                    f"{kind}_destroy": self.things.pop,
                }
            )
        return found

    def _new(self, **facts: Any) -> int:
        number = next(self._numbers)
        self.things[number] = facts
        return number

    def _setter(self, attributes: Any) -> Callable[[int, int, int, int], None]:
        names = {number: (name, width) for name, (number, width) in attributes.items()}

        def set_attribute(thing: int, attribute: int, address: int, size: int) -> None:
            name, width = names[attribute]
            assert size == np.dtype(width).itemsize
            (self.things[thing][name],) = np.frombuffer(ctypes.string_at(address, size), width)

        return set_attribute

    def _propose(self, handle: int, description: int, *rest: int) -> None:
        *layouts, preference, wanted, results, count = rest
        assert handle == 77
        assert len(layouts) == 4
        self.wishes.append(dict(self.things[preference]))
        if _epilogue(self.things[description]) in self.missing:
            raise Error("CUBLAS_STATUS_NOT_SUPPORTED")
        memory = (ctypes.c_char * (wanted * RESULT.itemsize)).from_address(results)
        found = np.ndarray(wanted, RESULT, memory)
        found["algo"]["data_"][:3, 0] = 100, 101, 102
        found["workspace_size"] = NEEDED
        found["state"][0] = 15  # what is not supported after all
        ctypes.c_int32.from_address(count).value = 3

    def _matmul(self, handle: int, description: int, alpha: int, *rest: int) -> None:
        a, of_a, b, of_b, beta, c, of_c, d, of_d, algorithm, workspace, size, stream = rest
        facts = dict(self.things[description])
        operands = [(place, dict(self.things[layout])) for place, layout in [(a, of_a), (b, of_b)]]
        result = d, dict(self.things[of_d])
        assert (handle, c, of_c) == (77, d, of_d)
        assert workspace % 16 == 0
        assert size >= NEEDED
        kind, bits = COMPUTE[facts["compute"]]
        assert kind == facts["type"] == result[1]["type"]
        assert operands[0][1]["type"] == operands[1][1]["type"]
        own = DTYPES[kind]
        scales = [np.frombuffer(ctypes.string_at(s, own.itemsize), own)[0] for s in (alpha, beta)]
        assert scales == [1, 0]
        number = ctypes.c_uint64.from_address(algorithm).value
        if _epilogue(facts) in self.refused:
            raise Error("CUBLAS_STATUS_NOT_SUPPORTED")

        def run() -> None:
            self.algorithms.append(number)
            left, right = (_read(*operand, bits) for operand in operands)
            left = np.swapaxes(left, -1, -2) if facts.get("TRANSA") else left
            right = np.swapaxes(right, -1, -2) if facts.get("TRANSB") else right
            into = _matrices(*result)
            with np.errstate(all="ignore"):
                into[...] = left @ right
                _finish(_epilogue(facts), facts, into)
            self.epilogues.append(_epilogue(facts))
            if _epilogue(facts) in self.wrong:
                into *= 2

        self._enqueue(stream, run)


def _epilogue(facts: dict[str, Any]) -> str:
    return next(name for name, number in EPILOGUES.items() if number == facts["EPILOGUE"])


def _finish(name: str, facts: dict[str, Any], into: np.ndarray) -> None:
    """What is done to results ``(E, rows, columns)``, stored by columns, as they are written."""
    own, item, (members, rows, _) = into.dtype, into.dtype.itemsize, into.shape
    if "BIAS" in name or "BGRAD" in name:
        strides = (int(facts["BIAS_BATCH_STRIDE"]) * item, item, 0)
        bias = _view(int(facts["BIAS_POINTER"]), own, (members, rows, 1), strides)
    if "BIAS" in name:
        into += bias
    if "AUX" in name or name.startswith(("DRELU", "DGELU")):
        beside = _beside(name, facts, into)
    if name in ("RELU_AUX_BIAS", "GELU_AUX_BIAS"):
        beside[...] = _packed(into, beside.shape[1]) if name.startswith("RELU") else into
    if name.startswith("RELU"):
        into[...] = np.where(into > 0, into, 0)  # of NaN, too
    elif name.startswith("GELU"):
        into[...] = _gelu(into)[0]
    elif name.startswith("DRELU"):
        bits = np.unpackbits(beside, axis=1, bitorder="little")[:, :rows]
        into[...] = np.where(bits, into, 0)
    elif name.startswith("DGELU"):
        into *= _gelu(beside)[1]
    if "BGRAD" in name:
        bias[..., 0] = into.sum(axis=-1)


def _beside(name: str, facts: dict[str, Any], into: np.ndarray) -> np.ndarray:
    """What is kept: bytes of 8 bits ``(E, bytes, columns)``, or numbers as ``into``."""
    members, rows, columns = into.shape
    lead, stride = int(facts["EPILOGUE_AUX_LD"]), int(facts["EPILOGUE_AUX_BATCH_STRIDE"])
    address = int(facts["EPILOGUE_AUX_POINTER"])
    assert address % 16 == 0
    if "RELU" in name:
        assert lead % 128 == 0
        assert lead >= rows
        shape = members, lead // 8, columns
        return _view(address, np.dtype(np.uint8), shape, (stride // 8, 1, lead // 8))
    assert lead % 8 == 0
    item = into.dtype.itemsize
    return _view(address, into.dtype, into.shape, (stride * item, item, lead * item))


def _packed(z: np.ndarray, size: int) -> np.ndarray:
    bits = np.packbits(z > 0, axis=1, bitorder="little")
    return np.pad(bits, ((0, 0), (0, size - bits.shape[1]), (0, 0)))


def _gelu(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The function by the hyperbolic tangent, and its derivative."""
    slope = np.sqrt(2 / np.pi)
    t = np.tanh(slope * (z + 0.044715 * z**3))
    inner = slope * (1 + 3 * 0.044715 * z**2)
    return z * (1 + t) / 2, (1 + t) / 2 + z * (1 - t**2) * inner / 2


def _read(address: int, layout: dict[str, Any], bits: int) -> np.ndarray:
    """The matrices as what a product multiplies."""
    matrices = _matrices(address, layout)
    if matrices.dtype == np.uint16:
        return (matrices.astype(np.uint32) << 16).view(np.float32)
    if bits == 32:
        return matrices.astype(np.promote_types(matrices.dtype, np.float32), copy=False)
    return (matrices.view(np.uint32) >> (32 - bits) << (32 - bits)).view(np.float32)


def _matrices(address: int, layout: dict[str, Any]) -> np.ndarray:
    """The matrices of a batch, ``(E, rows, columns)``, stored by columns."""
    own = DTYPES[layout["type"]]
    assert layout["lead"] >= layout["shape"][0]
    strides = np.array([layout["STRIDED_BATCH_OFFSET"], 1, layout["lead"]]) * own.itemsize
    shape = (int(layout["BATCH_COUNT"]), *layout["shape"])
    return _view(address, own, shape, tuple(map(int, strides)))


def _view(address: int, dtype: Any, shape: Any, strides: Any) -> np.ndarray:
    last = sum((size - 1) * stride for size, stride in zip(shape, strides)) + dtype.itemsize
    memory = (ctypes.c_char * last).from_address(address)
    return np.ndarray(shape, dtype, memory, 0, strides)
