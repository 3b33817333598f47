"""The accuracy of networks whose products are in smaller types, on data that take no time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlpcore.cli.bench import module

precisions = module("precisions")


def test_a_run_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = precisions.Task(lambda: precisions.made_up(500, 8, 3), (16,), epochs=40, batch=32)

    def missing() -> None:
        raise ImportError("no such package")

    monkeypatch.setattr(
        precisions, "TASKS", {"small": task, "no": precisions.Task(missing, (), 1, 1)}
    )
    path = tmp_path / "found.json"
    options = ["--backend", "cpu", "--precisions", "float32", "--seeds", "2"]
    precisions.main([*options, "--output", str(path)])
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["format"] == precisions.FORMAT
    assert list(found["tasks"]) == ["small"]
    exact = found["tasks"]["small"]["float32"]
    assert min(exact["accuracy"]) > 0.6
    assert len(exact["accuracy"]) == len(exact["seconds"]) == 2
    shown = capsys.readouterr()
    assert "| small | float32 |" in shown.out
    assert "no is left out: no such package" in shown.err
    ((name, text),) = module("readme").further(tmp_path, tmp_path)
    assert name == "precisions"
    assert found["commit"] in text


def test_within_the_noise_or_not() -> None:
    own = {
        "float32": {"accuracy": [0.90, 0.92], "seconds": [2.0, 2.0]},
        "tf32": {"accuracy": [0.91, 0.93], "seconds": [1.0, 1.0]},
        "float16": {"accuracy": [0.88, 0.90], "seconds": [1.0, 1.0]},
    }
    _, exact, near, far = precisions.table({"tasks": {"task": own}})
    assert exact == ["task", "float32", "0.9100 ± 0.0141", "-", "2 s"]
    assert near[3:] == ["yes", "1 s"]
    assert far[3] == "no"
