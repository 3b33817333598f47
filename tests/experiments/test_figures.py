"""The figures of sweeps: what they measure on little data, their lines and their picture."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "bench"
if not (FOLDER / "sweeps.py").exists():
    pytest.skip("bench/ is not part of the wheel", allow_module_level=True)
pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")


@pytest.fixture
def sweeps(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, found beside this folder, with hardly any epochs."""
    if "bench" not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            "bench", FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)]
        )
        assert spec is not None
        assert spec.loader is not None
        monkeypatch.setitem(sys.modules, "bench", importlib.util.module_from_spec(spec))
        spec.loader.exec_module(sys.modules["bench"])
    module = importlib.import_module("bench.sweeps")
    monkeypatch.setattr(module, "EPOCHS", 3)
    return module


def canned() -> dict[str, Any]:
    spread = {"minimum": 1, "lower": 6, "median": 7, "upper": 8, "maximum": 9}
    accuracy = {"ours": [0.9, 0.95] * 8, "scikit-learn": [0.9, 0.953] * 8}
    return {
        "grid_search": {
            "fits": 400,
            "estimate": 4.0,
            "accuracy": accuracy,
            "seconds": {"ours": [4.0, 5.0], "scikit-learn": [28.0, 30.0]},
            "times faster": {"scikit-learn": spread},
        },
        "vmap": {"members": 200, "times faster": {"jax_jit": spread, "jax_scan": spread}},
        "padding": {"pairs": []},
    }


def test_what_is_measured_reaches_lines_and_picture(sweeps: Any, tmp_path: Path) -> None:
    found = canned() | {"members": sweeps.members(1, 1), "leaving": sweeps.leaving(1, 1)}
    found = json.loads(json.dumps(found))
    lines = list(sweeps.report(found))
    assert lines[0] == (
        "400 fits in 4.5 s (estimated 4 s), 7.00 times as fast (6.00 to 8.00; target 6.0) as "
        "scikit-learn"
    )
    assert lines[1].startswith("mean accuracies apart by 0.0030 at most (target 0.005)")
    assert "jax_scan" in lines[3]
    assert lines[4].startswith("cpu, milliseconds a member and epoch by members: 1: ")
    assert len(found["members"]["seconds"]["cpu"]) == len(found["members"]["members"])
    for counts in found["members"]["bytes"].values():
        assert counts["counted"] == pytest.approx(counts["measured"], rel=0.15)
    sweeps.picture(found, tmp_path / "sweeps.png")
    assert (tmp_path / "sweeps.png").stat().st_size > 10_000
