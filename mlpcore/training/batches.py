"""How the rows of a data set are cut into the batches of an epoch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from mlpcore.backend.checks import whole_number


@dataclass(frozen=True)
class Batches:
    """An epoch's batches: all of ``size`` rows but the last, which takes what is left.

    >>> Batches(rows=10, size=4).steps, Batches(rows=10, size=4).last
    (3, 2)
    """

    rows: int
    size: int

    @property
    def full(self) -> int:
        """How many batches are of full size."""
        return self.rows // self.size

    @property
    def last(self) -> int:
        """The rows of the last, shorter batch, or 0."""
        return self.rows % self.size

    @cached_property
    def steps(self) -> int:
        """How many batches an epoch has."""
        return self.full + (self.last > 0)


def batches(rows: int, batch_size: int) -> Batches:
    """Check a batch size; one beyond the data means the whole data set.

    Raises:
        ValueError: for a size below 1 or no whole number.
    """
    return Batches(rows, min(whole_number("batch_size", batch_size), rows))
