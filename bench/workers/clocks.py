"""Clocks for a single kernel: on the host by its clock, on a GPU by events of the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .tasks import timed


class Clock(Protocol):
    """Times a call."""

    def seconds(self, call: Callable[[], Any], count: int) -> float:
        """The seconds of one call, over ``count`` of them."""


class HostClock:
    """The host's clock around all calls at once; the caches keep what they can."""

    def seconds(self, call: Callable[[], Any], count: int) -> float:
        """The seconds of one call, over ``count`` of them."""
        return timed(call, count)


class DeviceClock:
    """Events on the device around each call, its caches emptied before.

    Writing the scratch memory empties the second-level cache, and, as often as it is done, keeps
    the device busy for a millisecond: the call is in the queue before its turn, and its launch on
    the host costs nothing.

    Args:
        cupy: the module.
    """

    #: How many times the cache's size is written to be sure that it holds nothing else, and how
    #: often: some dozens of microseconds each on a fast device.
    FLUSH, FILLS = 4, 32

    def __init__(self, cupy: Any):
        self.cupy = cupy
        size = int(cupy.cuda.Device().attributes["L2CacheSize"])
        self.scratch = cupy.empty((max(self.FLUSH * size, 1 << 26),), dtype="uint8")
        self.start, self.end = cupy.cuda.Event(), cupy.cuda.Event()

    def seconds(self, call: Callable[[], Any], count: int) -> float:
        """The seconds of one call, over ``count`` of them."""
        milliseconds = 0.0
        for _ in range(count):
            for _ in range(self.FILLS):
                self.scratch.fill(0)
            self.start.record()
            call()
            self.end.record()
            self.end.synchronize()
            milliseconds += float(self.cupy.cuda.get_elapsed_time(self.start, self.end))
        return milliseconds / 1e3 / count
