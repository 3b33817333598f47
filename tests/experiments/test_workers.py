"""Executors: other processes, some of which are killed while they train."""

from __future__ import annotations

import concurrent.futures as futures
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.experiments import workers
from mlpcore.experiments.plan import plan
from mlpcore.experiments.study import study
from mlpcore.experiments.train import Task, train

#: How many workers of a pool are killed; ``MLPCORE_TEST_KILLS=50`` kills so many.
KILLS = int(os.environ.get("MLPCORE_TEST_KILLS", "1"))

SPACE = {"learning_rate": [1e-3, 1e-2, 0.1], "hidden": [(16,), (16, 8)], "seed": range(2)}
FIXED = {"cv": 2, "epochs": 100, "batch_size": 8, "dtype": "float64", "progress": False}
X = np.random.default_rng(0).normal(size=(400, 5))
Y = (X.sum(axis=1) > 0).astype(int)

posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@pytest.fixture(scope="module")
def serial() -> mc.experiments.SweepResult:
    """What every executor has to bring."""
    return mc.sweep(SPACE, X, Y, **FIXED)


def same(found: mc.experiments.SweepResult, serial: mc.experiments.SweepResult) -> None:
    assert found.complete
    assert [record.key for record in found.records] == [record.key for record in serial.records]
    for mine, theirs in zip(found.records, serial.records):
        np.testing.assert_allclose(mine.score, theirs.score, rtol=1e-10)
        np.testing.assert_allclose(mine.loss, theirs.loss, rtol=1e-10)
    assert found.best_params == serial.best_params
    assert found.best_network is not None
    np.testing.assert_allclose(
        found.best_network.parameters, serial.best_network.parameters, rtol=1e-10
    )


def pool() -> futures.ProcessPoolExecutor:
    """Two processes that start anew; a fork of one with threads may hang."""
    return futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))


@contextmanager
def killer(journal: Path, processes: Callable[[], list[int]], times: int) -> Iterator[list[int]]:
    """Kills one of some processes whenever a few more results have come; whom it has killed."""
    killed: list[int] = []
    over = threading.Event()

    def watch() -> None:
        lines = 3
        while not over.wait(0.002) and len(killed) < times:
            if journal.exists() and journal.read_bytes().count(b"\n") > lines:
                victims = [process for process in processes() if process not in killed]
                if victims:
                    os.kill(victims[0], signal.SIGKILL)
                    killed.append(victims[0])
                    lines = journal.read_bytes().count(b"\n") + 1

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield killed
    finally:
        over.set()
        watcher.join()


@posix
def test_a_process_pool_that_loses_workers(serial: Any, tmp_path: Path) -> None:
    pools: list[futures.ProcessPoolExecutor] = []
    journal = tmp_path / "sweep.jsonl"

    def make() -> futures.ProcessPoolExecutor:
        pools.append(pool())
        return pools[-1]

    def processes() -> list[int]:
        return list(pools[-1]._processes or ())

    with killer(journal, processes, times=KILLS) as killed:
        found = mc.sweep(
            *(SPACE, X, Y),
            executor=make,
            max_members=1,
            retries=4 * KILLS,
            journal=journal,
            **FIXED,
        )
    same(found, serial)
    assert 1 <= len(killed) <= KILLS
    assert 2 <= len(pools) <= len(killed) + 1
    with pytest.raises(RuntimeError, match="shutdown"):
        pools[-1].submit(int)


@posix
def test_a_pool_that_cannot_be_replaced_keeps_what_has_ended(serial: Any, tmp_path: Path) -> None:
    journal = tmp_path / "sweep.jsonl"
    arguments = {"max_members": 2, "journal": journal, **FIXED}
    with (
        pool() as executor,
        killer(journal, lambda: list(executor._processes or ()), times=1),
        pytest.raises(RuntimeError, match=r"the executor broke .* cannot be used again"),
    ):
        mc.sweep(SPACE, X, Y, executor=executor, **arguments)
    kept = journal.read_bytes().count(b"\n") - 1
    assert 2 < kept < len(serial.records)
    same(mc.sweep(SPACE, X, Y, resume=True, **arguments), serial)


