"""Sweeps and stacks beside their peers, in tables and in a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlpcore.cli.bench import module

tables = module("tables.sweeps")


@pytest.fixture
def found() -> dict[str, Any]:
    return {
        "targets": {"scikit-learn": 6.0, "jax": 2.5, "accuracy": 0.005, "leaving": 0.8},
        "grid_search": {
            "fits": 400,
            "estimate": 2.0,
            "seconds": {"ours": [1.0, 3.0, 2.5], "scikit-learn": [6.0, 24.0, 17.5]},
            "widths": [32, 100],
            "rates": [0.01, 0.1],
            "accuracy": {"ours": [0.9, 0.8, 0.7, 0.6], "scikit-learn": [0.9, 0.81, 0.7, 0.6]},
        },
        "vmap": {
            "members": 200,
            "seconds": {
                "ours": [1.0, 1.0, 1.0],
                "jax_jit": [4.0, 3.0, 5.0],
                "jax_scan": [2.0, 1.0, 3.0],
            },
        },
        "members": {
            "members": [1, 1024],
            "seconds": {"cpu": [2e-3, 1e-3]},
            "bytes": {n: {"measured": 2e4, "counted": 1.5e4} for n in ("1", "1024")},
        },
        "leaving": {"seconds": {"all": [1.0, 2.0], "half leave": [0.7, 1.4]}},
        "padding": {
            "pairs": [
                {
                    "widths": [32, 36],
                    "members of each": 4,
                    "together": 0.01,
                    "apart": 0.02,
                    "chosen": "together",
                }
            ]
        },
    }


def test_figures_stand_beside_their_targets(found: dict[str, Any]) -> None:
    rows = {what: (figure, target) for what, figure, target in tables.against_targets(found)}
    assert rows["400 fits, times scikit-learn's grid search"] == ("7\n6 to 8", "≥ 6")
    assert rows["mean accuracies apart, at most"] == ("0.01", "> 0.005")
    assert rows["an epoch of 200 members, times JAX jit with vmap"] == ("4\n3 to 5", "≥ 2.5")
    assert rows["an epoch of 200 members, times JAX scan with vmap"] == ("2\n1 to 3", "< 2.5")
    assert rows["half of 64 members leave halfway, of the time of all"] == ("0.7", "≤ 0.8")


def test_by_members_and_widths(found: dict[str, Any]) -> None:
    head, *rows = tables.by_members(found["members"])
    assert head == ["members", "time of each, cpu", "memory of each", "counted"]
    assert rows == [["1", "2 ms", "20 kB", "15 kB"], ["1024", "1 ms", "20 kB", "15 kB"]]
    assert tables.by_widths(found["padding"])[1] == ["32 and 36, 4", "10 ms", "20 ms", "together"]
    text = "\n\n".join(tables.paragraphs(found))
    assert "The 400 fits took 2.5 s; 2 s was the plan's estimate." in text


def test_what_is_measured_reaches_tables_and_picture(
    found: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps = module("sweeps")
    monkeypatch.setattr(sweeps, "EPOCHS", 3)
    measured = {"members": sweeps.members(1, 1), "leaving": sweeps.leaving(1, 1)}
    found |= json.loads(json.dumps(measured))
    for sizes in found["members"]["bytes"].values():
        assert sizes["counted"] == pytest.approx(sizes["measured"], rel=0.15)
    assert len(tables.by_members(found["members"])) == 1 + len(found["members"]["members"])
    assert 0 < float(tables.against_targets(found)[-1][1]) < 2
    module("charts.sweeps").picture(found, tmp_path / "sweeps.png")
    assert (tmp_path / "sweeps.png").stat().st_size > 10_000
