"""Checks the arguments of a kernel and packs them into the one structure that it takes."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from mlpcore.backend.cuda.signatures import Option, Signature, Slot
from mlpcore.backend.dispatch import Array

#: Names of the storage types, and of the types that compute with them.
_STORAGE = {
    "float32": "f32",
    "float64": "f64",
    "float16": "f16",
    "bfloat16": "bf16",
    "int64": "i64",
}
_COMPUTING = {"f32": "float32", "f64": "float64", "f16": "float32", "bf16": "float32"}
_REAL, _INTEGER, _INTEGER_AS_REAL = range(3)
_OPERANDS, _SETTINGS = 12, 10
_WORD = 2**64 - 1


class Refused(TypeError):
    """The kernels do not take these arguments; the body does, or says what is wrong."""


@dataclass(frozen=True)
class Stepped:
    """An array that lies ``stride`` bytes further in each next step of a plan."""

    array: Array
    stride: int


@dataclass(frozen=True)
class Clock:
    """What the kernels of a plan read of its progress.

    Attributes:
        step: the number of the step, one int64.
        live: for each member whether it may be changed, int64 ``(E,)``.
    """

    step: Array
    live: Array


@dataclass
class Call:
    """A checked call, as kernels/cuda/call.h lays it out.

    Attributes:
        operands: address, member stride and step stride of inputs, outputs and scratch.
        settings: value, address, member stride, step stride and kind of each parameter.
        storage: the storage type.
        rows, columns, members: the sizes; the columns may be all there is, in one row.
        labels: whether a loss's target holds labels.
        variant: what the parameters append to the kernel's name.
        clock: of the plan that the call belongs to.
        kept: memory that must stay until the kernels have run.
    """

    signature: Signature
    xp: Any
    operands: list[tuple[int, int, int]] = field(default_factory=list)
    settings: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    storage: str = ""
    rows: int = 1
    columns: int = 1
    members: int = 1
    labels: bool = False
    variant: str = ""
    clock: Clock | None = None
    kept: list[Any] = field(default_factory=list)

    @property
    def item(self) -> int:
        """Bytes of a number as it is stored."""
        return {"f16": 2, "bf16": 2, "f32": 4}.get(self.storage, 8)

    @property
    def computed_item(self) -> int:
        """Bytes of a number as it is computed with."""
        return max(self.item, 4)

    def add_scratch(self, size: int) -> None:
        """One more operand: ``size`` bytes for each member."""
        stride = -(-size // 16) * 16
        memory = self.xp.empty((self.members * stride,), dtype="uint8")
        self.kept.append(memory)
        self.operands.append((_address(memory), stride, 0))

    def packed(self, parts: int, team: int) -> Any:
        """The structure as CuPy passes it by value: an array of one item."""
        words = [word for operand in self.operands for word in operand]
        words += [0] * (3 * _OPERANDS - len(words))
        words += [word for setting in self.settings for word in setting]
        words += [0] * (3 * _OPERANDS + 5 * _SETTINGS - len(words))
        words += [self.rows, self.columns, parts, team, self.members]
        clock, guarded = self.clock, self.signature.guarded
        words += [0 if clock is None else _address(clock.step)]
        words += [0 if clock is None or not guarded else _address(clock.live)]
        whole = [word & _WORD for word in words]  # members may lie backwards
        return np.array(whole, dtype=np.uint64).view(f"V{8 * len(words)}")


def bind(
    signature: Signature,
    xp: Any,
    inputs: list[Any],
    outputs: list[Any],
    parameters: Any,
    clock: Clock | None = None,
) -> Call:
    """Check a call against its signature; in a plan, which has a ``clock``, arrays may be stepped.

    Raises:
        Refused: for what the kernels do not take.
    """
    return _Binder(Call(signature, xp, clock=clock), parameters).run(inputs, outputs)


class _Binder:
    def __init__(self, call: Call, parameters: dict[str, Any]):
        self.call = call
        self.strides: dict[int, int] = {}  # of stepped arrays, by their addresses
        self.parameters = {name: self._unwrapped(value) for name, value in parameters.items()}
        self.sizes: dict[str, Any] = {"": 1}
        self.merged = False

    def run(self, inputs: list[Any], outputs: list[Any]) -> Call:
        call, signature = self.call, self.call.signature
        inputs, outputs = ([*map(self._unwrapped, arrays)] for arrays in (inputs, outputs))
        given = [*_placed(signature.inputs, inputs), *_placed(signature.outputs, outputs)]
        self.merged = signature.merges and self._one_after_another(given)
        self._choose_storage(given)
        for slot, array in given:
            call.operands.append((0, 0, 0) if array is None else self._operand(slot, array))
        call.rows, call.columns = self.sizes[signature.rows], self.sizes[signature.columns]
        call.variant = self._variant()
        call.settings = [self._setting(option) for option in signature.options]
        if self.parameters:
            raise Refused(f"no parameter is called {next(iter(self.parameters))}")
        if call.rows * call.columns == 0:
            raise Refused("nothing to do")
        written = call.operands[len(signature.inputs) :]
        if call.members > 1 and any(address and not stride for address, stride, _ in written):
            raise Refused("a result has no axis of members")
        return call

    def _unwrapped(self, value: Any) -> Any:
        if not isinstance(value, Stepped):
            return value
        self.strides[_address(value.array)] = value.stride
        return value.array

    def _place(self, array: Array) -> tuple[int, int]:
        """Where an array lies, and how far each next step takes it."""
        address = _address(array)
        return address, self.strides.get(address, 0)

    def _one_after_another(self, given: list[tuple[Slot, Array | None]]) -> bool:
        """Whether members can be taken as one: no gaps, and no parameters of their own."""
        arrays = [array for _, array in given if array is not None]
        return all(array.flags.c_contiguous for array in arrays) and all(
            math.prod(getattr(value, "shape", ())) == 1 for value in self.parameters.values()
        )

    def _choose_storage(self, given: list[tuple[Slot, Array | None]]) -> None:
        arrays = [(slot, array) for slot, array in given if array is not None and slot.kind != "#"]
        stored = [array for slot, array in arrays if slot.matrix and slot.kind != "@"]
        first = stored[0] if stored else arrays[0][1]
        self.call.storage = self.call.signature.storage or _STORAGE.get(first.dtype.name, "")
        anything = any(slot.kind == "~" for slot, _ in arrays)
        if not self.call.storage or (self.call.storage == "i64" and not anything):
            raise Refused(f"no kernel for {first.dtype.name}")

    def _operand(self, slot: Slot, array: Array) -> tuple[int, int, int]:
        axes = slot.axes
        if slot.kind == "@" and array.dtype.name == "int64":
            axes, self.call.labels = axes[:-1], True
        elif array.dtype.name != self._dtype(slot):
            raise Refused(f"{slot.name} has dtype {array.dtype.name}")
        if not isinstance(array, self.call.xp.ndarray):
            raise Refused(f"{slot.name} is no CuPy array")
        if self.merged:
            return self._merged(axes, array)
        axes = ("n", "k") if axes == ("*",) else axes
        trailing = len(array.shape) - len(axes)
        if trailing < 0:
            raise Refused(f"{slot.name} has too few axes")
        expected = array.dtype.itemsize
        last = zip(axes, array.shape[trailing:], array.strides[trailing:], strict=True)
        for axis, size, stride in reversed(list(last)):
            self._agree(axis, size)
            if size > 1 and stride != expected:
                raise Refused(f"{slot.name} is a view whose rows are not contiguous")
            expected *= size
        address, step = self._place(array)
        return address, self._member_stride(array, trailing), step

    def _dtype(self, slot: Slot) -> str:
        storage = self.call.storage
        if slot.kind == "#":
            return "int64"
        if slot.kind == "^":
            return f"uint{8 * self.call.item}"
        if slot.matrix:
            return next(name for name, short in _STORAGE.items() if short == storage)
        return _COMPUTING.get(storage, "")

    def _merged(self, axes: tuple[str, ...], array: Array) -> tuple[int, int, int]:
        """The members' rows behind each other; elementwise, everything in one row."""
        shape = tuple(array.shape)
        if axes == ("*",):
            self._agree("shape", shape)
            self._agree("n", 1)
            self._agree("k", math.prod(shape))
        else:
            if len(axes) == 2:
                *leading, columns = shape
                self._agree("k", columns)
                shape = tuple(leading)
            self._agree("shape", shape)
            self._agree("n", math.prod(shape))
        address, step = self._place(array)
        return address, 0, step

    def _agree(self, what: str, size: Any) -> None:
        if self.sizes.setdefault(what, size) != size:
            raise Refused(f"{what} is {size} here and {self.sizes[what]} there")

    def _member_stride(self, array: Array, leading: int) -> int:
        """The leading axes as one axis of members, in bytes from one to the next."""
        members, stride = 1, 0
        axes = zip(array.shape[:leading], array.strides[:leading], strict=True)
        for size, step in reversed(list(axes)):
            if size == 1:
                continue
            if members == 1:
                stride = step
            elif step != stride * members:
                raise Refused("the members are not evenly spaced")
            members *= size
        if members > 1:
            self._agree("members", tuple(size for size in array.shape[:leading] if size != 1))
            self.call.members = members
        return stride

    def _variant(self) -> str:
        approximate = self.parameters.pop("approximate", "none")
        if approximate not in ("none", "tanh"):
            raise Refused(f"no approximation is called {approximate}")
        return "_tanh" if approximate == "tanh" else ""

    def _setting(self, option: Option) -> tuple[int, int, int, int, int]:
        value = self.parameters.pop(option.name, option.default)
        if value is None:
            value = math.inf
        if isinstance(value, Real):
            return self._number(option, value), 0, 0, 0, 0
        xp = self.call.xp
        array = value if isinstance(value, xp.ndarray) else xp.asarray(value)
        whole = array.dtype.kind in "iu"
        if option.integer and not whole:
            raise Refused(f"{option.name} is no integer")
        if array.dtype.itemsize != 8:
            array = array.astype("int64" if whole else "float64")
        self.call.kept.append(array)
        kind = _REAL if not whole else _INTEGER if option.integer else _INTEGER_AS_REAL
        address, step = self._place(array)
        return 0, address, self._member_stride(array, len(array.shape)), step, kind

    def _number(self, option: Option, value: Any) -> int:
        if not option.integer:
            return int(struct.unpack("<Q", struct.pack("<d", float(value)))[0])
        if value == math.inf:
            return _WORD
        if value != int(value):
            raise Refused(f"{option.name} is no integer")
        return int(value) & _WORD


def _placed(slots: tuple[Slot, ...], arrays: list[Array]) -> list[tuple[Slot, Array | None]]:
    """Each slot with its array; arrays that are left out at the end are ``None``."""
    wanted = [slot for slot in slots if not slot.absent]
    if len(arrays) > len(wanted):
        raise Refused(f"got {len(arrays)} arrays for {len(wanted)} places")
    rest = iter([*arrays, *[None] * (len(wanted) - len(arrays))])
    placed = [(slot, None if slot.absent else next(rest)) for slot in slots]
    for slot, array in placed:
        if array is None and not slot.absent and not slot.optional:
            raise Refused(f"{slot.name} is None")
    return placed


def _address(array: Array) -> int:
    return int(array.data.ptr)
