"""`mlpcore.sweep`, and the plan of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from mlpcore.backend.checks import whole_number
from mlpcore.experiments.estimate import estimated
from mlpcore.experiments.journal import journal as open_journal
from mlpcore.experiments.plan import Plan, plan
from mlpcore.experiments.problem import Metric
from mlpcore.experiments.progress import SweepBar
from mlpcore.experiments.refit import refitted
from mlpcore.experiments.result import SweepResult
from mlpcore.experiments.rounds import Rounds
from mlpcore.experiments.score import metric_name
from mlpcore.experiments.space import Space
from mlpcore.experiments.study import Study, study
from mlpcore.experiments.workers import Runner, Scheduler, ThisProcess, Workers
from mlpcore.training import EarlyStopping
from mlpcore.training.progress import Progress

#: The memory of a stack where nobody says how much.
MAX_BYTES = 2 << 30
#: The members of a stack where workers share them and nobody says how many.
MAX_MEMBERS = 64


def sweep(
    space: Space,
    X: Any,
    y: Any,
    *,
    n_iter: int | None = None,
    cv: Any = None,
    repeats: int = 1,
    validation_data: tuple[Any, ...] | None = None,
    sample_weight: Any = None,
    seeds: int | Iterable[int] | None = None,
    metric: Metric | None = None,
    early_stopping: EarlyStopping | int | None = None,
    curves: bool = False,
    halving: int | None = None,
    refit: bool = True,
    max_members: int | None = None,
    max_bytes: int | None = MAX_BYTES,
    executor: Workers | None = None,
    retries: int = 3,
    journal: str | os.PathLike[str] | None = None,
    resume: bool = False,
    backend: Any = "cpu",
    progress: Progress = "auto",
    random_state: int = 0,
    **fixed: Any,
) -> SweepResult:
    """Try many settings, trained together as stacks of networks.

    Each setting is trained on each split with each seed, and ends with what the same network ends
    with when it is trained alone. `mlpcore.plan_sweep` shows beforehand what will be trained.

    Args:
        space: lists of values by name, all combinations of which are tried; or a list of such
            mappings, whose settings are put together; or distributions, as SciPy's, with
            ``n_iter``. The names are those of `mlpcore.MLP`, of its ``fit`` and of the optimizers:
            ``hidden`` (a tuple of widths), ``activation``, ``dropout``, ``optimizer``,
            ``learning_rate``, ``beta1``, ``momentum``, ``l2``, ``batch_size``, ``epochs``, ``seed``
            and so on.
        X: features ``(n, n_features)``.
        y: labels ``(n,)`` from 0, or values ``(n,)`` or ``(n, n_out)``.
        n_iter: how many settings to draw from the space.
        cv: how many folds, by default 5; a share of rows to hold out once, such as 0.2; one of
            scikit-learn's splitters; or pairs of row numbers ``(training, held_out)``, such as
            ``list(GroupKFold(3).split(X, y, groups))`` where the rows form groups. Folds and
            shares are drawn at random, and of each class alike.
        repeats: how often folds or shares are drawn anew.
        validation_data: ``(X, y)`` or ``(X, y, sample_weight)`` to score on, in place of ``cv``.
        sample_weight: of the rows of ``X``, in training and in scoring.
        seeds: how many seeds to train each setting with, or which; scores are averaged over them.
            A ``seed`` in the space makes settings of its own instead.
        metric: ``"accuracy"`` for classes, ``"r2"`` for values, ``"loss"``, which counts
            negatively and compares settings of one loss, or ``metric(network, X, y)``; more is
            better.
        early_stopping: a patience in epochs, or `mlpcore.EarlyStopping`, for each network by
            itself, on its held-out rows.
        curves: whether the loss on the held-out rows is taken after each epoch, for the picture;
            early stopping does it anyhow.
        halving: successive halving: train all settings for a little while, go on with the best of
            them, one in so many, for so many times as long, until some have trained in full.
        refit: whether the best setting is trained once more, on all rows of ``X``, with the first
            seed; with early stopping for as many epochs as were best on average.
        max_members: the most networks in one stack; without it 64 where there is an ``executor``.
        max_bytes: the most memory that one stack may take.
        executor: runs the stacks on other processes or machines: a `concurrent.futures.Executor`,
            such as a process pool or what Dask's ``client.get_executor()`` returns; or what makes
            one, such as ``lambda: ProcessPoolExecutor(2)``, so that a broken one can be replaced.
            Each process uses all processors unless ``MLPCORE_THREADS`` says otherwise.
        retries: how often a stack that was lost with its worker is trained again.
        journal: a file to which results are written as they come.
        resume: whether to go on with a journal that is there: what it holds is not trained again.
        backend: see `mlpcore.MLP`.
        progress: a bar always, never, or with ``"auto"`` where somebody watches.
        random_state: of the folds and of what is drawn from the space.
        fixed: what is the same for all settings, by name, such as ``epochs=30``.

    Returns:
        The `SweepResult`. Ctrl-C ends the sweep and returns what has ended by then.

    Raises:
        ValueError, TypeError: for unknown names or data that do not fit; the message lists the
            known ones.
        FileExistsError: for a journal that has results, without ``resume``.
        RuntimeError: for a stack that cost too many workers, or a broken executor.

    >>> import numpy as np
    >>> import mlpcore as mc
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> y = (X[:, 0] > X[:, 1]).astype(int)
    >>> space = {"learning_rate": [1e-5, 1e-2], "hidden": [(8,), (8, 8)]}
    >>> result = mc.sweep(space, X, y, cv=3, epochs=20, batch_size=10)
    >>> result.best_params["learning_rate"], result.best_score > 0.9
    (0.01, True)
    >>> result.best_network.predict(X).shape
    (60, 2)
    """
    asked = study(
        space,
        X,
        y,
        n_iter=n_iter,
        cv=cv,
        repeats=repeats,
        validation_data=validation_data,
        sample_weight=sample_weight,
        seeds=seeds,
        metric=metric,
        early_stopping=early_stopping,
        curves=curves,
        halving=halving,
        backend=backend,
        random_state=random_state,
        **fixed,
    )
    retries = whole_number("retries", retries, least=0)
    limits = _limits(max_members, max_bytes)
    if executor is not None:
        limits = {"max_members": MAX_MEMBERS} | limits
    rounds: Rounds | None = None
    try:
        with (
            open_journal(journal, asked.fingerprint if journal else "", resume=resume) as log,
            SweepBar(progress) as bar,
            _runner(executor, asked, bar, retries) as runner,
        ):
            rounds = Rounds(asked, log, bar, limits)
            rounds.run(runner)
            complete = True
    except KeyboardInterrupt:
        if rounds is None:
            raise
        complete = False
    result = SweepResult(
        asked.settings,
        rounds.records,
        metric_name(asked.problem.metric),
        len(asked.problem.splits),
        len(asked.seeds or (0,)),
        complete=complete,
    )
    return refitted(asked, result) if refit and complete else result


def plan_sweep(
    space: Space,
    X: Any,
    y: Any,
    *,
    max_members: int | None = None,
    max_bytes: int | None = MAX_BYTES,
    **arguments: Any,
) -> Plan:
    """What `mlpcore.sweep` would train with these arguments: print it before it runs.

    Args:
        space: see `mlpcore.sweep`, likewise all others.
        X: features.
        y: labels or values.
        max_members: the most networks in one stack.
        max_bytes: the most memory that one stack may take.
        arguments: those of `mlpcore.sweep` that decide on what is trained.

    Returns:
        The `Plan`: the stacks, the networks in each, the memory that they take, counted, and an
        estimate of the time, from a short trial of each stack. With halving it is the plan of the
        same settings without.

    >>> import numpy as np
    >>> import mlpcore as mc
    >>> X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
    >>> plan = mc.plan_sweep({"hidden": [(4,), (8,), (2, 2)], "seed": range(3)}, X, y, cv=3)
    >>> [(bucket.sizes, len(bucket.members)) for bucket in plan.buckets]
    [((2, 8, 2), 18), ((2, 2, 2, 2), 9)]
    """
    asked = study(space, X, y, **arguments)
    members = asked.members(range(len(asked.settings)))
    found = plan(asked.problem, members, **_limits(max_members, max_bytes))
    return estimated(asked.problem, found)


def _limits(max_members: int | None, max_bytes: int | None) -> dict[str, int]:
    given = {"max_members": max_members, "max_bytes": max_bytes}
    return {name: whole_number(name, value) for name, value in given.items() if value is not None}


def _runner(
    executor: Workers | None, asked: Study, bar: SweepBar, retries: int
) -> AbstractContextManager[Runner]:
    if executor is None:
        return nullcontext(ThisProcess(asked.problem, bar.tick))
    return Scheduler(executor, asked.fingerprint, asked.problem, retries)
