"""A product of a GPU in the precision of a step, through cuBLASLt as the step makes it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mlpcore.backend.cuda.precision import CARRIER
from mlpcore.backend.cuda.products import WORKSPACE_BYTES
from mlpcore.backend.cuda.products import Product as OnDevice
from mlpcore.backend.memory import to_numpy

from ..cases import Product
from ..cases.case import figures
from .clocks import DeviceClock
from .tasks import Task


class PeakTask(Task):
    """One product, with the algorithm that is the fastest of those proposed."""

    def __init__(self, case: Product):
        self.case = case

    def prepare(self) -> None:
        import cupy

        narrow = self.case.precision == "bfloat16"
        left, right = (
            cupy.asarray(to_bfloat16(factor) if narrow else factor)
            for factor in self.case.factors()
        )
        self.out = cupy.empty((self.case.m, self.case.n), dtype="float32")
        precision = "auto" if self.case.precision == "float32" else self.case.precision
        workspace = cupy.empty(WORKSPACE_BYTES, dtype="uint8")
        self.product = OnDevice(left, right, self.out, precision=precision, workspace=workspace)
        self.clock = DeviceClock(cupy)
        self.product.run()

    def check(self) -> Iterable[float]:
        return figures(to_numpy(self.out))

    def round(self, count: int) -> float:
        return self.clock.seconds(self.product.run, count)


def to_bfloat16(x: np.ndarray) -> np.ndarray:
    """The upper half of each float32, rounded to the nearest and to even, as integers.

    >>> hex(to_bfloat16(np.array([1.00390625], np.float32))[0])
    '0x3f80'
    """
    bits = x.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(CARRIER)
