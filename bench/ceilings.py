"""The ceilings of a machine: what its memory and its arithmetic were seen to reach."""

from __future__ import annotations

from dataclasses import dataclass

from .libraries import device_of
from .results import Measured, Results


@dataclass(frozen=True)
class Ceilings:
    """Of one device.

    Attributes:
        copies: bytes a second of the fastest copy, by the bytes that it moved.
        products: floating-point operations a second of the fastest product.
    """

    copies: dict[int, float]
    products: float

    def copy(self, size: int) -> float:
        """Bytes a second of the copy whose size is nearest."""
        return self.copies[min(self.copies, key=lambda known: abs(known - size))]

    @property
    def memory(self) -> float:
        """Bytes a second of the largest copy."""
        return self.copies[max(self.copies)]


def ceilings(results: Results, device: str) -> Ceilings | None:
    """What was reached on a device; ``None`` where it was not measured."""
    copies = {
        contest.bytes: contest.bytes / best
        for contest in results.group("ceilings")
        if not contest.flops and (best := _best(contest, device))
    }
    products = [
        contest.flops / best
        for group in ("ceilings", "products")
        for contest in results.group(group)
        if contest.flops and (best := _best(contest, device))
    ]
    return Ceilings(copies, max(products)) if copies and products else None


def least(results: Results, contest: Measured) -> float | None:
    """The seconds that a training step on a GPU takes at least, by what was measured there.

    Its operations at the speed of the fastest product in the same precision, or its bytes at that
    of the largest copy, whichever takes longer; ``None`` where these were not measured.
    """
    roof = ceilings(results, "gpu")
    speeds = [
        peak.flops / best
        for peak in results.group("peaks")
        if peak.facts["precision"] == contest.facts["precision"] and (best := _best(peak, "gpu"))
    ]
    if roof is None or not speeds:
        return None
    return max(contest.flops / max(speeds), contest.bytes / roof.memory)


def _best(contest: Measured, on: str) -> float | None:
    """The least median time among the libraries of a device."""
    return min((contest.median(n) for n in contest.values if device_of(n) == on), default=None)
