"""The spread of repeated measurements, and of their ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Least, quartiles and greatest."""

    minimum: float
    lower: float
    median: float
    upper: float
    maximum: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The spread of some values, rounded to five digits.

        >>> Spread.of([3.0, 1.0, 2.0]).median
        2.0
        """
        if not len(values):
            raise ValueError("got no values, expected those of at least one round")
        return cls(*(float(f"{q:.5g}") for q in np.quantile(values, [0, 0.25, 0.5, 0.75, 1])))

    def over(self, divisor: float) -> Self:
        """Each of the five divided by a number."""
        return type(self)(*(value / divisor for value in astuple(self)))

    def touches(self, other: Spread) -> bool:
        """Whether the middle halves overlap."""
        return self.lower <= other.upper and other.lower <= self.upper


def ratios(numerator: Sequence[float], denominator: Sequence[float]) -> Spread:
    """The spread of the quotients, round by round.

    What slows the machine for a while slows neighbouring rounds alike, so that their quotient
    stays where the quotient of two medians would not.
    """
    if len(numerator) != len(denominator):
        raise ValueError(
            f"got {len(numerator)} rounds over {len(denominator)}, expected as many of both"
        )
    return Spread.of([a / b for a, b in zip(numerator, denominator)])
