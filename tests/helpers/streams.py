"""CuPy's streams, events and graphs on the host.

What a stream is given runs at once or as late as it may, when somebody waits for it: a stream may
do either, so what is not ordered by an event, or waited for, comes out wrong in one of them.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Callable
from typing import Any

Call = Callable[[], object]


class Graph:
    """Captured calls."""

    def __init__(self, calls: list[Call]):
        self.calls = calls
        self.launches = 0

    def launch(self, stream: Stream) -> None:
        assert stream.captured is None
        self.launches += 1
        for call in self.calls:
            stream.enqueue(stream.ptr, call)


class Event:
    """A place in a stream; time passes by one at each."""

    now = 0.0

    def record(self, stream: Stream | None = None) -> None:
        Event.now += 1
        self.time = Event.now
        self.stream = Stream.current[-1] if stream is None else stream
        self.place = self.stream.given

    def synchronize(self) -> None:
        self.stream.run_to(self.place)


class Stream:
    """A stream; the first is the default one, which cannot be captured and never runs late.

    Attributes:
        captured: the calls of a capture under way.
        given: how many calls it has been given.
        waited_for: the events that the stream was told to wait for.
    """

    all: dict[int, Stream]
    current: list[Stream]
    #: Numbers of the streams that run as late as they may.
    late: frozenset[int] = frozenset()

    def __init__(self, non_blocking: bool = False):
        self.non_blocking = non_blocking
        self.captured: list[Call] | None = None
        self.waited_for: list[Event] = []
        self.ptr = len(self.all)
        self.all[self.ptr] = self
        self.given = self._done = 0
        self._waiting: deque[Call] = deque()

    @classmethod
    def enqueue(cls, number: int, call: Call) -> None:
        stream = cls.all[number]
        if stream.captured is not None:
            stream.captured.append(call)
            return
        stream._waiting.append(call)
        stream.given += 1
        if number not in cls.late:
            stream.synchronize()

    def run_to(self, place: int) -> None:
        while self._done < place:
            self._done += 1
            self._waiting.popleft()()

    def __enter__(self) -> Stream:
        self.current.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.current.pop()

    def record(self) -> Event:
        event = Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        self.waited_for.append(event)
        self.enqueue(self.ptr, event.synchronize)

    def synchronize(self) -> None:
        assert self.captured is None
        self.run_to(self.given)

    def begin_capture(self) -> None:
        assert self.ptr != 0
        self.captured = []

    def end_capture(self) -> Graph:
        calls, self.captured = self.captured, None
        assert calls is not None
        return Graph(calls)


def forget() -> None:
    """Start anew with the default stream alone."""
    Stream.all, Stream.current = {}, []
    Stream.current.append(Stream())


def copy_memory(to: int, source: int, size: int, kind: Any, number: int) -> None:
    """``memcpyAsync``, of memory that stays where it is."""
    Stream.enqueue(number, lambda: ctypes.memmove(to, source, size))


def set_memory(to: int, value: int, size: int, number: int) -> None:
    """``memsetAsync``."""
    Stream.enqueue(number, lambda: ctypes.memset(to, value, size))
