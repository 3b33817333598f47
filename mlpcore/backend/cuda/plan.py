"""A recorded step on a CUDA device: calls bound once over a workspace, replayed as a CUDA graph."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from mlpcore.backend import cuda
from mlpcore.backend.cuda import epilogues
from mlpcore.backend.cuda.binding import Clock, Refused, Stepped
from mlpcore.backend.cuda.memory import aligned, check_memory
from mlpcore.backend.cuda.precision import Recorded, narrowed
from mlpcore.backend.cuda.products import SPARE_BYTES, WORKSPACE_BYTES, Product
from mlpcore.backend.cuda.signatures import SIGNATURES
from mlpcore.backend.cuda.windows import RowsWindow, Window, pinned
from mlpcore.backend.dispatch import Array, Primitive
from mlpcore.backend.workspace import Recording, Symbol

#: So many steps are one graph where there are as many to replay.
STEPS_OF_A_GRAPH = 16
#: What changes from step to step lies on the device for so many steps, or bytes, at a time.
MOST_STEPS, WINDOW_BYTES = 4096, 64 << 20


@dataclass(frozen=True)
class Room:
    """An array of the workspace before there is a workspace."""

    shape: tuple[int, ...]
    dtype: Any

    @property
    def nbytes(self) -> int:
        """Its size."""
        return math.prod(self.shape) * int(self.dtype.itemsize)


def fused(calls: list[Recorded]) -> list[Recorded]:
    """The calls with every bias gradient summed by the derivative in front of it, in one pass."""
    found: list[Recorded] = []
    for call in calls:
        before = found[-1] if found else None
        if (
            before is not None
            and call.name == "affine_bias_gradient"
            and call.inputs == before.outputs[:1]
            and f"{before.name}_bias" in SIGNATURES
        ):
            name, outputs = f"{before.name}_bias", [*before.outputs, *call.outputs]
            found[-1] = replace(before, name=name, outputs=outputs)
        else:
            found.append(call)
    return found


class Plan(Recording):
    """The calls of one step on fixed shapes, each bound to its memory on the device.

    What the host lays out for each step, such as a learning rate or the rows of a batch, is copied
    to the device for a piece of many steps at a time; kernels find their step's by a counter on the
    device. Of a run in several pieces, one is laid out and copied while the one before it runs:
    there are two places for a piece, on the host and on the device. Replaying allocates nothing.

    Args:
        device: where.
        precision: what products multiply in.
        steps: that a run has at most; fewer take less memory.
    """

    def __init__(self, device: Any, precision: str = "auto", steps: int = MOST_STEPS) -> None:
        self._device, self._precision, self._steps = device, precision, steps
        self._calls: list[Recorded] = []
        self._rooms: list[Symbol] = []
        self._windows: dict[Symbol, Window] = {}
        self._guard: Symbol | None = None

    def symbol(self, array: Array | None, stride: int = 0) -> Symbol | None:
        """An array as this plan's primitives take it.

        With a ``stride``, in bytes a step, it is one of the host, of which ``run`` copies what its
        steps need.
        """
        symbol = super().symbol(array, stride)
        if symbol is not None and stride:
            self._windows[symbol] = Window(symbol.array, stride)
        return symbol

    def rows(self, gather: Primitive, source: np.ndarray, index: Symbol, dtype: Any) -> Symbol:
        """The rows of an array of the host, by the row numbers of each step, as ``dtype``."""
        window = RowsWindow(gather, source, self._windows[index], dtype)
        symbol = Symbol(Room(window.shape, window.dtype), self, window.nbytes)
        self._windows[symbol] = window
        return symbol

    def stop_if_not_finite(self, loss: Symbol) -> None:
        """A member whose loss is not finite is changed no more from here on."""
        self._guard = loss
        self._note("stop_if_not_finite", [loss], [], {})

    def finish(self) -> None:
        """Allocate the workspace, bind the calls and capture them; nothing can be recorded then.

        Raises:
            MemoryError: if the device cannot hold the workspace.
        """
        import cupy

        calls = narrowed(fused(self._calls), self._precision, self._allocate)
        layers = self._layers(calls)
        with self._device:
            self._allocate_all(cupy)
            self._stream = cupy.cuda.Stream(non_blocking=True)
            self._copies = cupy.cuda.Stream(non_blocking=True)
            self._stream.wait_event(cupy.cuda.get_current_stream().record())
            # In the memory of the current stream, where the next plan can have it again.
            scratch = cupy.empty(WORKSPACE_BYTES, dtype="uint8")
            with self._stream:
                found = [self._bound(call, scratch) for call in calls]
                product = partial(self._product, scratch)
                for site, bits in layers.items():
                    array = None if bits is None else bits.array
                    layer = epilogues.Layer(site, calls, found, self._place, product, array)
                    layer.settle(self._precision)
                launches = [launch for each in found for launch in each]
                self._share_workspace(launches, cupy)
                launches += cuda.prepare("next_step", [], [self._clock.step], {}, self._clock)
                # A first run outside of a capture loads the kernels; with every member at rest it
                # changes nothing that lasts.
                self._run_all(launches)
                self._stream.synchronize()
                self._graphs = {
                    steps: self._captured(launches, steps) for steps in (STEPS_OF_A_GRAPH, 1)
                }
        self._launches = launches

    def run(self, first: int, last: int, active: np.ndarray | None = None) -> np.ndarray:
        """Replay steps ``first`` to ``last - 1``; for each member -1, or the step it stopped at."""
        import cupy

        live = np.ones(self._members, dtype=bool) if active is None else active
        with self._device:
            self._stream.wait_event(cupy.cuda.get_current_stream().record())
            with self._stream:
                try:
                    return self._replay(first, last, live)
                finally:
                    self._copies.synchronize()
                    self._stream.synchronize()

    def _replay(self, first: int, last: int, live: np.ndarray) -> np.ndarray:
        stopped = np.full(self._members, -1)
        self._progress.set(np.concatenate([[0], live, stopped]).astype(np.int64))
        under_way: deque[tuple[int, int, int, Any]] = deque()
        for number, start in enumerate(range(first, last, self._capacity)):
            if len(under_way) == self._slots:
                self._fetch(*under_way.popleft(), live, stopped)
                if not (live & (stopped < 0)).any():
                    break
            slot, until = number % self._slots, min(start + self._capacity, last)
            under_way.append((start, until, slot, self._start(start, until, slot)))
        while under_way:
            self._fetch(*under_way.popleft(), live, stopped)
        return stopped

    def _start(self, first: int, last: int, slot: int) -> Any:
        """Start a piece; an event that comes when its results lie on the host.

        Nobody uses the slot any more: what was there has been fetched.
        """
        from cupy.cuda import runtime

        place = slot * self._capacity
        end = place + last - first
        for window in self._windows.values():
            if not window.written:
                window.upload(first, last, place, self._copies)
        self._stream.wait_event(self._copies.record())
        if slot == 0:
            runtime.memsetAsync(int(self._clock.step.data.ptr), 0, 8, self._stream.ptr)
        left = last - first
        for steps, graph in self._graphs.items():
            for _ in range(left // steps):
                graph.launch(self._stream)
            left %= steps
        for window in self._windows.values():
            if window.written:
                window.download(place, end, self._stream)
        here, there = self._seen[slot], self._stopped
        copy = runtime.memcpyDeviceToHost, self._stream.ptr
        runtime.memcpyAsync(here.ctypes.data, int(there.data.ptr), here.nbytes, *copy)
        return self._stream.record()

    def _fetch(
        self, first: int, last: int, slot: int, done: Any, live: np.ndarray, stopped: np.ndarray
    ) -> None:
        """Wait for a piece and take its results; who stopped in it, and at which step."""
        done.synchronize()
        place = slot * self._capacity
        running = live & (stopped < 0)
        ended = running & (self._seen[slot] >= 0)
        stopped[ended] = first + self._seen[slot][ended] - place
        behind = np.where(ended, stopped + 1, last)
        ran = running & (np.arange(first, last)[:, None] < behind)
        for window in self._windows.values():
            if window.written:
                window.take(first, place, ran)

    def _note(self, name: str, inputs: Any, outputs: Any, parameters: dict[str, Any]) -> None:
        for symbol in outputs:
            if symbol in self._windows:
                self._windows[symbol].written = True
        self._calls.append(Recorded(name, inputs, outputs, parameters))

    def _allocate(self, shape: tuple[int, ...], dtype: Any) -> Symbol:
        symbol = Symbol(Room(shape, dtype), self)
        self._rooms.append(symbol)
        return symbol

    def _layers(self, calls: list[Recorded]) -> dict[epilogues.Site, Symbol | None]:
        """Where products may take activations on, with room for the bits that they keep.

        Only where the matrices are the plan's own, and so can be filled to try it.
        """
        found: dict[epilogues.Site, Symbol | None] = {}
        for site in epilogues.sites(calls):
            read = [calls[site.forward].inputs[0]]
            read += [] if site.backward is None else [calls[site.backward].inputs[0]]
            if all(symbol in self._rooms for symbol in read):
                z = calls[site.forward].outputs[0]
                shape, bits = epilogues.bits_shape(z), np.dtype(np.uint8)
                found[site] = self._allocate(shape, bits) if site.keeps_bits else None
        return found

    def _allocate_all(self, cupy: Any) -> None:
        windows = self._windows.values()
        of_a_step = sum(window.nbytes for window in windows)
        held = min(MOST_STEPS, WINDOW_BYTES // max(of_a_step, 1), self._steps)
        self._capacity = max(1, held)
        self._slots = 1 if self._steps <= self._capacity else 2
        places = self._slots * self._capacity
        rooms = [aligned(symbol.array.nbytes) for symbol in self._rooms]
        needed = sum(rooms) + places * of_a_step + WORKSPACE_BYTES
        check_memory("a workspace", needed)
        memory, start = cupy.zeros(sum(rooms), dtype="uint8"), 0
        for symbol, size in zip(self._rooms, rooms, strict=True):
            room = symbol.array
            own = memory[start : start + room.nbytes]
            symbol.array, start = own.view(room.dtype).reshape(room.shape), start + size
        for window in windows:
            window.allocate(places)
        self._members = members = 1 if self._guard is None else math.prod(self._guard.shape)
        self._progress = cupy.zeros(1 + 2 * members, dtype="int64")
        self._clock = Clock(self._progress[:1], self._progress[1 : 1 + members])
        self._stopped = self._progress[1 + members :]
        self._seen = pinned((self._slots, members), np.int64)

    @staticmethod
    def _share_workspace(launches: list[Any], cupy: Any) -> None:
        """Give the products as much as they need, for they were chosen with room for any."""
        products = [launch for launch in launches if isinstance(launch, Product)]
        needed = aligned(SPARE_BYTES + max((product.needs for product in products), default=0))
        workspace = cupy.empty(needed, dtype="uint8")
        for product in products:
            product.workspace = workspace

    def _bound(self, call: Recorded, workspace: Array) -> list[Any]:
        """What runs a call."""
        inputs, outputs = [*map(self._place, call.inputs)], [*map(self._place, call.outputs)]
        parameters = {name: self._place(value) for name, value in call.parameters.items()}
        match call.name:
            case "affine":
                return self._affine(workspace, *inputs, *outputs)
            case "affine_input_gradient":
                return [self._product(workspace, *inputs, *outputs, transpose_right=True)]
            case "affine_weight_gradient":
                return [self._product(workspace, *inputs, *outputs, transpose_left=True)]
            case "stop_if_not_finite":
                outputs = [self._clock.live, self._stopped]
        try:
            return list(cuda.prepare(call.name, inputs, outputs, parameters, self._clock))
        except Refused as reason:
            raise NotImplementedError(f"no CUDA kernel for {call.name}: {reason}") from reason

    def _affine(
        self, workspace: Array, x: Array, weight: Array, bias: Array, z: Array
    ) -> list[Any]:
        """The bias is added in the product where cuBLASLt can, else behind it."""
        try:
            return [self._product(workspace, x, weight, z, bias)]
        except NotImplementedError:
            product = self._product(workspace, x, weight, z)
            return [product, *cuda.prepare("bias_identity", [z, bias], [z], {}, self._clock)]

    def _product(self, workspace: Array, *arrays: Array, **how: Any) -> Product:
        return Product(*arrays, precision=self._precision, workspace=workspace, **how)

    def _place(self, value: Any) -> Any:
        if not isinstance(value, Symbol):
            return value
        window = self._windows.get(value)
        return value.array if window is None else Stepped(window.mirror[0, ...], window.nbytes)

    def _captured(self, launches: list[Any], steps: int) -> Any:
        self._stream.begin_capture()
        try:
            for _ in range(steps):
                self._run_all(launches)
        finally:
            graph = self._stream.end_capture()
        return graph

    @staticmethod
    def _run_all(launches: list[Any]) -> None:
        for launch in launches:
            launch.run()
