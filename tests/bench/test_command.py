"""`mlpcore bench` and what it runs."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from mlpcore.cli.app import app
from mlpcore.cli.bench import module

cases, groups, libraries, machine, suite = (
    module(name) for name in ("cases", "groups", "libraries", "machine", "suite")
)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["bench", *arguments])


def test_a_run_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real processes, on cases that take no time."""
    monkeypatch.setenv("COLUMNS", "200")
    small: dict[str, Any] = {
        "ceilings": {"copy": cases.Copy(8, 8), "product": cases.Product(8, 8, 8)},
        "kernels": {"relu": cases.Kernel("relu", 8, 8)},
        "cold": {"import": module("fresh").Import()},
        "memory": {"tiny": module("fresh").Memory(groups.STEPS["tiny"])},
    }
    hands = [libraries.LIBRARIES[name] for name in ("cpu", "products")]
    monkeypatch.setattr(suite, "at_hand", lambda peers, full: hands)
    monkeypatch.setattr(module("fresh").FreshCase, "repeats", 1)
    for name, found in small.items():
        monkeypatch.setitem(
            groups.GROUPS, name, groups.Group(name, lambda full, found=found: found, floors=True)
        )
    result = run(
        "--only", "kernels", "--only", "cold", "--only", "memory", "--output", str(tmp_path)
    )
    assert result.exit_code == 0, result.output
    (path,) = tmp_path.glob("*.json")
    found = module("results").Results.load(path)
    relu, started, kept = found.group("kernels") + found.group("cold") + found.group("memory")
    assert set(relu.values) == {"cpu"}
    assert len(relu.values["cpu"]) == found.settings["rounds"] == 6
    assert 0.01 < started.median("cpu") < 60
    assert kept.unit == "B"
    assert found.machine["versions"]["numpy"]
    assert "relu of 8 × 8" in result.output
    assert (path.with_suffix("") / "report.html").exists()


@pytest.mark.parametrize("full", [False, True])
def test_a_quick_run_goes_through_everything_each_round(
    full: bool, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[str] = []
    monkeypatch.setattr(suite, "at_hand", lambda peers, full: [libraries.LIBRARIES["cpu"]])
    run = suite.Run(suite.Settings(only=("stacks",), full=full))
    run.contests = run.contests[:2]
    monkeypatch.setattr(run, "processes", lambda: contextlib.nullcontext([fake("cpu", 1.0, log)]))
    told: list[str] = []
    run.run(lambda what, done: told.append(what.split()[0]))
    if full:
        assert told == 3 * 2 * ["validate", *5 * ["time"]]
    else:
        assert told == 2 * [*2 * ["validate"], *3 * 2 * ["time"]]


def test_training_steps_have_more_rounds_of_a_quick_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "at_hand", lambda peers, full: [libraries.LIBRARIES["cpu"]])
    for full, usual, more in ((False, 3, 6), (True, 5, 5)):
        run = suite.Run(suite.Settings(only=("stacks", "steps"), full=full))
        rounds = {group: heat.rounds for (group, _), heat in run.heats.items()}
        assert (rounds["stacks"], rounds["steps"]) == (usual, more)


def test_sittings_are_as_many_as_asked_for(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "at_hand", lambda peers, full: [libraries.LIBRARIES["cpu"]])
    run = suite.Run(suite.Settings(only=("stacks",), repeats=5))
    run.contests = run.contests[:1]
    monkeypatch.setattr(run, "processes", lambda: contextlib.nullcontext([fake("cpu", 1.0, [])]))
    told: list[str] = []
    found = run.run(lambda what, done: told.append(what.split()[0]))
    assert told == 5 * ["validate", *3 * ["time"]]
    assert (found.settings["sittings"], found.settings["rounds"]) == (5, 15)


def test_a_run_without_a_sitting_is_refused(tmp_path: Path) -> None:
    result = run("--sittings", "0", "--output", str(tmp_path))
    assert result.exit_code == 2
    assert "got 0 sittings, expected at least 1" in result.output


