"""How long something takes on the device, for choices that are made once."""

from __future__ import annotations

from collections.abc import Callable

#: The least of so many rounds counts, each of so many runs.
ROUNDS, REPEATS = 3, 5


def milliseconds(run: Callable[[], None]) -> float:
    """The time of some runs on the current stream, behind a first one that is not timed."""
    import cupy

    run()
    rounds = []
    for _ in range(ROUNDS):
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        for _ in range(REPEATS):
            run()
        end.record()
        end.synchronize()
        rounds.append(cupy.cuda.get_elapsed_time(start, end))
    return float(min(rounds))
