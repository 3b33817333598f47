"""What every case has: a name, its least work, and the figures that a right result has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from ..libraries import Library

#: Seeds every draw of numbers.
SEED = 20240607
#: Bytes of a float32.
FLOAT = 4
#: By what products multiply in: ten bits behind the point, or seven, leave errors of their own.
TOLERANCES = {"float32": 1e-3, "tf32": 2e-3, "bfloat16": 1e-2}


class WrongResultError(ValueError):
    """A library computed something else than it was asked to, so its time means nothing."""


@dataclass(frozen=True)
class Case(ABC):
    """Something to time.

    Attributes:
        kind: as a worker is told of it.
        unit: of the figure.
        smallest: what differences are relative to where the reference's figures are smaller.
    """

    kind: ClassVar[str]
    unit: ClassVar[str] = "s"
    smallest: ClassVar[float] = 1e-12

    @property
    def runs(self) -> int:
        """How many times a worker runs the case when it is asked to do so once."""
        return 1

    @property
    def tolerance(self) -> float:
        """The largest difference from the reference's figures, relative to them."""
        return TOLERANCES["float32"]

    @property
    @abstractmethod
    def title(self) -> str:
        """The case in words."""

    @property
    @abstractmethod
    def flops(self) -> int:
        """Floating-point operations of one run of the case."""

    @property
    @abstractmethod
    def bytes(self) -> int:
        """The least bytes that one run moves when nothing stays in a cache."""

    def suits(self, library: Library) -> bool:
        """Whether a library runs cases of this kind."""
        return self.kind in library.kinds

    @abstractmethod
    def expected(self, floor: bool = False) -> np.ndarray:
        """The figures of the float64 reference; with ``floor`` of the bare products."""

    def validate(self, who: str, got: Iterable[float], expected: np.ndarray) -> None:
        """Hold a library's figures to the reference's.

        Raises:
            WrongResultError: for a relative difference beyond `tolerance`, or NaN.
        """
        found = np.asarray(list(got), np.float64)
        if found.shape != expected.shape:
            raise WrongResultError(
                f"{who} on {self.title} gave {found.size} figures, expected {expected.size}"
            )
        difference = np.abs(found - expected) / np.maximum(np.abs(expected), self.smallest)
        worst = int(np.argmax(np.where(np.isnan(difference), np.inf, difference)))
        if not difference[worst] <= self.tolerance:
            raise WrongResultError(
                f"{who} on {self.title} gave {found[worst]:.7g} for figure {worst}, expected "
                f"{expected[worst]:.7g} within {self.tolerance:g} relative: what it computes is "
                "not this case"
            )


def figures(*arrays: np.ndarray) -> list[float]:
    """Each array's norm, and its product with a fixed vector, which knows order and sign."""
    found: list[float] = []
    for array in arrays:
        flat = np.ravel(array).astype(np.float64)
        norm = float(np.linalg.norm(flat))
        found += [norm, norm + float(flat @ _wave(flat.size)) / flat.size**0.5]
    return found


@lru_cache(maxsize=1)
def _wave(size: int) -> np.ndarray:
    """The fixed vector; kept, as many cases in a row are of one size."""
    return np.sin(np.arange(size))