def test_large_cases_are_held_one_by_one(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what has been measured is kept after each."""
    monkeypatch.setattr(suite, "at_hand", lambda peers, full: [libraries.LIBRARIES["gpu"]])
    for name in ("stacks", "gpu"):
        tiny = {f"{name}-{i}": groups.STEPS["tiny"] for i in range(2)}
        group = replace(groups.GROUPS[name], contests=lambda full, tiny=tiny: tiny)
        monkeypatch.setitem(groups.GROUPS, name, group)
    run = suite.Run(suite.Settings(only=("stacks", "gpu")))
    run.contests = [c for c in run.contests if c.group in ("stacks", "gpu")]
    monkeypatch.setattr(run, "processes", lambda: contextlib.nullcontext([fake("gpu", 1.0, [])]))
    told: list[str] = []
    kept: list[int] = []

    def keep(results: Any) -> None:
        kept.append(sum(len(c.values["gpu"]) for c in results.contests if "gpu" in c.values))

    run.run(lambda what, done: told.append(what.split()[0]), keep)
    one = ["validate", *3 * ["time"]]
    assert told == 2 * [*2 * ["validate"], *6 * ["time"], *one, *one]
    assert kept == [6, 9, 12, 18, 21, 24]


def test_what_is_for_a_gpu_has_no_other_libraries() -> None:
    known = list(libraries.LIBRARIES.values())
    settings = suite.Settings(only=("gpu",), peers=True)
    assert {c.group for c in suite.contests(settings)} == {"ceilings", "peaks", "gpu"}
    for contest in suite.contests(settings):
        if contest.group != "ceilings":
            assert {library.device for library in contest.among(known)} == {"gpu"}
    wide = [c for c in suite.contests(settings) if c.name == "wide-65536-tf32"]
    assert wide[0].targets == {"best": 1.0, "roof": 0.85}
    assert wide[0].case.checked == 1
    assert len([c for c in suite.contests(settings) if c.group == "gpu"]) == 2 * 3 * 3 + 2


def test_a_group_that_nobody_here_can_run_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "at_hand", lambda peers, full: [libraries.LIBRARIES["cpu"]])
    run = suite.Run(suite.Settings(only=("stacks", "gpu")))
    assert run.left_out == {"gpu": "no library that is at hand takes part"}


def test_narrow_activations_are_half_the_bytes() -> None:
    exact = cases.Training((8, 4, 2), 16, 1)
    narrow, tf32 = (replace(exact, precision=p) for p in ("bfloat16", "tf32"))
    values = 16 * (4 * 8 + 7 * 4 - 4 + 5 * 2)
    assert exact.bytes == tf32.bytes == 4 * (10 * exact.parameters + values)
    assert exact.bytes - narrow.bytes == 2 * values


def test_parts_of_a_step_need_the_compiled_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = libraries.LIBRARIES["parts_update"]
    monkeypatch.setattr(libraries.kernels, "native", lambda: None)
    assert not parts.installed
    monkeypatch.setattr(libraries.kernels, "native", lambda: object())
    assert parts.installed


def test_a_wrong_result_ends_in_an_error(
    tmp_path: Path, results: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    del results.contests[1:]
    results.contests[0].faults["jax_jit"] = "jax_jit on this gave 2, expected 1"
    monkeypatch.setattr(suite.Run, "run", lambda self, tell, keep: results)
    result = run("--output", str(tmp_path))
    assert result.exit_code == 1
    assert "jax_jit on this gave 2, expected 1" in result.output


def test_a_group_that_does_not_exist() -> None:
    result = run("--only", "speed")
    assert result.exit_code == 2
    assert "expected one of ceilings, threads, kernels, products, steps" in result.output


def test_what_is_run() -> None:
    quick = suite.contests(suite.Settings())
    full = suite.contests(suite.Settings(full=True))
    keys = [(contest.group, contest.name) for contest in full]
    assert len(keys) == len(set(keys))
    assert {contest.group for contest in quick} == set(groups.GROUPS)
    assert set(groups.TARGETS) == set(groups.STEPS)
    compared = suite.contests(suite.Settings(only=("steps",), peers=True))
    steps = {contest.name for contest in compared if contest.group == "steps"}
    assert steps == set(groups.STEPS)
    assert "large" not in {contest.name for contest in quick if contest.group == "steps"}
    only = suite.contests(suite.Settings(only=("kernels",)))
    assert {contest.group for contest in only} == {"ceilings", "kernels"}


def test_who_takes_part() -> None:
    alone, with_peers = libraries.at_hand(), libraries.at_hand(peers=True)
    assert [library.name for library in alone][:2] == ["cpu", "cpu_bodies"]
    assert not any(library.peer for library in alone)
    assert {"sklearn"} <= {library.name for library in with_peers}
    assert not any(library.slow for library in with_peers)
    *_, steps = suite.contests(suite.Settings(only=("steps",)))
    known = libraries.LIBRARIES
    assert steps.among([known["cpu"], known["products"], known["jax_jit"]])[-1].peer
    (widths, *_) = suite.contests(suite.Settings(only=("widths",)))
    assert [x.name for x in widths.among(known.values())] == [
        "cpu",
        "cpu_bodies",
        "gpu",
        "gpu_bodies",
    ]


def test_a_library_that_does_not_start_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = libraries.Library("broken", "Broken", "no_such_worker", "numpy")
    found = suite.Run(suite.Settings(only=("fits",)))
    found.libraries = [broken]
    with found.processes() as processes:
        assert processes == []
    assert "ended without an answer" in found.left_out["broken"]
    assert found.libraries == []


def test_a_worker_that_fails_says_why() -> None:
    with (
        libraries.Process(libraries.LIBRARIES["products_one"]) as process,
        pytest.raises(libraries.WorkerError, match="products_one failed: ValueError: got the"),
    ):
        process.ask(do="dance")


def test_a_machine_and_its_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = machine.machine()
    assert {"processor", "cores", "caches", "gpu", "kernels"} <= set(facts)
    assert {"date", "commit"} == set(machine.stamp())
    properties = {
        "name": b"NVIDIA H200",
        "totalGlobalMem": 150 << 30,
        "multiProcessorCount": 132,
        "major": 9,
        "minor": 0,
    }
    runtime = SimpleNamespace(
        getDeviceProperties=lambda number: properties,
        driverGetVersion=lambda: 13000,
        runtimeGetVersion=lambda: 12080,
    )
    cuda = SimpleNamespace(runtime=runtime)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda))
    monkeypatch.setattr(machine, "backend", lambda name: None)
    found = machine.gpu()
    assert (found["cuda_driver"], found["cuda_runtime"]) == ("13.0", "12.8")
    assert machine.slug(facts | {"gpu": found}) == "nvidia-h200"
