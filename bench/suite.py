"""The suite: what is run by which settings, and the run of it all."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .contest import Contest
from .fresh import FreshCase
from .groups import GROUPS, Group, targets
from .heat import FreshHeat, Heat
from .libraries import THREADS, Process, WorkerError, at_hand
from .machine import machine, stamp
from .results import Measured, Results

#: What takes longer than a quick run has time for.
_MANY_FLOPS = 1.8e10


@dataclass(frozen=True)
class Settings:
    """How to run the suite.

    Attributes:
        only: the groups to run; all where none is named.
        full: whether each group runs all of its cases, and for longer.
        peers: whether the other libraries take part where they are installed.
        busy: whether each round is repeated beside a busy process.
        repeats: how often all is held, where it is not the usual number of sittings.

    Raises:
        ValueError: where all is held less than once.
    """

    only: Sequence[str] = ()
    full: bool = False
    peers: bool = False
    busy: bool = False
    repeats: int | None = None

    def __post_init__(self) -> None:
        if self.repeats is not None and self.repeats < 1:
            raise ValueError(f"got {self.repeats} sittings, expected at least 1")

    @property
    def sittings(self) -> int:
        """How often all is held, each time by new processes.

        A process lies in memory in its own way, which makes it faster or slower for as long as it
        lives; the spread of several tells how much that matters.
        """
        return self.repeats or (3 if self.full else 2)

    @property
    def rounds(self) -> int:
        """The usual rounds of a sitting."""
        return 5 if self.full else 3

    def rounds_of(self, group: Group) -> int:
        """The rounds of a sitting that a group has."""
        return self.rounds if self.full else self.rounds * group.rounds

    @property
    def seconds(self) -> float:
        """How long a round takes about."""
        return 0.2 if self.full else 0.1


def contests(settings: Settings) -> list[Contest]:
    """What a run holds: a quick one the largest networks only where peers are compared on them.

    Raises:
        ValueError: for a group that does not exist.
    """
    unknown = set(settings.only) - set(GROUPS)
    if unknown:
        raise ValueError(f"got the group {min(unknown)!r}, expected one of {', '.join(GROUPS)}")
    wanted = set(settings.only or GROUPS)
    if {"kernels", "products", "steps"} & wanted:
        wanted.add("ceilings")
    if settings.busy and "steps" in wanted:
        wanted.add("threads")
    if "gpu" in wanted:
        wanted |= {"ceilings", "peaks"}
    names = [name for name in GROUPS if name in wanted]
    return [
        Contest(
            group,
            name,
            case,
            targets(group, name, case),
            GROUPS[group].peers,
            GROUPS[group].floors,
            GROUPS[group].only,
        )
        for group in names
        for name, case in GROUPS[group].contests(settings.full).items()
        if settings.full or settings.peers or GROUPS[group].only or case.flops < _MANY_FLOPS
    ]


class Run:
    """A run of the suite.

    A quick one has all cases ready and goes through the whole suite once a round, so that a
    figure's rounds see all that the machine went through meanwhile. A full one, whose cases would
    not fit into memory together, holds one contest after the other, as does a quick one with large
    cases.

    Attributes:
        length: how many times `run` tells what it does.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self.libraries = at_hand(settings.peers, settings.full)
        self.contests = [c for c in contests(settings) if c.among(self.libraries)]
        self.measured = {(c.group, c.name): empty(c) for c in self.contests}
        self.heats = {(c.group, c.name): self._heat(c) for c in self.contests}
        turns = sum(1 + heat.rounds for heat in self.heats.values())
        self.length = settings.sittings * turns
        self.facts: dict[str, dict[str, Any]] = {}
        held = {contest.group for contest in self.contests}
        self.left_out = {
            group: "no library that is at hand takes part"
            for group in settings.only
            if group not in held
        }

    def run(
        self,
        tell: Callable[[str, int], None],
        keep: Callable[[Results], None] = lambda results: None,
    ) -> Results:
        """Hold all contests.

        Args:
            tell: hears at each step what it is and how many are done.
            keep: is given what has been measured so far, again and again, so that a run that is
                killed leaves it.
        """
        done = itertools.count()
        alone = [c for c in self.contests if self.settings.full or GROUPS[c.group].large]
        rest = [c for c in self.contests if c not in alone]
        together = [rest] * bool(rest) + [[c] for c in alone]
        for _ in range(self.settings.sittings):
            with self.processes() as processes:
                for contests in together:
                    self.sit(contests, processes, lambda what: tell(what, next(done)))
                    keep(self.results())
        return self.results()

    def sit(
        self,
        contests: Sequence[Contest],
        processes: Sequence[Process],
        tell: Callable[[str], None] = lambda what: None,
    ) -> None:
        """Some contests in a sitting, all of them in each round."""
        heats = [self.heats[contest.group, contest.name] for contest in contests]
        for task, (heat, contest) in enumerate(zip(heats, contests)):
            tell(f"validate {contest.words}")
            among = contest.among(process.library for process in processes)
            heat.sit([process for process in processes if process.library in among], task)
        for turn in range(max(heat.rounds for heat in heats)):
            for heat, contest in zip(heats, contests):
                if turn < heat.rounds:
                    tell(f"time {contest.words}")
                    heat.round()
        for process in processes:
            with contextlib.suppress(WorkerError):  # one that failed may be gone
                process.ask(do="release")

    def _heat(self, contest: Contest) -> Heat | FreshHeat:
        measured = self.measured[contest.group, contest.name]
        if isinstance(contest.case, FreshCase):
            return FreshHeat(contest.case, measured)
        return Heat(
            contest.case,
            measured,
            rounds=self.settings.rounds_of(GROUPS[contest.group]),
            seconds=self.settings.seconds,
            busy=self.settings.busy,
        )

    def results(self) -> Results:
        """What has been measured so far."""
        versions = {p: v for facts in self.facts.values() for p, v in facts["versions"].items()}
        told = {"pools": {name: facts["pools"] for name, facts in self.facts.items()}}
        return Results(
            machine=machine() | {"threads": THREADS, "versions": versions} | told,
            **stamp(),
            settings=asdict(self.settings)
            | {
                "sittings": self.settings.sittings,
                "rounds": self.settings.sittings * self.settings.rounds,
                "left_out": self.left_out,
            },
            contests=list(self.measured.values()),
        )

    @contextlib.contextmanager
    def processes(self) -> Iterator[list[Process]]:
        """A worker for each library; one that does not start is left out from then on."""
        with contextlib.ExitStack() as stack:
            processes = []
            for library in list(self.libraries):
                try:
                    process = stack.enter_context(Process(library))
                except WorkerError as error:
                    self.left_out[library.name] = str(error)
                    self.libraries.remove(library)
                    continue
                processes.append(process)
                self.facts[library.name] = process.facts
            yield processes


def empty(contest: Contest) -> Measured:
    """A contest without figures, its facts as a file gives them back."""
    case = contest.case
    return Measured(
        contest.group,
        contest.name,
        case.title,
        case.unit,
        json.loads(json.dumps(asdict(case))),
        case.flops,
        case.bytes,
        contest.targets,
    )
