"""A training step whose rows come from the host, beside one whose rows lie on the device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .case import figures
from .training import Training

#: How the rows come to the step: they lie there, are copied beside it, or are copied alone.
WAYS = ("resident", "streamed", "copies")


@dataclass(frozen=True)
class Streaming(Training):
    """A training step on a device.

    What is copied beside the computing takes the longer of the two times where they overlap, and
    their sum where they do not.

    Attributes:
        way: one of `WAYS`.
    """

    kind = "streaming"
    way: str = "resident"

    @property
    def title(self) -> str:
        """The network and where the rows are."""
        words = {"resident": "rows on the device", "streamed": "rows copied beside it"}
        return f"{super().title}, {words.get(self.way, 'the copies alone')}"

    def expected(self, floor: bool = False) -> np.ndarray:
        """The losses of a step; of the copies alone, the figures of the first batch."""
        if self.way != "copies":
            return super().expected(floor)
        return np.array(figures(self.problem().x[: self.batch]))
