"""Our estimators beside scikit-learn's, on data that take no time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpcore.cli.bench import module

estimators = module("estimators")


def small(**settings: Any) -> Any:
    """A task of a few rows."""
    X = np.random.default_rng(0).normal(size=(40, 2))
    return estimators.Task(
        lambda: (X, (X[:, 0] > 0).astype(int)), settings={"max_iter": 5, **settings}
    )


def test_a_run_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(estimators, "SCORES", {"small": small()})
    monkeypatch.setattr(estimators, "FITS", {"small": small(batch_size=8)})
    path = tmp_path / "found.json"
    estimators.main(["--seeds", "3", "--rounds", "2", "--output", str(path)])
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["format"] == estimators.FORMAT
    values = found["scores"]["small"]["values"]
    assert {name: len(own) for name, own in values.items()} == {"mlpcore": 3, "scikit-learn": 3}
    fit = found["fits"]["small"]
    assert fit["epochs"] == {"mlpcore": [5, 5], "scikit-learn": [5, 5]}
    assert all(second > 0 for own in fit["seconds"].values() for second in own)
    assert "batch_size=8" in capsys.readouterr().out
    ((name, text),) = module("readme").further(tmp_path, tmp_path)
    assert name == "estimators"
    assert "| small |" in text
    assert found["commit"] in text


def test_targets_met_and_missed() -> None:
    values = {"mlpcore": [0.80, 0.84], "scikit-learn": [0.90, 0.94]}
    better = {"mlpcore": [0.90, 0.94], "scikit-learn": [0.88, 0.88]}
    part = {"settings": {}, "epochs": {name: [9, 9] for name in values}}
    found = {
        "scores": {
            "worse": {"metric": "R²", "values": values},
            "better": {"metric": "accuracy", "values": better},
        },
        "fits": {
            "slow": part
            | {"seconds": {"mlpcore": [1.0, 1.0], "scikit-learn": [2.0, 4.0]}, "target": 5.0},
            "fast": part
            | {"seconds": {"mlpcore": [1.0, 1.0], "scikit-learn": [5.0, 7.0]}, "target": 5.0},
        },
    }
    worse, same = estimators.table_of_scores(found)[1:]
    assert worse == ["worse", "R²", "0.8200 ± 0.0200", "0.9200 ± 0.0200", "no"]
    assert same[-1] == "yes"
    slow, fast = estimators.table_of_fits(found)[1:]
    assert slow[-1] == "3 < 5\n2 to 4"
    assert fast[1:4] == ["defaults", "1 s\n1 to 1 s", "6 s\n5 to 7 s"]
    assert fast[4:] == ["9, 9", "6 ≥ 5\n5 to 7"]
