"""Sweeps and stacks beside their peers, in tables and in a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlpcore.cli.bench import module

tables = module("sweep_tables")


def spread(median: float) -> dict[str, float]:
    return {"lower": median - 1, "median": median, "upper": median + 1}


@pytest.fixture
def found() -> dict[str, Any]:
    return {
        "targets": {"scikit-learn": 6.0, "jax": 2.5, "accuracy": 0.005, "leaving": 0.8},
        "grid_search": {
            "fits": 400,
            "estimate": 2.0,
            "seconds": {"ours": [1.0, 3.0, 2.5]},
            "times faster": {"scikit-learn": spread(7.0)},
            "widths": [32, 100],
            "rates": [0.01, 0.1],
            "accuracy": {"ours": [0.9, 0.8, 0.7, 0.6], "scikit-learn": [0.9, 0.81, 0.7, 0.6]},
        },
        "vmap": {"members": 200, "times faster": {"jax_jit": spread(4.0), "jax_scan": spread(2.0)}},
        "members": {
            "members": [1, 1024],
            "seconds": {"cpu": [2e-3, 1e-3]},
            "bytes": {n: {"measured": 2e4, "counted": 1.5e4} for n in ("1", "1024")},
        },
        "leaving": {"share": spread(0.7)},
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


def test_the_picture(found: dict[str, Any], tmp_path: Path) -> None:
    module("charts.sweeps").picture(found, tmp_path / "sweeps.png")
    assert (tmp_path / "sweeps.png").read_bytes().startswith(b"\x89PNG")
