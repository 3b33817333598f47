"""The workers: right in every kind of case, through the very loop that a process runs."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.backend import kernels
from mlpcore.backend.dispatch import Primitive
from mlpcore.cli.bench import module

cases, tasks, worker = module("cases"), module("workers.tasks"), module("workers.worker")
NETWORKS = [
    cases.Training((4, 3, 2, 2), 32, 4),
    cases.Training((6, 5, 3), 16, 3, members=3),
    cases.Prediction((6, 5, 3), 7),
    cases.Fit((30,), 32, 0.9),
]
PRIMITIVES = [
    *(cases.Kernel(name, 12, 7) for name in module("cases.kernel").CALLS),
    cases.Product(3, 4, 5),
    cases.Copy(4, 5),
]


def ours() -> Any:
    kernels, networks = module("workers.kernels"), module("workers.ours")
    own = {
        task.kind: partial(task, backend="cpu")
        for task in (kernels.KernelTask, kernels.ProductTask, kernels.CopyTask)
    }
    return worker.Worker(("numpy",), tasks.of_networks(partial(networks.Ours, backend="cpu")) | own)


def products() -> Any:
    floor = module("workers.products")
    return worker.Worker(
        ("numpy",),
        {
            "training": floor.ChainTask,
            "product": floor.ProductTask,
            "copy": lambda case: floor.CopyTask(case, 2),
            "pieces": lambda case: floor.PiecesTask(case, 2),
        },
    )


def asked(served: Any, *commands: dict[str, Any]) -> list[dict[str, Any]]:
    replies = io.StringIO()
    worker.serve(served, map(json.dumps, commands), replies)
    return [json.loads(line) for line in replies.getvalue().splitlines()]


def held_to_the_reference(served: Any, case: Any, floor: bool = False) -> None:
    command = {"do": "prepare", "task": 7, "kind": case.kind, "case": asdict(case)}
    check, one = {"do": "check", "task": 7}, {"do": "round", "task": 7, "count": 1}
    first, check, timed = asked(served, command, check, one)
    assert "error" not in first, first
    case.validate("it", check["figures"], case.expected(floor))
    assert first["first"] > 0
    assert timed["seconds"] > 0
    assert timed["processors"] > 0


@pytest.mark.parametrize("case", [*NETWORKS, *PRIMITIVES], ids=lambda case: case.title)
def test_ours(case: Any) -> None:
    held_to_the_reference(ours(), case)


@pytest.mark.parametrize(
    "case", [*NETWORKS[:2], *PRIMITIVES[-2:], cases.Pieces(9)], ids=lambda case: case.title
)
def test_floors(case: Any) -> None:
    held_to_the_reference(products(), case, floor=True)


@pytest.mark.parametrize("update", [False, True])
@pytest.mark.parametrize("case", NETWORKS[:2], ids=lambda case: case.title)
def test_parts_of_our_step(case: Any, update: bool) -> None:
    if not kernels.native():
        pytest.skip("needs the compiled kernels, whose recorded step has these parts")
    parts = module("workers.parts").PartsTask
    served = worker.Worker((), {"training": partial(parts, update=update)})
    held_to_the_reference(served, case, floor=True)
    (task,) = served.ready.values()
    moved = [not np.array_equal(w, s) for w, s in zip(task.net.weights, task.problem.weights)]
    assert moved == [update] * len(moved)


@pytest.mark.parametrize(
    ("package", "name", "make"),
    [
        ("sklearn", "scikit_learn", "ScikitLearn"),
        ("torch", "pytorch", "PyTorch"),
        ("jax", "jax", "Jax"),
    ],
)
def test_peers(package: str, name: str, make: str) -> None:
    pytest.importorskip(package)
    make = getattr(module(f"workers.{name}"), make)
    network = partial(make, scan=False) if package == "jax" else make
    served = worker.Worker((package,), tasks.of_networks(network))
    held_to_the_reference(served, NETWORKS[1])


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
@pytest.mark.parametrize(
    ("package", "name", "make"), [("torch", "pytorch", "PyTorch"), ("jax", "jax", "Jax")]
)
def test_peers_by_precision(package: str, name: str, make: str, precision: str) -> None:
    pytest.importorskip(package)
    make = getattr(module(f"workers.{name}"), make)
    network = partial(make, scan=True) if package == "jax" else make
    case = cases.Training((784, 512, 256, 10), 64, 3, precision=precision)
    served = worker.Worker((package,), tasks.of_networks(network))
    held_to_the_reference(served, case)
    assert case.title == f"784-512-256-10, batch 64, {precision}"
    (narrow,) = served.ready.values()
    exact = tasks.TrainingTask(replace(case, precision="float32"), network)
    exact.prepare()
    same = list(narrow.check()) == list(exact.check())
    assert same == (precision == "tf32")  # which a CPU has not


def test_commands() -> None:
    facts, unprepared, memory, refused = asked(
        ours(),
        {"do": "facts"},
        {"do": "check", "task": 0},
        {"do": "memory", "kind": "training", "case": asdict(NETWORKS[0])},
        {"do": "dance"},
    )
    assert facts["versions"]["numpy"] == np.__version__
    assert all("filepath" not in pool for pool in facts["pools"])
    assert "expected prepare before it" in unprepared["error"]
    assert memory["bytes"] is None or memory["bytes"] >= 0
    assert "'dance'" in refused["error"]


def test_cases_stay_ready_until_they_are_released() -> None:
    commands = [
        {"do": "prepare", "task": number, "kind": case.kind, "case": asdict(case)}
        for number, case in enumerate(PRIMITIVES[-2:])
    ]
    checks = [{"do": "check", "task": number} for number in range(2)]
    served, given_back = ours(), []
    served.release = lambda: given_back.append("memory")
    *_, product, copy, released, refused = asked(
        served, *commands, *checks, {"do": "release"}, checks[0]
    )
    for case, check in zip(PRIMITIVES[-2:], (product, copy)):
        case.validate("it", check["figures"], case.expected(False))
    assert released == {}
    assert given_back == ["memory"]
    assert "expected prepare before it" in refused["error"]


def test_a_rest_lasts_until_no_thread_spins(monkeypatch: pytest.MonkeyPatch) -> None:
    used = iter([0.0, 0.004, 0.004, 0.007, 0.007, 0.0071])
    naps: list[float] = []
    monkeypatch.setattr(worker.time, "process_time", lambda: next(used))
    monkeypatch.setattr(worker.time, "sleep", naps.append)
    worker.rest()
    assert len(naps) == 3


def test_a_broken_function_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Primitive, *arrays: Any, out: Any = None, **parameters: Any) -> Any:
        return 1.01 * self.reference(*arrays, **parameters)

    monkeypatch.setattr(Primitive, "__call__", broken)
    for case in (cases.Kernel("relu", 4, 5), cases.Product(3, 4, 5)):
        with pytest.raises(cases.WrongResultError, match="it on"):
            held_to_the_reference(ours(), case)


def test_a_broken_optimizer_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mc, "Adam", lambda rate: mc.SGD(rate))
    with pytest.raises(cases.WrongResultError, match="it on"):
        held_to_the_reference(ours(), NETWORKS[0])


def test_memory_is_counted_from_before_the_task(tmp_path: Path) -> None:
    memory = module("workers.memory")
    if not Path("/proc/self/clear_refs").exists():
        assert memory.most_memory(ours()) is None
        return

    class Large(tasks.Task):
        def prepare(self) -> None:
            np.ones(1 << 23)  # 64 MiB, touched, given back

        def check(self) -> Any:
            return []

        def round(self, count: int) -> float:
            return 0.0

    assert 60 << 20 < memory.most_memory(Large()) < 80 << 20


class Event:
    """An event of a device on which a write of the scratch takes 5 ms and a call 2 ms."""

    def __init__(self, log: list[str], now: dict[str, float]):
        self.log, self.now = log, now

    def record(self) -> None:
        self.log.append("record")
        self.at = self.now["ms"]

    def synchronize(self) -> None:
        self.log.append("synchronize")


def test_a_device_is_timed_by_its_events_with_empty_caches() -> None:
    log: list[str] = []
    now = {"ms": 0.0}

    class Scratch:
        def fill(self, value: int) -> None:
            log.append("flush")
            now["ms"] += 5.0

    def empty(shape: tuple[int, ...], dtype: str) -> Scratch:
        assert shape[0] >= 4 * 60_000_000
        assert dtype == "uint8"
        return Scratch()

    def call() -> None:
        log.append("call")
        now["ms"] += 2.0

    cuda = SimpleNamespace(
        Device=lambda: SimpleNamespace(attributes={"L2CacheSize": 60_000_000}),
        Event=lambda: Event(log, now),
        get_elapsed_time=lambda start, end: end.at - start.at,
    )
    clock = module("workers.clocks").DeviceClock(SimpleNamespace(cuda=cuda, empty=empty))
    assert clock.seconds(call, 3) == pytest.approx(0.002)
    flushes = ["flush"] * clock.FILLS
    assert log == [*flushes, "record", "call", "record", "synchronize"] * 3
