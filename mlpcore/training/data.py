"""A data set as training takes it."""

from __future__ import annotations

from dataclasses import dataclass

from mlpcore.backend.dispatch import Array


@dataclass(frozen=True)
class Data:
    """A data set on the network's backend.

    Attributes:
        x: ``(n, k)``, or ``(E, n, k)``.
        target: labels ``(n,)`` or values ``(n, n_out)``.
        weight: ``(n,)``, ``(E, n)`` or ``None``.
    """

    x: Array
    target: Array
    weight: Array | None

    @property
    def rows(self) -> int:
        """How many examples there are."""
        return int(self.x.shape[-2])
