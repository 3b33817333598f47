"""Results: what was measured on a machine, as JSON and as objects."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from .libraries import device_of
from .statistics import Spread, ratios

#: Tells these files from others in the same folder, and from those of an older layout.
FORMAT = "mlpcore-bench-1"


@dataclass
class Measured:
    """A contest's figures.

    Attributes:
        group, name, title: of the contest.
        unit: of the values, ``"s"`` or ``"B"``.
        facts: the fields of the case.
        flops, bytes: the least work of one run; ``bytes`` of a case of memory is what it must keep.
        targets: our ratios' targets by library.
        values: by library, one for each round.
        busy: the same rounds beside a busy process.
        processors: of the rounds without one, how many processors were busy on average.
        first: by library, the seconds from the case's numbers to the end of its first run.
        faults: by library, why it has no values.
    """

    group: str
    name: str
    title: str
    unit: str = "s"
    facts: dict[str, Any] = field(default_factory=dict)
    flops: int = 0
    bytes: int = 0
    targets: dict[str, float] = field(default_factory=dict)
    values: dict[str, list[float]] = field(default_factory=dict)
    busy: dict[str, list[float]] = field(default_factory=dict)
    processors: dict[str, list[float]] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    def spread(self, library: str) -> Spread | None:
        """Of a library's rounds; ``None`` where it was not timed."""
        values = self.values.get(library)
        return Spread.of(values) if values else None

    def median(self, library: str) -> float:
        """Of a library's rounds."""
        return Spread.of(self.values[library]).median

    def better(self, family: str, device: str = "cpu") -> str | None:
        """The variant of a library with the lowest median; ``None`` where none was timed."""
        names = [
            name
            for name in self.values
            if name.partition("_")[0] == family and device_of(name) == device
        ]
        return min(names, key=self.median, default=None)

    def ratio(self, numerator: str, denominator: str) -> Spread:
        """The quotients of two libraries' rounds, which were taken one after the other."""
        return ratios(self.values[numerator], self.values[denominator])

    def slow_down(self, library: str) -> Spread | None:
        """How many times slower with a busy process beside it; ``None`` where not measured."""
        if library not in self.busy:
            return None
        return ratios(self.busy[library], self.values[library])

    def ratio_beside(self, numerator: str, denominator: str) -> Spread | None:
        """`ratio` of the rounds beside a busy process; ``None`` where not measured."""
        if not {numerator, denominator} <= set(self.busy):
            return None
        return ratios(self.busy[numerator], self.busy[denominator])


@dataclass
class Results:
    """Everything that was measured in one run of the suite.

    Attributes:
        machine: what it was measured on.
        date, commit: when, and of which source.
        settings: how.
        contests: in the order of the suite.
    """

    machine: dict[str, Any]
    date: str
    commit: str
    settings: dict[str, Any]
    contests: list[Measured] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            ValueError: for a file of something else.
        """
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ValueError(f"{path}: got no results of `mlpcore bench`, expected {FORMAT}")
        contests = [Measured(**contest) for contest in found.pop("contests")]
        del found["format"]
        return cls(**found, contests=contests)

    def save(self, path: Path) -> None:
        """Write a file, the rounds of a library on one line."""
        found: dict[str, Any] = {"format": FORMAT, **asdict(self)}
        contests = found.pop("contests")
        head = json.dumps(found, indent=1)[:-2]
        lines = ",\n".join(_contest(contest) for contest in contests)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{head},\n "contests": [\n{lines}\n ]\n}}\n', encoding="utf-8")

    def group(self, name: str) -> list[Measured]:
        """The contests of a group that have figures."""
        return [contest for contest in self.contests if contest.group == name and contest.values]

    def rounds(self, name: str) -> int:
        """How many rounds a group's figures are the median of, at most."""
        return max((len(v) for c in self.group(name) for v in c.values.values()), default=0)

    @property
    def libraries(self) -> list[str]:
        """All that were timed, in the order in which they first appear."""
        return list(dict.fromkeys(name for c in self.contests for name in c.values))


def by_machine(folder: Path) -> list[Results]:
    """Training steps of each machine: those without a GPU first, then the newest.

    Raises:
        FileNotFoundError: where there are none.
    """
    found = [results for results in _all(folder) if results.group("steps")]
    if not found:
        raise FileNotFoundError(f"no results in {folder}: run mlpcore bench --output {folder}")
    return sorted(found, key=lambda r: (not r.machine["gpu"], r.date), reverse=True)


def newest_of_gpu(folder: Path) -> Results | None:
    """The results with the latest date that hold steps on a GPU by precision, if there are any."""
    found = [results for results in _all(folder) if results.group("gpu")]
    return max(found, key=lambda results: results.date, default=None)


def _all(folder: Path) -> Iterator[Results]:
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(ValueError):
            yield Results.load(path)


def _contest(contest: dict[str, Any]) -> str:
    """A contest on a few lines: its facts on one, and one for each library's rounds."""
    parts = []
    for name, value in contest.items():
        if name in ("values", "busy", "processors") and value:
            rows = ",\n    ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
            parts.append(f"{json.dumps(name)}: {{\n    {rows}}}")
        else:
            parts.append(f"{json.dumps(name)}: {json.dumps(value)}")
    return "  {" + ",\n   ".join(parts) + "}"
