"""Results as files, and two of them compared."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mlpcore.backend.dispatch import Primitive
from mlpcore.cli.app import app
from mlpcore.cli.bench import module

cases, compare, libraries = module("cases"), module("compare"), module("libraries")
heat, results_of = module("heat"), module("results")
KERNEL = cases.Kernel("relu", 64, 64)


def test_files(results: Any, tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "a.json"
    results.save(path)
    assert results_of.Results.load(path) == results
    assert max(map(len, path.read_text(encoding="utf-8").splitlines())) < 1000
    later = tmp_path / "deeper" / "b.json"
    before, results.date = results.date, "2025"
    results.save(later)
    (tmp_path / "deeper" / "other.json").write_text('{"rows": []}', encoding="utf-8")
    (tmp_path / "deeper" / "list.json").write_text("[]", encoding="utf-8")
    assert [found.date for found in results_of.by_machine(path.parent)] == ["2025", before]
    results.machine["gpu"], results.date = {"name": "Some GPU"}, "2026"
    results.save(tmp_path / "deeper" / "gpu.json")
    dates = [found.date for found in results_of.by_machine(path.parent)]
    assert dates == ["2025", before, "2026"]
    assert results_of.newest_of_gpu(path.parent) is None
    with pytest.raises(ValueError, match="expected mlpcore-bench-1"):
        results_of.Results.load(tmp_path / "deeper" / "other.json")
    with pytest.raises(FileNotFoundError, match="no results"):
        results_of.by_machine(tmp_path)


def test_what_moved(results: Any, tmp_path: Path) -> None:
    results.save(tmp_path / "a.json")
    later = results_of.Results.load(tmp_path / "a.json")
    assert not any(change.moved for change in compare.changes(results, later))
    (tiny, *_) = later.group("steps")
    tiny.values["cpu"] = [1.2 * value for value in tiny.values["cpu"]]
    tiny.values["sklearn"] = [0.5 * value for value in tiny.values["sklearn"]]
    later.group("steps")[1].facts["batch"] = 7  # another case under the same name
    found = list(compare.changes(results, later))
    moved = [change for change in found if change.moved]
    assert [(change.library, round(change.ratio, 2)) for change in moved] == [
        ("cpu", 1.2),
        ("sklearn", 0.5),
    ]
    assert compare.table(moved)[1][-1] == "1.2 ×"
    count = sum(len(contest.values) for contest in results.contests)
    assert len(found) == count - len(results.group("steps")[1].values)


def test_compare_tells_by_its_exit_code(results: Any, tmp_path: Path) -> None:
    results.save(tmp_path / "a.json")
    for contest in results.group("stacks"):
        contest.values["cpu"] = [1.2 * value for value in contest.values["cpu"]]
    results.save(tmp_path / "b.json")
    paths = [str(tmp_path / name) for name in ("a.json", "b.json")]
    run = CliRunner().invoke
    slower = run(app, ["bench", "--compare", *paths])
    assert slower.exit_code == 1, slower.output
    assert "6 became slower by more than 10 %" in slower.output
    assert run(app, ["bench", "--compare", *paths, "--threshold", "30%"]).exit_code == 0
    assert run(app, ["bench", "--compare", *paths[::-1]]).exit_code == 0
    wrong = run(app, ["bench", "--compare", *paths, "--threshold", "much"])
    assert wrong.exit_code == 2
    assert "expected per cent" in wrong.output


class Here:
    """A worker's process that is this one."""

    def __init__(self) -> None:
        kernels, served = module("workers.kernels"), module("workers.worker")
        self.library = libraries.LIBRARIES["cpu"]
        tasks = {"kernel": lambda case: kernels.KernelTask(case, "cpu")}
        self.ask = lambda **command: served.Worker.answer(self.worker, command)
        self.worker = served.Worker((), tasks)


def measured(path: Path) -> None:
    found = results_of.Measured("kernels", "relu", KERNEL.title)
    held = heat.Heat(KERNEL, found, rounds=6, seconds=0.005)
    held.sit([Here()])
    for _ in range(held.rounds):
        held.round()
    results_of.Results({}, "2024", "abc", {}, [found]).save(path)


def test_a_slowed_function_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    measured(before)
    call = Primitive.__call__

    def slowed(self: Primitive, *arrays: Any, **settings: Any) -> Any:
        time.sleep(0.001)
        return call(self, *arrays, **settings)

    monkeypatch.setattr(Primitive, "__call__", slowed)
    measured(after)
    result = CliRunner().invoke(app, ["bench", "--compare", str(before), str(after)])
    assert result.exit_code == 1, result.output
    assert "relu of 64 × 64" in result.output
