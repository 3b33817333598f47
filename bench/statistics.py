"""The spread of repeated measurements, and of their ratios."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Self

#: What stands beneath a median, in words.
INTERVAL = (
    "the interval that holds the median of ever more rounds with 95 % (of fewer than six rounds, "
    "the least and the greatest)"
)


@dataclass(frozen=True)
class Spread:
    """The least, the median within its interval, and the greatest.

    The interval goes from one of the ordered values to another, which asks nothing of how they
    are distributed: a value is below the median as often as above it (David and Nagaraja, Order
    Statistics, 3rd ed., section 7.1).
    """

    minimum: float
    lower: float
    median: float
    upper: float
    maximum: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The spread of some values, rounded to five digits.

        >>> Spread.of([3.0, 1.0, 2.0])
        Spread(minimum=1.0, lower=1.0, median=2.0, upper=3.0, maximum=3.0)
        """
        if not len(values):
            raise ValueError("got no values, expected those of at least one round")
        ordered, out = sorted(values), _left_out(len(values))
        middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
        found = (ordered[0], ordered[out], middle, ordered[-1 - out], ordered[-1])
        return cls(*(float(f"{value:.5g}") for value in found))

    def over(self, divisor: float) -> Self:
        """Each of the five divided by a number."""
        return type(self)(*(value / divisor for value in astuple(self)))

    def touches(self, other: Spread) -> bool:
        """Whether the intervals of the medians overlap."""
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


def _left_out(n: int) -> int:
    """How many of ``n`` values are left out at either end of the interval.

    The median is beyond the ``k``-th value from one end when fewer than ``k`` values are on that
    side of it, whose number is binomial.

    >>> [_left_out(n) for n in (1, 5, 6, 9, 15, 45)]
    [0, 0, 0, 1, 3, 15]
    """
    out, beyond = 0, 2 * (1 + n)
    while beyond <= 0.05 * 2**n:
        out += 1
        beyond += 2 * math.comb(n, out + 1)
    return out
