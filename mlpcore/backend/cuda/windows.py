"""What changes from step to step: laid out on the host, mirrored on the device for some steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcore.backend.dispatch import Primitive


class Window:
    """An array of the host that lies ``stride`` bytes further in each next step.

    What is copied goes through memory that the system keeps in place, which alone a device copies
    from, or to, while the host and the kernels go on.

    Attributes:
        shape, dtype: of one step, and ``nbytes``, their size.
        written: whether the device writes it, else it reads it.
        mirror: ``(steps, ...)`` on the device, what the steps of a replay see one after another.
    """

    mirror: Any
    _staged: np.ndarray

    def __init__(self, host: np.ndarray, stride: int):
        self._host, self._stride = host, stride
        self.shape, self.dtype, self.nbytes = host.shape, host.dtype, host.nbytes
        self.written = False

    def allocate(self, steps: int) -> None:
        """Make room for so many steps on either side; zeros, so that every row number is valid."""
        import cupy

        self.mirror = cupy.zeros((steps, *self.shape), dtype=self.dtype)
        self._staged = pinned((steps, *self.shape), self.dtype)

    def upload(self, first: int, last: int, place: int, stream: Any) -> None:
        """Start to copy what steps ``first`` to ``last - 1`` read, the first to ``place``."""
        end = place + last - first
        self._lay_out(first, last, self._staged[place:end])
        self._copy(place, end, to_device=True, stream=stream)

    def download(self, place: int, end: int, stream: Any) -> None:
        """Start to copy what was written to the places up to ``end``."""
        self._copy(place, end, to_device=False, stream=stream)

    def take(self, first: int, place: int, ran: np.ndarray) -> None:
        """Note what was downloaded from ``place`` on, for the members that ran, ``(steps, E)``.

        The first of the steps is step ``first``.
        """
        here = self.of_host(first, first + len(ran))
        ran = ran.reshape(here.shape)
        here[ran] = self._staged[place : place + len(ran)][ran]

    def of_host(self, first: int, last: int) -> np.ndarray:
        """What steps ``first`` to ``last - 1`` see, one after another."""
        steps = np.lib.stride_tricks.as_strided(
            self._host, (last, *self.shape), (self._stride, *self._host.strides)
        )
        return steps[first:]

    def _lay_out(self, first: int, last: int, into: np.ndarray) -> None:
        into[...] = self.of_host(first, last)

    def _copy(self, place: int, end: int, *, to_device: bool, stream: Any) -> None:
        from cupy.cuda import runtime

        start, size = place * self.nbytes, (end - place) * self.nbytes
        there, here = int(self.mirror.data.ptr) + start, int(self._staged.ctypes.data) + start
        if to_device:
            runtime.memcpyAsync(there, here, size, runtime.memcpyHostToDevice, stream.ptr)
        else:
            runtime.memcpyAsync(here, there, size, runtime.memcpyDeviceToHost, stream.ptr)


class RowsWindow(Window):
    """The rows of a batch, gathered by the host: for data that the device does not hold.

    Args:
        gather: ``gather(source, rows)``, the primitive that does it.
        source: ``(N, k)``, or ``(E, N, k)``, of any real type; perhaps mapped from a file.
        index: the window of the row numbers.
        dtype: what the device computes with.
    """

    def __init__(self, gather: Primitive, source: np.ndarray, index: Window, dtype: Any):
        self._gather, self._source, self._index = gather, np.asarray(source), index
        self.shape, self.dtype = (*index.shape, source.shape[-1]), np.dtype(dtype)
        self.nbytes = int(np.prod(self.shape)) * self.dtype.itemsize
        self.written = False

    def _lay_out(self, first: int, last: int, into: np.ndarray) -> None:
        for rows, batch in zip(self._index.of_host(first, last), into, strict=True):
            if self._source.dtype == self.dtype:
                self._gather(self._source, rows, out=batch)
            else:
                batch[...] = self._gather(self._source, rows)


def pinned(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Zeros of the host that a device copies while everyone goes on."""
    import cupy

    count, item = int(np.prod(shape)), np.dtype(dtype).itemsize
    memory = cupy.cuda.alloc_pinned_memory(max(count * item, 1))
    array = np.frombuffer(memory, dtype, count).reshape(shape)
    array[...] = 0
    return array
