"""How much memory a task takes beside its numbers."""

from __future__ import annotations

import gc
import re
from pathlib import Path

from .tasks import Task

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
#: What makes Linux forget the largest resident size that a process had.
_FORGET_PEAK = "5"


def most_memory(task: Task) -> int | None:
    """The most bytes that a task takes from before it is prepared to the end of a round.

    On the host it is resident memory; ``None`` where the system does not tell it.
    """
    if not _RESET.exists():
        return None
    gc.collect()
    _RESET.write_text(_FORGET_PEAK, encoding="ascii")
    before = _resident("VmRSS")
    task.prepare()
    task.round(1)
    on_device = task.device_memory()
    return _resident("VmHWM") - before if on_device is None else on_device


def _resident(line: str) -> int:
    found = re.search(rf"^{line}:\s+(\d+) kB$", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024
