"""The plan: which members train together in one stack, and what that takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mlpcore.backend import kernels
from mlpcore.experiments import stacking
from mlpcore.experiments.cost import Cost, partition
from mlpcore.experiments.memory import Memory
from mlpcore.experiments.problem import Member, Problem
from mlpcore.experiments.recipe import Recipe
from mlpcore.experiments.words import amount, table


@dataclass(frozen=True)
class Bucket:
    """Members that train together.

    Attributes:
        members: in the order of the stack.
        sizes: inputs, hidden widths of the widest, outputs.
        rows: how many rows each is trained on.
        bytes: the memory that it takes, counted.
    """

    members: tuple[Member, ...]
    sizes: tuple[int, ...]
    rows: int
    bytes: int

    @property
    def recipe(self) -> Recipe:
        """That of the first member: what a stack shares, it has too."""
        return self.members[0].recipe


@dataclass(frozen=True)
class Plan:
    """Buckets in the order in which they run; ``print(plan)`` shows them.

    Attributes:
        buckets: the stacks.
        seconds: how long each is estimated to take, or nothing where that was not measured.
    """

    buckets: tuple[Bucket, ...]
    seconds: tuple[float, ...] = ()

    @property
    def members(self) -> int:
        """How many networks are trained."""
        return sum(len(bucket.members) for bucket in self.buckets)

    @property
    def bytes(self) -> int:
        """The memory of the largest bucket, since they run one after the other."""
        return max((bucket.bytes for bucket in self.buckets), default=0)

    def __str__(self) -> str:
        headings = ["bucket", "members", "layers", "rows", "batch", "epochs", "memory"]
        rows = []
        for number, bucket in enumerate(self.buckets):
            rows.append(
                [
                    str(number),
                    str(len(bucket.members)),
                    "-".join(map(str, bucket.sizes)),
                    str(bucket.rows),
                    str(bucket.recipe.batch_size),
                    str(bucket.recipe.epochs),
                    amount(bucket.bytes),
                ]
            )
        total = f"{self.members} networks in {len(self.buckets)} stacks"
        total += f", {amount(self.bytes)} at most at a time"
        if self.seconds:
            headings.append("estimate")
            for row, seconds in zip(rows, self.seconds):
                row.append(f"{seconds:.3g} s")
            total += f", about {sum(self.seconds):.3g} s (an estimate, from short trials)"
        return f"{table([headings, *rows])}\n{total}"


def plan(
    problem: Problem,
    members: Iterable[Member],
    *,
    max_members: int | None = None,
    max_bytes: int | None = None,
) -> Plan:
    """Put members into stacks.

    All that may differ between the members of a stack may differ within a bucket; depth, batch
    size, epochs, kind of optimizer, normalization and the number of rows may not. Different widths
    come together where padding costs less than a further stack, see `mlpcore.experiments.cost`.

    Args:
        problem: the data and the splits.
        members: the networks to train.
        max_members: cut buckets that have more.
        max_bytes: cut buckets that take more.

    Raises:
        ValueError: for a member that takes more than ``max_bytes`` alone.
    """
    groups: dict[Hashable, list[Member]] = defaultdict(list)
    for member in members:
        split = problem.splits[member.split]
        rows = (len(split.training), len(split.held_out))
        groups[stacking.kind(member.recipe), rows].append(member)
    buckets = [
        bucket
        for group in groups.values()
        for together in _by_width(problem, group)
        for bucket in _cut(problem, together, max_members, max_bytes)
    ]
    return Plan(tuple(buckets))


def cost(problem: Problem, member: Member) -> Cost:
    """The cost of stacks like the one of this member."""
    rows = len(problem.splits[member.split].training)
    batch = min(member.recipe.batch_size, rows)
    return Cost(
        problem.inputs,
        problem.outputs,
        batch,
        -(-rows // batch),
        member.recipe.epochs,
        kernels.threads(),
    )


def _by_width(problem: Problem, group: Sequence[Member]) -> list[list[Member]]:
    by_width: dict[tuple[int, ...], list[Member]] = defaultdict(list)
    for member in group:
        by_width[member.recipe.hidden].append(member)
    widths, alike = list(by_width), list(by_width.values())
    chosen = partition(widths, list(map(len, alike)), cost(problem, group[0]).stack)
    return [[member for place in places for member in alike[place]] for places in chosen]


def _cut(
    problem: Problem, members: Sequence[Member], max_members: int | None, max_bytes: int | None
) -> list[Bucket]:
    """Buckets of nearly equal size within the limits."""
    widths = map(max, zip(*(member.recipe.hidden for member in members)))
    sizes = (problem.inputs, *widths, problem.outputs)
    split = problem.splits[members[0].split]
    memory = Memory.of(
        members[0].recipe,
        sizes,
        len(split.training),
        len(split.held_out),
        watched=problem.watched,
        stopping=problem.stopping is not None,
    )
    limit = len(members) if max_members is None else max_members
    if max_bytes is not None:
        limit = min(limit, memory.most(max_bytes, len(members)))
        if not limit:
            raise ValueError(
                f"got max_bytes={max_bytes}, expected at least {memory.total(1)}, which one "
                f"network of sizes {sizes} takes; allow more, or make batch or widths smaller"
            )
    pieces = -(-len(members) // limit)
    ends = [len(members) * piece // pieces for piece in range(pieces + 1)]
    return [
        Bucket(tuple(members[start:end]), sizes, len(split.training), memory.total(end - start))
        for start, end in pairwise(ends)
    ]
