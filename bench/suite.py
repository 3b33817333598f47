"""The suite: its groups, what each of them runs, and the run of them all."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .cases import (
    Case,
    Copy,
    Fit,
    Kernel,
    Pieces,
    Prediction,
    Product,
    Streaming,
    Training,
)
from .cases.kernel import CALLS
from .cases.streaming import WAYS
from .contest import Contest
from .fresh import FirstStep, FreshCase, Import, Memory
from .heat import FreshHeat, Heat
from .libraries import THREADS, Process, WorkerError, at_hand
from .machine import machine, stamp
from .results import Measured, Results

Cases = Mapping[str, Case | FreshCase]


@dataclass(frozen=True)
class Group:
    """A part of the suite.

    Attributes:
        title: what it shows, in words.
        contests: the cases by name; all of them, or those of a quick run.
        peers: whether the libraries that are there only to be compared with take part.
        floors: whether the bare products and copies do.
        rounds: how many times as many rounds as usual a quick run gives it.
        only: the libraries that may take part; all where none is named.
        large: whether its cases would not lie in memory together.
    """

    title: str
    contests: Callable[[bool], Cases]
    peers: bool = False
    floors: bool = False
    rounds: int = 1
    only: tuple[str, ...] = ()
    large: bool = False


#: What takes longer than a quick run has time for.
_MANY_FLOPS = 1.8e10
#: Rows and columns: within the second-level caches of most machines, beyond them, and beyond all.
_SHAPES = [(256, 512), (1024, 1024), (8192, 2048)]


def _shapes(full: bool) -> list[tuple[int, int]]:
    return _SHAPES if full else _SHAPES[1:2]


def _ceilings(full: bool) -> Cases:
    side = 4096 if full else 1024
    return {f"copy-{n}x{k}": Copy(n, k) for n, k in _shapes(full)} | {
        "product": Product(side, side, side)
    }


def _threads(full: bool) -> Cases:
    return {"pieces": Pieces(2000)}


def _kernels(full: bool) -> Cases:
    return {f"{name}-{n}x{k}": Kernel(name, n, k) for name in CALLS for n, k in _shapes(full)}


def _products(full: bool) -> Cases:
    sides = (16, 32, 64, 128, 256, 512, 1024) if full else (16, 64, 256, 1024)
    layers = [(200, 64, 100), (256, 784, 512), (1024, 2048, 2048)]
    shapes = [(side, side, side) for side in sides] + layers[: 3 if full else 2]
    return {f"{m}x{k}x{n}": Product(m, k, n) for m, k, n in shapes}


def _steps(full: bool) -> Cases:
    return dict(STEPS)


def _batches(full: bool) -> Cases:
    sizes = (1, 4, 16, 64, 256, 1024, 4096, 16384) if full else (1, 16, 256, 4096)
    return {f"{n}": Training((784, 256, 10), n, max(4, min(50, 4096 // n))) for n in sizes}


def _streaming(full: bool) -> Cases:
    return {
        f"{batch}-{way}": Streaming((784, 512, 256, 10), batch, (1 << 18) // batch, way=way)
        for batch in ((256, 4096, 65536) if full else (4096,))
        for way in WAYS
    }


def _peaks(full: bool) -> Cases:
    side = 8192 if full else 4096
    return {precision: Product(side, side, side, precision) for precision in PRECISIONS}


def _gpu(full: bool) -> Cases:
    networks = {
        f"{name}-{batch}-{precision}": Training(sizes, batch, batches, None, precision, rate)
        for name, (sizes, rate) in GPU_NETWORKS.items()
        for batch, batches in ((256, 64), (4096, 8), (65536, 2))
        for precision in PRECISIONS
    }
    stacks = {
        f"{members}x-small": Training((64, 100, 10), 200, 6, members)
        for members in ((64, 1024, 8192) if full else (64, 1024))
    }
    return networks | stacks


def _widths(full: bool) -> Cases:
    widths = (16, 32, 64, 128, 256, 512, 1024, 2048) if full else (16, 64, 256, 1024)
    return {f"{w}": Training((64, w, w, 10), 256, 4 if w > 512 else 16) for w in widths}


def _stacks(full: bool) -> Cases:
    members = (1, 4, 16, 64, 256, 1024) if full else (1, 16, 256)
    return {f"{e}": Training((64, 32, 10), 32, 20, members=e) for e in members}


def _fits(full: bool) -> Cases:
    return {"digits": Fit((100,), 32, 0.97)}


def _prediction(full: bool) -> Cases:
    rows = (1, 10, 100, 1000, 10_000, 100_000) if full else (1, 100, 10_000)
    return {f"{n}": Prediction((784, 256, 10), n) for n in rows}


def _cold(full: bool) -> Cases:
    network = STEPS["small"]
    return {
        "import": Import(),
        "first-step": FirstStep(network),
        "compilation": FirstStep(network, empty_caches=True),
    }


def _memory(full: bool) -> Cases:
    names = ("medium", "large", "big-batch", "64x-small") if full else ("medium",)
    return {name: Memory(STEPS[name]) for name in names}


#: What the products of a step on a GPU multiply in.
PRECISIONS = ("float32", "tf32", "bfloat16")
#: The networks that libraries are compared on by precision, and their learning rates: with a larger
#: one the wide network's first steps turn on the signs of gradients that rounding decides.
GPU_NETWORKS = {
    "medium": ((784, 512, 256, 10), 1e-3),
    "wide": ((1024, 4096, 4096, 4096, 1000), 1e-5),
}
#: Our ratios on a GPU: to the best of the others and to PyTorch's calls one by one at least, and
#: of the least time that the measured ceilings allow.
GPU_TARGETS = {256: {"best": 1.0, "pytorch_gpu": 5.0}, 65536: {"best": 1.0, "roof": 0.85}}
#: The networks and batches that every library is compared on.
STEPS = {
    "tiny": Training((4, 3, 2, 2), 32, 200),
    "small": Training((64, 100, 10), 200, 100),
    "medium": Training((784, 512, 256, 10), 256, 8),
    "large": Training((784, 2048, 2048, 10), 1024, 3),
    "big-batch": Training((784, 512, 256, 10), 8192, 3),
    "64x-small": Training((64, 100, 10), 200, 6, members=64),
    "256x-narrow": Training((16, 32, 4), 64, 20, members=256),
}
#: Our ratios: to JAX and PyTorch at least, of the products' time at most.
TARGETS = {
    "tiny": {"jax": 2.0, "pytorch": 50.0, "products": 0.5},
    "small": {"jax": 1.5, "pytorch": 5.0, "products": 1.1},
    "medium": {"jax": 1.08, "pytorch": 1.3, "products": 1.08},
    "large": {"jax": 1.05, "pytorch": 1.2, "products": 1.04},
    "big-batch": {"jax": 1.2, "pytorch": 1.3, "products": 1.06},
    "64x-small": {"jax": 2.5, "pytorch": 4.0, "products": 0.65},
    "256x-narrow": {"jax": 4.0, "pytorch": 10.0, "products": 0.75},
}

GROUPS = {
    "ceilings": Group(
        "the ceilings of this machine: copies and a large product", _ceilings, floors=True
    ),
    "threads": Group("work on all processors", _threads, floors=True),
    "kernels": Group("fused kernels and array bodies", _kernels),
    "products": Group("matrix products", _products, floors=True),
    "steps": Group("one training step", _steps, peers=True, floors=True, rounds=2),
    "batches": Group("one training step by batch size", _batches),
    "widths": Group("one training step by width", _widths),
    "stacks": Group("one training step by members of a stack", _stacks, peers=True),
    "streaming": Group("one training step with rows of the host", _streaming),
    "peaks": Group(
        "the fastest products of a GPU", _peaks, peers=True, only=("gpu", "pytorch_gpu")
    ),
    "gpu": Group(
        "one training step on a GPU by precision",
        _gpu,
        peers=True,
        large=True,
        only=(
            "gpu",
            "jax_gpu",
            "jax_gpu_jit",
            "pytorch_gpu",
            "pytorch_gpu_captured",
            "pytorch_gpu_compiled",
        ),
    ),
    "fits": Group("a whole fit to an accuracy", _fits, peers=True),
    "prediction": Group(
        "latency of a prediction by rows, from host memory to host memory", _prediction, peers=True
    ),
    "cold": Group("cold start", _cold, peers=True, floors=True),
    "memory": Group("memory of a training step", _memory, peers=True),
}


@dataclass(frozen=True)
class Settings:
    """How to run the suite.

    Attributes:
        only: the groups to run; all where none is named.
        full: whether each group runs all of its cases, and for longer.
        peers: whether the other libraries take part where they are installed.
        busy: whether each round is repeated beside a busy process.
    """

    only: Sequence[str] = ()
    full: bool = False
    peers: bool = False
    busy: bool = False

    @property
    def sittings(self) -> int:
        """How often all is held, each time by new processes.

        A process lies in memory in its own way, which makes it faster or slower for as long as it
        lives; the spread of several tells how much that matters.
        """
        return 3 if self.full else 2

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
        return 0.2 if self.full else 0.02


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
            _targets(group, name, case),
            GROUPS[group].peers,
            GROUPS[group].floors,
            GROUPS[group].only,
        )
        for group in names
        for name, case in GROUPS[group].contests(settings.full).items()
        if settings.full or settings.peers or GROUPS[group].only or case.flops < _MANY_FLOPS
    ]


def _targets(group: str, name: str, case: Case | FreshCase) -> dict[str, float]:
    if group == "gpu" and isinstance(case, Training):
        return GPU_TARGETS.get(case.batch, {"best": 1.0})
    return TARGETS.get(name, {}) if group == "steps" else {}


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
