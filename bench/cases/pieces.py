"""Work in pieces whose threads never wait for each other, the ceiling of whatever shares work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .case import SEED, Case, figures

#: Numbers of a piece: within a second-level cache, and some tens of microseconds of work.
LENGTH = 1 << 14


@dataclass(frozen=True)
class Pieces(Case):
    """The hyperbolic tangent of so many pieces; whichever thread is free takes the next.

    Beside a busy process it takes as much longer as the system leaves less of the processors: what
    to expect of a program that is on all of them and wastes nothing.
    """

    kind = "pieces"
    count: int

    @property
    def title(self) -> str:
        """What it is, in words."""
        return f"{self.count} pieces, threads that never wait"

    @property
    def flops(self) -> int:
        """Not counted."""
        return 0

    @property
    def bytes(self) -> int:
        """Not counted; it all stays in a cache."""
        return 0

    def piece(self) -> np.ndarray:
        """Normal numbers."""
        return np.random.default_rng(SEED).standard_normal(LENGTH)

    def expected(self, floor: bool = False) -> np.ndarray:
        """The figures of a piece."""
        return np.array(figures(np.tanh(self.piece())))
