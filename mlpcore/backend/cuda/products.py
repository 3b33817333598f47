"""Matrix products through cuBLASLt, which unlike CuPy's own can be captured in a CUDA graph."""

from __future__ import annotations

import functools
import math
import weakref
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from mlpcore.backend.cuda.timing import milliseconds
from mlpcore.backend.dispatch import Array

#: What NVIDIA recommends for Hopper, and more than any other needs.
WORKSPACE_BYTES = 32 << 20
#: An algorithm with an epilogue may need so many bytes more than it says.
SPARE_BYTES = 16
#: Biases, and members' distance in them, are multiples of so many bytes: algorithms may read them
#: by vectors of that length, and there is no preference that tells them not to.
BIAS_ALIGNMENT = 16
#: Algorithms that are timed, best by the heuristic first.
CANDIDATES = 8
#: By the results' dtype or the precision: cudaDataType of the operands and of the result, and the
#: cublasComputeType that multiplies them. TensorFloat-32 rounds float32 operands as it reads them.
_TYPES = {
    "float32": (0, 0, "COMPUTE_32F"),
    "float64": (1, 1, "COMPUTE_64F"),
    "tf32": (0, 0, "COMPUTE_32F_FAST_TF32"),
    "bfloat16": (14, 0, "COMPUTE_32F"),
    "float16": (2, 0, "COMPUTE_32F"),
}

#: The algorithms chosen so far and the workspace of each, by all that they may depend on.
_chosen: dict[Hashable, tuple[Any, int]] = {}


def available() -> bool:
    """Whether cuBLASLt can be called."""
    return not fault()


@functools.cache
def fault() -> str:
    """Why cuBLASLt cannot be called; empty where it can."""
    try:
        _library()[0].get_version()
    except (ImportError, OSError, RuntimeError) as reason:
        return f"nvmath-python, or the library that it binds: {reason}"
    return ""


def multiplied_in(precision: str, dtype: Any) -> str:
    """The type that products of a dtype multiply in: ``"auto"`` is that dtype."""
    return str(dtype.name) if precision == "auto" else precision


@dataclass(frozen=True)
class Matrix:
    """A matrix, or one for each member, as cuBLASLt sees it: by columns, and so transposed.

    Attributes:
        rows, columns: as they lie in memory, the columns contiguous.
        lead: elements from one row to the next.
        members: how many, and ``stride`` elements from one to the next; 0 where all share it.
    """

    address: int
    rows: int
    columns: int
    lead: int
    members: int
    stride: int

    @classmethod
    def of(cls, array: Array) -> Matrix:
        """An array ``(..., rows, columns)`` whose rows are contiguous.

        Raises:
            ValueError: for any other layout.
        """
        *leading, rows, columns = array.shape
        item = array.dtype.itemsize
        lead = columns if rows == 1 else array.strides[-2] // item
        members, stride = math.prod(leading), 0
        for size, step in zip(leading, array.strides[:-2]):
            if size > 1:
                stride = step // item
        if (columns > 1 and array.strides[-1] != item) or sum(s > 1 for s in leading) > 1:
            raise ValueError(
                f"got a matrix of shape {tuple(array.shape)} and strides {array.strides}, expected "
                "contiguous rows and at most one axis of members; pass a contiguous copy"
            )
        return cls(int(array.data.ptr), rows, columns, lead, members, stride)

    def alignment(self, item: int) -> int:
        """The bytes that every member's first element is aligned to, up to 256."""
        return math.gcd(256, self.address, self.stride * item)


@dataclass(frozen=True)
class Beside:
    """What an epilogue keeps for the derivative, or reads: a bit, or a number, for each result.

    Attributes:
        lead: bits or numbers from one row to the next, and ``stride`` from one member to the next.
    """

    array: Array
    lead: int
    stride: int


