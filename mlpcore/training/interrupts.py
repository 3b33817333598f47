"""Ctrl-C at a moment that suits."""

from __future__ import annotations

import signal
import threading
from types import TracebackType
from typing import Any, Self


class Interrupts:
    """While it is entered, Ctrl-C waits for the end of every block under `held`.

    What such a block changes together stays together. Ctrl-C comes to the main thread only, so
    elsewhere there is nothing to do.

    >>> with Interrupts() as interrupts:
    ...     with interrupts.held:
    ...         print("whole")
    whole
    """

    def __init__(self) -> None:
        self.held = _Held()

    def __enter__(self) -> Self:
        held = self.held
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if callable(before):
                held.before = before
                signal.signal(signal.SIGINT, held.press)
        return self

    def __exit__(self, *fault: object) -> None:
        if self.held.before is not None:
            signal.signal(signal.SIGINT, self.held.before)


class _Held:
    """A block in which Ctrl-C waits; entered once an epoch, so it does no more than it must."""

    def __init__(self) -> None:
        self.before: Any = None
        self._waits = False
        self._pressed: Any = None

    def press(self, *about: Any) -> None:
        """What is done on Ctrl-C."""
        if self._waits:
            self._pressed = about
        else:
            self.before(*about)

    def __enter__(self) -> None:
        self._waits = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._waits = False
        if self._pressed is not None:
            about, self._pressed = self._pressed, None
            self.before(*about)
