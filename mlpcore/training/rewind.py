"""Back to the last finite parameters, after a step that broke them."""

from __future__ import annotations

import numpy as np

from mlpcore.training.step import Step


def rewind(step: Step, failed: np.ndarray, steps: range) -> dict[int, int]:
    """Leave each failed member with the parameters before the first step that broke it.

    Draws and rates are counted, not consumed, so ``steps`` can be run again from what the step has
    kept, now one at a time, and end in the same numbers. Only the failed members move.

    Returns:
        For each failed member the step that broke it: its loss was not finite, or the update that
        followed made a parameter so.
    """
    buffers, gradient, losses = step.buffers, step.gradient[...] + 0, step.timetable.losses.copy()
    buffers.restore(step.kept, failed)
    broken: dict[int, int] = {}
    active = failed.copy()
    for number in steps:
        before = buffers.snapshot()
        stopped = step.run(number, number + 1, active)
        bad = active & ((stopped >= 0) | ~buffers.finite())
        buffers.restore(before, bad)
        broken |= dict.fromkeys(map(int, np.flatnonzero(bad)), number)
        active &= ~bad
        if not active.any():
            break
    # What the others left behind stays theirs.
    step.gradient[...] = gradient
    step.timetable.losses[...] = losses
    return broken