class Product:
    """``out = left @ right (+ bias)`` by rows, each operand perhaps transposed.

    An ``epilogue`` of cuBLASLt's, by its name there, is taken of the result as it is written: it
    adds the bias, or sums the columns into it (``BGRAD``), and keeps or reads what is ``beside``.

    By columns that is ``out^T = right^T left^T``: what lies in memory by rows is its own transpose
    to cuBLASLt, so the operands trade places and nothing is copied. The sums are in the type of
    ``out``, whatever the ``precision`` that is multiplied in.

    Attributes:
        needs: bytes of the workspace that the algorithm uses.
        workspace: those bytes, or more; products that run one after the other may share them.
        key: all that the time of the product depends on.

    Raises:
        NotImplementedError: where cuBLASLt has no algorithm, such as one with this epilogue.
    """

    def __init__(
        self,
        left: Array,
        right: Array,
        out: Array,
        bias: Array | None = None,
        *,
        transpose_left: bool = False,
        transpose_right: bool = False,
        epilogue: str = "",
        beside: Beside | None = None,
        precision: str = "auto",
        workspace: Array,
    ):
        self._blas, enums = _library()
        self._kept = (left, right, out, bias, beside)
        self.workspace = workspace
        self._handle = _handle(out.device.id)
        matrices = [Matrix.of(array) for array in (right, left, out)]
        self._addresses = [matrix.address for matrix in matrices]
        self._kind = multiplied_in(precision, out.dtype)
        of_operands, of_result, name = _TYPES[self._kind]
        compute = int(enums.ComputeType[name])
        self._alpha, self._beta = np.ones(1, out.dtype), np.zeros(1, out.dtype)
        members = max(matrix.members for matrix in matrices)
        self._description = self._blas.matmul_desc_create(compute, of_result)
        types = of_operands, of_operands, of_result
        self._layouts = [
            self._layout(own, matrix, members) for own, matrix in zip(types, matrices, strict=True)
        ]
        release = weakref.finalize(self, _release, self._blas, self._description, self._layouts)
        release.atexit = False
        for attribute, transposed in (("TRANSA", transpose_right), ("TRANSB", transpose_left)):
            self._describe(attribute, int(enums.Operation.T if transposed else enums.Operation.N))
        epilogue = epilogue or ("DEFAULT" if bias is None else "BIAS")
        self._describe("EPILOGUE", int(self._blas.Epilogue[epilogue]))
        stride = lead = 0
        if bias is not None:
            stride = bias.strides[0] // bias.dtype.itemsize if bias.ndim > 1 else 0
            if (int(bias.data.ptr) | stride * bias.dtype.itemsize) % BIAS_ALIGNMENT:
                raise NotImplementedError(
                    f"cuBLASLt takes biases whose members start on {BIAS_ALIGNMENT} bytes"
                )
            self._describe("BIAS_POINTER", int(bias.data.ptr))
            self._describe("BIAS_BATCH_STRIDE", stride)
        if beside is not None:
            lead = beside.lead
            self._describe("EPILOGUE_AUX_POINTER", int(beside.array.data.ptr))
            self._describe("EPILOGUE_AUX_LD", lead)
            self._describe("EPILOGUE_AUX_BATCH_STRIDE", beside.stride)
        alignments = [
            matrix.alignment(array.dtype.itemsize)
            for matrix, array in zip(matrices, (right, left, out), strict=True)
        ]
        shapes = [(m.rows, m.columns, m.lead, m.members, m.stride) for m in matrices]
        how = (out.device.id, self._kind, transpose_left, transpose_right, epilogue, stride, lead)
        self.key = (*how, *alignments, *shapes)
        if self.key not in _chosen:
            _chosen[self.key] = self._choose(alignments)
        self._algorithm, self.needs = _chosen[self.key]

    def run(self) -> None:
        """Start the product on the current stream."""
        self._multiply(self._algorithm)

    def _multiply(self, algorithm: Any) -> None:
        import cupy

        right, left, out = self._addresses
        of_right, of_left, of_out = self._layouts
        try:
            self._blas.matmul(
                self._handle,
                self._description,
                self._alpha.ctypes.data,
                right,
                of_right,
                left,
                of_left,
                self._beta.ctypes.data,
                out,
                of_out,
                out,
                of_out,
                algorithm.ctypes.data,
                int(self.workspace.data.ptr),
                self.workspace.nbytes,
                cupy.cuda.get_current_stream().ptr,
            )
        except self._blas.cuBLASLtError as fault:  # the heuristic promised too much
            raise NotImplementedError(f"{self._missing()}: {fault}") from fault

    def _layout(self, kind: int, matrix: Matrix, members: int) -> int:
        blas = self._blas
        layout = blas.matrix_layout_create(kind, matrix.columns, matrix.rows, matrix.lead)
        for name, value in (("BATCH_COUNT", members), ("STRIDED_BATCH_OFFSET", matrix.stride)):
            attribute = blas.MatrixLayoutAttribute[name]
            holder = np.array([value], blas.get_matrix_layout_attribute_dtype(attribute))
            setting = int(attribute), holder.ctypes.data, holder.nbytes
            blas.matrix_layout_set_attribute(layout, *setting)
        return int(layout)

    def _describe(self, name: str, value: int) -> None:
        attribute = self._blas.MatmulDescAttribute[name]
        holder = np.array([value], self._blas.get_matmul_desc_attribute_dtype(attribute))
        setting = int(attribute), holder.ctypes.data, holder.nbytes
        self._blas.matmul_desc_set_attribute(self._description, *setting)

    def _choose(self, alignments: list[int]) -> tuple[Any, int]:
        """The fastest of the algorithms that the heuristic proposes, and what it needs.

        Even one alone is run, for the device may refuse what the heuristic knows.
        """
        found = self._candidates(alignments)
        times = {}
        for number, (algorithm, _) in enumerate(found):
            with suppress(NotImplementedError):
                times[number] = milliseconds(partial(self._multiply, algorithm))
        if not times:
            raise NotImplementedError(self._missing())
        return found[min(times, key=lambda number: times[number])]

    def _candidates(self, alignments: list[int]) -> list[tuple[Any, int]]:
        blas = self._blas
        preference = blas.matmul_preference_create()
        wishes = {"MAX_WORKSPACE_BYTES": self.workspace.nbytes}
        for operand, alignment in zip("ABCD", (*alignments, alignments[-1]), strict=True):
            wishes[f"MIN_ALIGNMENT_{operand}_BYTES"] = alignment
        results = np.zeros(CANDIDATES, blas.matmul_heuristic_result_dtype)
        count = np.zeros(1, np.int32)
        try:
            for name, value in wishes.items():
                attribute = blas.MatmulPreferenceAttribute[name]
                holder = np.array([value], blas.get_matmul_preference_attribute_dtype(attribute))
                setting = int(attribute), holder.ctypes.data, holder.nbytes
                blas.matmul_preference_set_attribute(preference, *setting)
            of_right, of_left, of_out = self._layouts
            layouts = of_right, of_left, of_out, of_out
            places = results.ctypes.data, count.ctypes.data
            blas.matmul_algo_get_heuristic(
                self._handle, self._description, *layouts, preference, CANDIDATES, *places
            )
        except blas.cuBLASLtError as fault:
            raise NotImplementedError(f"{self._missing()}: {fault}") from fault
        finally:
            blas.matmul_preference_destroy(preference)
        usable = results[: int(count[0])]
        usable = usable[usable["state"] == 0]
        if len(usable) == 0:
            raise NotImplementedError(self._missing())
        return [
            (usable["algo"][i : i + 1].copy(), int(usable["workspace_size"][i]))
            for i in range(len(usable))
        ]

    def _missing(self) -> str:
        return f"cuBLASLt has no algorithm for a product in {self._kind} on this device"


def _library() -> tuple[Any, Any]:
    """The binding of cuBLASLt, and that of cuBLAS, which has the enumerations of both."""
    from nvmath.bindings import cublas, cublasLt

    return cublasLt, cublas


@functools.cache
def _handle(device: int) -> int:
    """One for each device, for the life of the process; the device is the current one."""
    return int(_library()[0].create())


def _release(blas: Any, description: int, layouts: list[int]) -> None:
    blas.matmul_desc_destroy(description)
    for layout in layouts:
        blas.matrix_layout_destroy(layout)
