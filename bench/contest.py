"""A contest: one case that several libraries run in turn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .cases import Case
from .fresh import FreshCase
from .libraries import Library


@dataclass(frozen=True)
class Contest:
    """A case, its place in the suite and who takes part.

    Attributes:
        group: the part of the suite.
        name: within the group.
        case: what is run, by workers that live on, or by a new process each time.
        targets: what our time should be: by library, the least (for products the largest) ratio.
        peers: whether libraries that are there only to be compared with take part.
        floors: whether the bare products and copies do.
        only: the libraries that may take part; all where none is named.
    """

    group: str
    name: str
    case: Case | FreshCase
    targets: dict[str, float] = field(default_factory=dict)
    peers: bool = True
    floors: bool = True
    only: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What it is, for those who wait."""
        return f"{self.group}: {self.case.title}"

    def among(self, libraries: Iterable[Library]) -> list[Library]:
        """Those of the libraries that take part."""
        return [
            library
            for library in libraries
            if (not self.only or library.name in self.only)
            and (self.peers or not library.peer)
            and (self.floors or not library.floor)
            and self.case.suits(library)
        ]