@posix
def test_a_dask_cluster_that_loses_a_worker(serial: Any, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    journal = tmp_path / "sweep.jsonl"
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=str(tmp_path),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        running = list(client.run(os.getpid).values())
        assert len(set(running)) == 2
        with killer(journal, lambda: running, times=1) as killed:
            found = mc.sweep(
                *(SPACE, X, Y),
                executor=client.get_executor(),
                max_members=2,
                journal=journal,
                **FIXED,
            )
    same(found, serial)
    assert len(killed) == 1


def test_threads_and_halving(serial: Any) -> None:
    with futures.ThreadPoolExecutor(2) as executor:
        same(mc.sweep(SPACE, X, Y, executor=executor, max_members=5, **FIXED), serial)
        halved = mc.sweep(SPACE, X, Y, executor=executor, max_members=5, halving=2, **FIXED)
        assert not workers._problems
    alone = mc.sweep(SPACE, X, Y, halving=2, **FIXED)
    assert halved.records == [  # but for the times
        r.__class__(**{**vars(r), **times(mine)}) for r, mine in zip(alone.records, halved.records)
    ]


def times(record: Any) -> dict[str, float]:
    return {name: getattr(record, name) for name in ("fit_seconds", "score_seconds")}


class Pickled(futures.Executor):
    """Workers of one process that keep their own data, and lose tasks as they are told to.

    Attributes:
        sent: for each call its worker, and whether it carried the data.
    """

    def __init__(self, count: int, losses: int = 0):
        self.sent: list[tuple[int, bool]] = []
        self._count, self._losses = count, losses
        self._own: list[dict[str, Any]] = [{} for _ in range(count)]

    def submit(self, function: Any, /, *arguments: Any, **_: Any) -> futures.Future[Any]:
        worker = len(self.sent) % self._count
        future: futures.Future[Any] = futures.Future()
        self.sent.append((worker, arguments[2] is not None))
        if self._losses:
            self._losses -= 1
            future.set_exception(ConnectionError("lost"))
            return future
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(workers, "_problems", self._own[worker])
            patch.setattr(workers.os, "getpid", lambda: worker)
            answer = function(*pickle.loads(pickle.dumps(arguments)))
        future.set_result(pickle.loads(pickle.dumps(answer)))
        return future


def test_each_worker_is_sent_the_data_once(serial: Any) -> None:
    executor = Pickled(3)
    same(mc.sweep(SPACE, X, Y, executor=executor, max_members=1, **FIXED), serial)
    assert 24 < len(executor.sent) < 48
    assert sum(carried for _, carried in executor.sent) <= 2 * 3


def test_lost_tasks_are_sent_out_again_but_not_for_ever(serial: Any) -> None:
    same(mc.sweep(SPACE, X, Y, executor=Pickled(1, losses=3), **FIXED), serial)
    with pytest.raises(RuntimeError, match=r"lost 2 times with its worker .*expected it to end"):
        mc.sweep(SPACE, X, Y, executor=Pickled(1, losses=99), retries=1, **FIXED)


def test_what_our_own_code_raises_is_not_tried_again() -> None:
    def broken(network: Any, X: Any, y: Any) -> float:
        raise ZeroDivisionError("a metric that fails")

    executor = futures.ThreadPoolExecutor(1)
    with executor, pytest.raises(ZeroDivisionError, match="a metric that fails"):
        mc.sweep(SPACE, X, Y, metric=broken, executor=executor, **FIXED)


def test_stacks_for_workers_are_cut() -> None:
    with futures.ThreadPoolExecutor(1) as executor:
        sizes: list[int] = []
        submit = executor.submit

        def noting(*arguments: Any) -> Any:
            sizes.append(len(arguments[4].bucket.members))
            return submit(*arguments)

        executor.submit = noting  # type: ignore[method-assign]
        mc.sweep({"seed": range(70)}, X, Y, executor=executor, **{**FIXED, "epochs": 1})
    assert max(sizes) <= 64


def test_tasks_and_outcomes_travel() -> None:
    """A pause that went through pickle goes on as the one that did not."""
    asked = study(SPACE, X, Y, cv=2, epochs=6, batch_size=8)
    bucket = plan(asked.problem, asked.members(range(12))).buckets[0]
    begun = train(asked.problem, Task(bucket, 2, keep=True))
    problem, task = pickle.loads(pickle.dumps((asked.problem, Task(bucket, 6, 1, begun.pause))))
    assert task.work == len(bucket.members) * 4
    there, here = train(problem, task), train(asked.problem, Task(bucket, 6))
    assert [r.loss for r in there.records] == [r.loss for r in here.records]
    assert [r.score for r in there.records] == [r.score for r in here.records]


def test_what_cannot_be_sent_is_told_so() -> None:
    with pytest.raises(TypeError, match=r"cannot be sent to another process.*function"):
        mc.sweep(
            *({}, X, Y),
            metric=lambda *_: 1.0,
            executor=pool,
            **FIXED,
        )
