"""How many threads a call gets, and how they share its work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlpcore.backend.cuda.binding import Call
from mlpcore.backend.cuda.signatures import ACTIVATIONS, UPDATES, Stage

_BLOCK = 256
_WARP = 32
#: Blocks of that size for each multiprocessor: about what it holds at once where what they leave
#: must be joined, and elsewhere more, so that none is without work while the last ones run.
_BLOCKS_OF_PARTS, _BLOCKS = 8, 32
#: Rows that a part of a sum over rows has at least: fewer would cost more to join than to sum.
_ROWS_OF_A_PART = 16
_LARGEST_GRID = 65535


@dataclass(frozen=True)
class Launch:
    """One launch of a kernel, bound to its memory."""

    kernel: Any
    grid: tuple[int, int]
    threads: int
    argument: Any
    kept: tuple[Any, ...]

    def run(self) -> None:
        """Start the kernel on the current stream."""
        self.kernel(self.grid, (self.threads,), (self.argument,))


@dataclass(frozen=True)
class Shape:
    """Where to find a kernel, and its launch.

    Attributes:
        only: the function to compile alone, see `translation_unit`.
    """

    file: str
    only: str
    kernel: str
    grid: tuple[int, int]
    threads: int


def shapes(call: Call, processors: int) -> tuple[list[Shape], Any]:
    """The launches of a call, and the argument that they share; allocates the scratch."""
    plan = _Plan(call, processors)
    for scratch in call.signature.scratch:
        call.add_scratch(plan.scratch_bytes(scratch))
    return list(plan.shapes()), call.packed(plan.parts, plan.team)


class _Plan:
    def __init__(self, call: Call, processors: int):
        self.call = call
        self.chunk = 16 // call.item
        self.chunks = -(-call.columns // self.chunk)  # of a row
        self.processors = processors
        self.team = _team(self.chunks)
        stages = call.signature.stages
        self.main = next(s.share for s in stages if s.share not in ("weights", "join", "total"))
        self.parts = self._parts()

    def _parts(self) -> int:
        if self.main == "parts":
            affordable = self._most(_BLOCKS_OF_PARTS) * _BLOCK // self.chunks
            return max(1, min(affordable, self.call.rows // _ROWS_OF_A_PART))
        return self._blocks(self.main) * _BLOCK // _WARP

    def _most(self, blocks: int) -> int:
        """Blocks for each member, from those for each multiprocessor."""
        return max(1, self.processors * blocks // self.call.members)

    def _blocks(self, share: str) -> int:
        """Blocks for each member."""
        call = self.call
        match share:
            case "flat":
                items = -(-call.rows * call.columns // self.chunk)
            case "columns":
                items = self.chunks * call.rows
            case "parts":
                return -(-self.chunks * self.parts // _BLOCK)
            case "rows":
                items = call.rows * self.team
            case "join":
                return -(-call.columns // _WARP)
            case _:
                return 1
        parts = share == self.main and call.signature.scratch
        return min(-(-items // _BLOCK), self._most(_BLOCKS_OF_PARTS if parts else _BLOCKS))

    def shapes(self) -> Iterator[Shape]:
        call = self.call
        weighted = len(call.operands) > 2 and call.operands[2][0] != 0
        with_loss = len(call.operands) > 3 and call.operands[3][0] != 0
        for stage in call.signature.stages:
            threads = _BLOCK
            if stage.share == "join":
                if self.parts == 1:
                    continue
                threads = _WARP * min(_WARP, self.parts)
            elif stage.share == "weights":
                if not weighted:
                    continue
                threads = _whole_warps(call.rows)
            elif stage.share == "total":
                if not with_loss:
                    continue
                threads = _whole_warps(self.parts)
            kernel, only = _names(stage, call)
            members = 1 if stage.share == "once" else call.members
            grid = self._blocks(stage.share), min(members, _LARGEST_GRID)
            yield Shape(stage.file, only, kernel, grid, threads)

    def scratch_bytes(self, kind: str) -> int:
        """Bytes of scratch for each member."""
        match kind:
            case "sums":
                return self.parts * self.call.columns * self.call.computed_item
            case "shares":
                return self.parts * 8
            case "squares":
                return self.parts * 16
            case _:
                return 8


def _names(stage: Stage, call: Call) -> tuple[str, str]:
    """The kernel's name without its storage type, and the one function that its file needs."""
    name = stage.kernel
    if stage.file == "activations":
        back = "_backward" if name.endswith("_backward") else ""
        base = name.removesuffix(back) + call.variant
        return base + back, f"{base}, {ACTIVATIONS[base]}"
    if stage.file == "updates" and name in UPDATES:
        return name, f"{name}, {UPDATES[name]}"
    return name + ("_labels" if call.labels and name == "softmax_cross_entropy" else ""), ""


def _team(chunks: int) -> int:
    """Lanes for a row: the least power of two that gives each a chunk at most, or a whole warp."""
    return min(_WARP, 1 << (chunks - 1).bit_length())


def _whole_warps(items: int) -> int:
    return _WARP * max(1, min(_WARP, -(-items // _WARP)))
