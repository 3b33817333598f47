"""The rounds of a sweep: one for all settings, or with halving several for ever fewer of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from mlpcore.experiments.halving import budget, survivors
from mlpcore.experiments.journal import Journal
from mlpcore.experiments.plan import Bucket, plan
from mlpcore.experiments.problem import Key, Member
from mlpcore.experiments.progress import SweepBar
from mlpcore.experiments.records import Record
from mlpcore.experiments.study import Study
from mlpcore.experiments.train import Pause, Task
from mlpcore.experiments.workers import Runner

#: Stacks between two rounds.
Kept = list[tuple[Bucket, Pause]]


class Rounds:
    """Trains what a study asks for, and what is not in the journal yet.

    Attributes:
        records: the latest record of each member.
    """

    def __init__(self, study: Study, journal: Journal, bar: SweepBar, limits: dict[str, int]):
        self._study, self._journal, self._bar, self._limits = study, journal, bar, limits
        self._known = {(record.key, record.rung): record for record in journal.records}
        bar.take(journal.records)

    @property
    def records(self) -> list[Record]:
        """The last record of each member."""
        latest: dict[Key, Record] = {}
        for (key, rung), record in self._known.items():
            if key not in latest or rung > latest[key].rung:
                latest[key] = record
        return [latest[key] for key in sorted(latest)]

    def run(self, runner: Runner) -> None:
        """All rounds; what has ended is in `records` even where an interruption ends them."""
        chosen = list(range(len(self._study.settings)))
        kept: Kept = []
        for rung, share in enumerate(self._study.shares):
            members = self._study.members(chosen)
            tasks = self._tasks(kept, members, rung, share)
            kept = self._train(runner, tasks)
            chosen = survivors(self._scores(members, rung), self._study.halving)

    def _tasks(self, kept: Kept, members: Iterable[Member], rung: int, share: float) -> list[Task]:
        """What is missing from the journal: stacks that go on, and new ones."""
        missing = {m.key: m for m in members if (m.key, rung) not in self._known}
        parts: list[tuple[Bucket, Pause | None]] = []
        for bucket, pause in kept:
            wanted = np.array([missing.pop(m.key, None) is not None for m in bucket.members])
            if wanted.any():
                parts.append((bucket, pause.only(wanted)))
        new = plan(self._study.problem, missing.values(), **self._limits)
        parts += [(bucket, None) for bucket in new.buckets]
        # Early stopping looks back over the whole training, so that it cannot go on from a part.
        keep = rung + 1 < len(self._study.shares) and self._study.problem.stopping is None
        return [
            Task(bucket, budget(bucket.recipe.epochs, share), rung, start, keep)
            for bucket, start in parts
        ]

    def _train(self, runner: Runner, tasks: Sequence[Task]) -> Kept:
        kept = []
        self._bar.expect(sum(task.work for task in tasks))
        for number, outcome in runner.run(tasks):
            self._journal.write(outcome.records)
            self._known |= {(record.key, record.rung): record for record in outcome.records}
            self._bar.take(outcome.records)
            self._bar.finish(tasks[number].work)
            if outcome.pause is not None:
                kept.append((tasks[number].bucket, outcome.pause))
        return kept

    def _scores(self, members: Iterable[Member], rung: int) -> dict[int, float]:
        """The mean score of each setting in a round."""
        found: dict[int, list[float]] = {}
        for member in members:
            found.setdefault(member.setting, []).append(self._known[member.key, rung].score)
        return {setting: float(np.mean(scores)) for setting, scores in found.items()}
