"""How long a plan will take: a short trial of each of its stacks, and the rest by proportion."""

from __future__ import annotations

import dataclasses
import math
import time

import numpy as np

from mlpcore.experiments.folds import Split
from mlpcore.experiments.plan import Bucket, Plan, cost
from mlpcore.experiments.problem import Problem
from mlpcore.experiments.train import Task, train

#: Epochs of a trial, and the least steps of each.
STEPS, EPOCHS = 4, 3
#: The seconds that the steps of such an epoch should take by the model of costs, where there are as
#: many: what an epoch takes besides its steps is multiplied like them, and so must be little.
LONG_ENOUGH = 0.01


def estimated(problem: Problem, plan: Plan) -> Plan:
    """The plan with an estimate of the seconds of each bucket."""
    for bucket in plan.buckets[:1]:
        _seconds(problem, bucket)  # the very first training in a process starts more slowly
    seconds = tuple(_seconds(problem, bucket) for bucket in plan.buckets)
    return dataclasses.replace(plan, seconds=seconds)


def _seconds(problem: Problem, bucket: Bucket) -> float:
    """One epoch of some members on some batches, times all members, batches and epochs.

    What comes before the second epoch is the start, which the members share in part.
    """
    recipe, count = bucket.members[0].recipe, len(bucket.members)
    whole = cost(problem, bucket.members[0])
    wanted = math.ceil(LONG_ENOUGH * whole.threads / whole.step(recipe.hidden))  # members' steps
    members = bucket.members[: max(2 * whole.threads, -(-wanted // STEPS))]
    steps = min(whole.steps, max(STEPS, -(-wanted // len(members))))
    small = _part(problem, steps * whole.batch)
    ends = [time.perf_counter()]
    task = Task(dataclasses.replace(bucket, members=members), EPOCHS)
    train(small, task, lambda _: ends.append(time.perf_counter()))
    epochs = np.diff(ends)
    share = steps / whole.steps * len(members) / count
    return float(epochs[0] + recipe.epochs * np.min(epochs[1:], initial=epochs[0]) / share)


def _part(problem: Problem, rows: int) -> Problem:
    """The problem with so many rows to train on, at most."""
    splits = tuple(
        Split(
            split.training[:rows],
            split.held_out[: max(1, rows * len(split.held_out) // len(split.training))],
        )
        for split in problem.splits
    )
    return dataclasses.replace(problem, splits=splits, weight=None, metric="loss")
