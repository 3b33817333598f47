"""A matrix product, ``(m, k) @ (k, n)`` in float32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .case import FLOAT, SEED, Case, figures


@dataclass(frozen=True)
class Product(Case):
    """One product; the figure is its time."""

    kind = "product"
    m: int
    k: int
    n: int

    @property
    def title(self) -> str:
        """The shapes in words."""
        return f"{self.m} × {self.k} by {self.k} × {self.n}"

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
