"""Bounds on the time and the memory that something may take."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = {signal.ITIMER_PROF: signal.SIGPROF, signal.ITIMER_REAL: signal.SIGALRM}
#: A wait may take so many times as long as the work, since other processes work too.
PATIENCE = 30


@contextmanager
def bounded(seconds: float = 20.0, megabytes: float = 256.0) -> Iterator[None]:
    """What runs in here works no longer, and the process grows by no more, than so much."""

    def late(*_: Any) -> None:
        raise TimeoutError(f"worked for {seconds:g} s, or waited for {PATIENCE * seconds:g} s")

    before = peak()
    timers = {signal.ITIMER_PROF: seconds, signal.ITIMER_REAL: PATIENCE * seconds}
    handlers = {number: signal.signal(number, late) for number in SIGNALS.values()}
    for timer, limit in timers.items():
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        for timer in SIGNALS:
            signal.setitimer(timer, 0)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert peak() - before <= megabytes, f"grew by {peak() - before:.0f} MB"


def peak() -> float:
    """The most memory that the process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
