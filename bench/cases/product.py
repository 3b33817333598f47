"""A matrix product, ``(m, k) @ (k, n)``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .case import FLOAT, SEED, TOLERANCES, Case, figures


@dataclass(frozen=True)
class Product(Case):
    """One product; the figure is its time.

    Attributes:
        m, k, n: rows, the sum's length, columns.
        precision: what it multiplies in; the result is float32.
    """

    kind = "product"
    m: int
    k: int
    n: int
    precision: str = "float32"

    @property
    def title(self) -> str:
        """The shapes in words."""
        narrow = "" if self.precision == "float32" else f", {self.precision}"
        return f"{self.m} × {self.k} by {self.k} × {self.n}{narrow}"

    @property
    def tolerance(self) -> float:
        """The largest difference from the reference's figures, relative to them."""
        return TOLERANCES[self.precision]

    @property
    def flops(self) -> int:
        """Two for each multiplication and addition."""
        return 2 * self.m * self.k * self.n

    @property
    def bytes(self) -> int:
        """Both factors read, the result written."""
        return FLOAT * (self.m * self.k + self.k * self.n + self.m * self.n)

    def factors(self) -> tuple[np.ndarray, np.ndarray]:
        """Normal numbers."""
        rng = np.random.default_rng(SEED)
        a = rng.standard_normal((self.m, self.k), dtype=np.float32)
        return a, rng.standard_normal((self.k, self.n), dtype=np.float32)

    def expected(self, floor: bool = False) -> np.ndarray:
        """The figures of the product."""
        a, b = self.factors()
        return np.array(figures(a.astype(np.float64) @ b.astype(np.float64)))
