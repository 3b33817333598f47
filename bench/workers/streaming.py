"""Rows of the host that are gathered and copied to a device, as a plan does it, alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from mlpcore.backend.cuda.plan import WINDOW_BYTES
from mlpcore.backend.cuda.windows import RowsWindow, Window
from mlpcore.backend.memory import to_numpy
from mlpcore.functions.gather import gather_rows

from ..cases import Streaming
from ..cases.case import figures
from .tasks import Task, timed


class CopiesTask(Task):
    """An epoch's batches in two places of pinned memory, each filled while the other is copied."""

    def __init__(self, case: Streaming):
        self.case, self.x = case, case.problem().x

    def prepare(self) -> None:
        import cupy

        case = self.case
        self.order = np.arange(case.rows)
        index = Window(self.order[: case.batch], case.batch * self.order.itemsize)
        self.window = RowsWindow(gather_rows, self.x, index, np.float32)
        self.capacity = max(1, min(case.batches, WINDOW_BYTES // self.window.nbytes))
        self.window.allocate(2 * self.capacity)
        self.stream = cupy.cuda.Stream(non_blocking=True)
        self._epoch()

    def check(self) -> Iterable[float]:
        self.window.upload(0, 1, 0, self.stream)
        self.stream.synchronize()
        found = figures(to_numpy(self.window.mirror[0]))
        np.random.default_rng(0).shuffle(self.order)
        return found

    def round(self, count: int) -> float:
        return timed(self._epoch, count) / self.case.batches

    def _epoch(self) -> None:
        done: list[Any] = []
        for number, first in enumerate(range(0, self.case.batches, self.capacity)):
            if number > 1:
                done[number - 2].synchronize()
            last = min(first + self.capacity, self.case.batches)
            self.window.upload(first, last, number % 2 * self.capacity, self.stream)
            done.append(self.stream.record())
        self.stream.synchronize()
