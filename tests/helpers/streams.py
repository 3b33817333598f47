"""CuPy's streams and graphs, where a launch is a call that runs at once or is captured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Call = Callable[[], None]


class Graph:
    """Captured calls."""

    def __init__(self, calls: list[Call]):
        self.calls = calls
        self.launches = 0

    def launch(self, stream: Stream) -> None:
        assert stream.captured is None
        self.launches += 1
        for call in self.calls:
            call()


class Event:
    """A place in a stream; time passes by one at each."""

    now = 0.0

    def record(self, stream: Any = None) -> None:
        Event.now += 1
        self.time = Event.now

    def synchronize(self) -> None: ...


class Stream:
    """A stream; the first is the default one, which cannot be captured.

    Attributes:
        captured: the calls of a capture under way.
        waited_for: the events that the stream was told to wait for.
    """

    all: dict[int, Stream]
    current: list[Stream]

    def __init__(self, non_blocking: bool = False):
        self.non_blocking = non_blocking
        self.captured: list[Call] | None = None
        self.waited_for: list[Event] = []
        self.ptr = len(self.all)
        self.all[self.ptr] = self

    @classmethod
    def enqueue(cls, number: int, call: Call) -> None:
        captured = cls.all[number].captured
        call() if captured is None else captured.append(call)

    def __enter__(self) -> Stream:
        self.current.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.current.pop()

    def record(self) -> Event:
        event = Event()
        event.record()
        return event

    def wait_event(self, event: Event) -> None:
        self.waited_for.append(event)

    def synchronize(self) -> None:
        assert self.captured is None

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
