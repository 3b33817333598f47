"""A copy in memory, the ceiling of whatever only moves numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .case import FLOAT, SEED, Case, figures


@dataclass(frozen=True)
class Copy(Case):
    """So many float32 numbers read and written."""

    kind = "copy"
    rows: int
    columns: int

    @property
    def title(self) -> str:
        """The size in words."""
        return f"copy of {self.rows} × {self.columns}"

    @property
    def flops(self) -> int:
        """None."""
        return 0

    @property
    def bytes(self) -> int:
        """Each number read and written."""
        return 2 * FLOAT * self.rows * self.columns

    def source(self) -> np.ndarray:
        """Normal numbers."""
        rng = np.random.default_rng(SEED)
        return rng.standard_normal((self.rows, self.columns), dtype=np.float32)

    def expected(self, floor: bool = False) -> np.ndarray:
        """The figures of the source."""
        return np.array(figures(self.source()))
