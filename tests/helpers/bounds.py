"""Bounds on the time and the memory that something may take."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def bounded(seconds: float = 20.0, megabytes: float = 256.0) -> Iterator[None]:
    """What runs in here ends in time, and the process grows by no more than so much."""

    def late(*_: Any) -> None:
        raise TimeoutError(f"did not end within {seconds:g} s")

    before = peak()
    handler = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    assert peak() - before <= megabytes, f"grew by {peak() - before:.0f} MB"


def peak() -> float:
    """The most memory that the process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
