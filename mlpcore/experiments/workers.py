"""Who trains the buckets: this process, or the workers of an executor."""

from __future__ import annotations

import itertools
import os
import pickle
import platform
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass
from typing import Protocol, Self

from mlpcore.experiments.problem import Problem
from mlpcore.experiments.train import Outcome, Task, Tick, train

#: An executor that somebody else opens and closes, or what makes one.
Workers = Executor | Callable[[], Executor]

#: Host and process.
Name = tuple[str, int]

#: The data of the last sweep that this process worked for, by the sweep's fingerprint.
_problems: dict[str, Problem] = {}


class Runner(Protocol):
    """What trains tasks; each comes back as its number and its outcome, when it has ended."""

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
        """Train tasks."""


class ThisProcess:
    """Trains one task after the other, here."""

    def __init__(self, problem: Problem, tick: Tick):
        self._problem, self._tick = problem, tick

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
        """Train tasks, in their order."""
        for number, task in enumerate(tasks):
            yield number, train(self._problem, task, self._tick)


@dataclass(frozen=True)
class Answer:
    """What a worker sends back.

    Attributes:
        worker: who it was.
        outcome: of the task; ``None`` where the worker has no data for it.
        fault: what our own code raised, if it did.
    """

    worker: Name
    outcome: Outcome | None = None
    fault: Exception | None = None


def work(call: int, sweep: str, problem: Problem | None, task: Task) -> Answer:
    """Train a task in a worker, which keeps the data for the tasks to come.

    ``call`` is another number each time: an executor may take equal calls for one.
    """
    me = (platform.node(), os.getpid())
    if problem is not None:
        _problems.clear()
        _problems[sweep] = problem
    known = _problems.get(sweep)
    if known is None:
        return Answer(me)
    try:
        return Answer(me, train(known, task))
    except Exception as fault:
        return Answer(me, fault=fault)


@dataclass
class Job:
    """A task on its way.

    Attributes:
        number: of the task.
        pool: the number of the executor that it was given to.
        lost: how often the executor lost it.
        carries: whether it brings the data along, since a worker had none for it.
    """

    number: int
    pool: int = 0
    lost: int = 0
    carries: bool = False


class Scheduler:
    """The workers of an executor.

    A task travels without the data at first. A worker that lacks them says so, and the task goes
    out again with them: each worker is sent the data once or so, wherever the executor puts a task.
    So that not all tasks ask before the first data arrive, two more are out at a time than twice as
    many as the workers that have been heard of.

    A task that is lost with its worker is sent out again. An executor that breaks as a whole, as a
    process pool does, is replaced where there is something that makes another.

    Args:
        executor: what runs the tasks, or what makes such an executor.
        sweep: the fingerprint of the sweep.
        problem: its data.
        retries: how often a lost task is sent out again.
    """

    def __init__(self, executor: Workers, sweep: str, problem: Problem, retries: int):
        self._make = None if isinstance(executor, Executor) else executor
        self._executor = executor if isinstance(executor, Executor) else executor()
        self._sweep, self._problem, self._retries = sweep, problem, retries
        self._known: set[Name] = set()
        self._pools = 0
        self._calls = itertools.count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        _problems.pop(self._sweep, None)
        if self._make is not None:
            self._executor.shutdown(wait=kind is None)

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
        """Train tasks, in the order in which they end.

        Raises:
            RuntimeError: for a task that was lost too often, or an executor that broke.
            TypeError: for a task that cannot be pickled.
        """
        waiting: dict[Future[Answer], Job] = {}
        jobs = deque(map(Job, range(len(tasks))))
        try:
            while jobs or waiting:
                while jobs and len(waiting) < 2 + 2 * len(self._known):
                    job = jobs.popleft()
                    waiting[self._submit(job, tasks[job.number])] = job
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    job = waiting.pop(future)
                    outcome = self._outcome(future, job)
                    if outcome is None:
                        jobs.appendleft(job)
                    else:
                        yield job.number, outcome
        finally:
            for future in waiting:
                future.cancel()

    def _submit(self, job: Job, task: Task) -> Future[Answer]:
        problem = self._problem if job.carries else None
        while True:
            job.pool = self._pools
            try:
                return self._executor.submit(work, next(self._calls), self._sweep, problem, task)
            except BrokenExecutor as fault:
                self._lose(job, fault)

    def _outcome(self, future: Future[Answer], job: Job) -> Outcome | None:
        """What came of a job; ``None`` where it has to be sent out again."""
        try:
            answer = future.result()
        except (pickle.PicklingError, AttributeError, TypeError) as fault:
            # Nothing of ours: what a worker raises comes back in its answer.
            raise TypeError(
                f"got a sweep that cannot be sent to another process ({fault}), expected a metric "
                "that is a function of a module, and data and settings that can be pickled"
            ) from fault
        except Exception as fault:
            self._lose(job, fault)
            return None
        if answer.fault is not None:
            raise answer.fault
        self._known.add(answer.worker)
        if answer.outcome is None:
            job.carries = True
        return answer.outcome

    def _lose(self, job: Job, fault: Exception) -> None:
        """Note that a job is lost, and replace an executor that broke."""
        job.lost += 1
        job.carries = False
        if job.lost > self._retries:
            raise RuntimeError(
                f"stack {job.number} of the sweep was lost {job.lost} times with its worker "
                f"({fault!r}), expected it to end within {self._retries} retries; workers may lack "
                "memory: cut the stacks by max_members or max_bytes"
            ) from fault
        if not isinstance(fault, BrokenExecutor) or job.pool < self._pools:
            return
        if self._make is None:
            raise RuntimeError(
                f"the executor broke ({fault}) and cannot be used again, expected what makes a new "
                "one; pass for example executor=lambda: ProcessPoolExecutor(2), and with a journal "
                "resume=True"
            ) from fault
        self._executor.shutdown(wait=False)
        self._executor = self._make()
        self._pools += 1
