"""Train a bucket: one stack from the draw of its weights to the scores of its members."""

from __future__ import annotations

import dataclasses
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from mlpcore.experiments import stacking
from mlpcore.experiments.plan import Bucket
from mlpcore.experiments.problem import Problem
from mlpcore.experiments.records import Record
from mlpcore.experiments.score import scores
from mlpcore.training import Callback, DivergenceError, Epoch, History, State, fit
from mlpcore.training.memory import Memory

#: Told after each epoch how many members have done it.
Tick = Callable[[int], None]


@dataclass(frozen=True)
class Pause:
    """A stack between two budgets, as it travels between processes.

    Attributes:
        memory: of the `mlpcore.training.State`.
        losses: of each epoch so far, ``(epochs, E)``; NaN where a member did not train.
        held_out_losses: likewise, where they were taken.
    """

    memory: Memory
    losses: np.ndarray
    held_out_losses: np.ndarray

    @property
    def active(self) -> np.ndarray:
        """The members ``(E,)`` that go on."""
        return self.memory["active"]

    def only(self, members: np.ndarray) -> Self:
        """The same, for a mask ``(E,)`` of members to go on with."""
        return dataclasses.replace(self, memory=self.memory | {"active": self.active & members})


@dataclass(frozen=True)
class Task:
    """A bucket to train, up to a number of epochs.

    Attributes:
        bucket: the members.
        epochs: to which to train; the members' own, or less by halving.
        rung: the round of halving.
        start: where to go on from, or ``None`` for the beginning.
        keep: whether to hand a pause back.
    """

    bucket: Bucket
    epochs: int
    rung: int = 0
    start: Pause | None = None
    keep: bool = False

    @property
    def work(self) -> int:
        """The epochs of all members, to be done."""
        if self.start is None:
            return len(self.bucket.members) * self.epochs
        return int(self.start.active.sum()) * (self.epochs - len(self.start.losses))


@dataclass(frozen=True)
class Outcome:
    """What came of a task: a record of each member that went on, and perhaps a pause."""

    records: list[Record]
    pause: Pause | None = None


def train(problem: Problem, task: Task, tick: Tick | None = None) -> Outcome:
    """Train and score the members of a bucket.

    Raises:
        KeyboardInterrupt: where Ctrl-C ended the training.
    """
    began = time.perf_counter()
    members = task.bucket.members
    recipes = [member.recipe for member in members]
    stack = stacking.network(recipes, problem.inputs, problem.outputs, problem.backend)
    state = State(stack, stacking.optimizer(recipes))
    losses = held_out_losses = np.empty((0, len(members)))
    if task.start is not None:
        state.recall(task.start.memory)
        losses, held_out_losses = task.start.losses, task.start.held_out_losses
    entered = np.flatnonzero(state.active).tolist()
    held_out = np.stack([problem.splits[member.split].held_out for member in members])
    history = _fit(problem, task, state, held_out, tick)
    losses = _longer(losses, history.loss)
    held_out_losses = _longer(held_out_losses, history.validation_loss)
    fitted = time.perf_counter()
    found = scores(problem, stack, held_out)
    scored = time.perf_counter()
    trained = np.isfinite(losses)
    best = history.monitored_best if problem.stopping else trained.sum(axis=0) - 1
    records = [
        Record(
            *members[i].key,
            rung=task.rung,
            score=math.nan if i in history.diverged else float(found[i]),
            epochs=task.epochs,
            best_epoch=int(best[i]),
            diverged=i in history.diverged,
            loss=tuple(losses[trained[:, i], i].tolist()),
            held_out_loss=tuple(held_out_losses[: trained[:, i].sum(), i].tolist()),
            fit_seconds=(fitted - began) / len(entered),
            score_seconds=(scored - fitted) / len(entered),
        )
        for i in entered
    ]
    return Outcome(records, Pause(state.memory(), losses, held_out_losses) if task.keep else None)


def _fit(
    problem: Problem, task: Task, state: State, held_out: np.ndarray, tick: Tick | None
) -> History:
    """Go on to the task's epochs; members that diverge are left out without a word."""
    recipe = task.bucket.recipe
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "of members .* training diverged", RuntimeWarning)
        try:
            history = fit(
                state.network,
                problem.X,
                problem.y,
                sample_weight=problem.weight,
                class_weight=recipe.class_weight,
                rows=np.stack([problem.splits[m.split].training for m in task.bucket.members]),
                validation_rows=held_out if problem.watched else None,
                state=state,
                batch_size=recipe.batch_size,
                epochs=task.epochs - state.epochs,
                shuffle=recipe.shuffle,
                early_stopping=problem.stopping,
                callbacks=() if tick is None else (_ticking(tick),),
                progress=False,
            )
        except DivergenceError as fault:
            history = fault.history
    if history.stopped == "interrupted":
        raise KeyboardInterrupt
    return history


def _ticking(tick: Tick) -> Callback:
    def after(epoch: Epoch) -> None:
        tick(int(np.isfinite(epoch.loss).sum()))

    return after


def _longer(before: np.ndarray, after: list[Any]) -> np.ndarray:
    return np.concatenate([before, np.reshape(after, (-1, before.shape[-1]))])
