"""The comparison with peers: its statistics, its validation and its tables, with fake libraries."""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parent.parent / "bench"
if not (FOLDER / "__init__.py").exists():
    pytest.skip("bench/ is not part of the wheel", allow_module_level=True)


def _module(name: str) -> Any:
    """A module of ``bench``, which is not installed: found beside this folder."""
    if "bench" not in sys.modules:
        path = FOLDER / "__init__.py"
        spec = importlib.util.spec_from_file_location(
            "bench", path, submodule_search_locations=[str(FOLDER)]
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules["bench"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["bench"])
    return importlib.import_module(f"bench.{name}")


cases, reference = _module("cases"), _module("reference")
measure, statistics, table = _module("measure"), _module("statistics"), _module("table")
machine, worker = _module("machine"), _module("workers.worker")
TINY = cases.CASES["tiny"]


class Fake:
    """A library that takes the seconds it is given, and gives right or wrong figures."""

    def __init__(self, name: str, seconds: float, log: list[str], factor: float = 1.0):
        self.name, self.seconds, self.log, self.factor = name, seconds, log, factor

    def ask(self, **command: Any) -> dict[str, Any]:
        """Answer as a worker does."""
        if command["do"] == "prepare":
            return {"first": 0.5}
        problem = cases.problem(TINY)
        if command["do"] == "check":
            figures = reference.product_figures if self.name == "products" else None
            exact = (figures or reference.training_figures)(problem)
            return {"figures": (self.factor * exact).tolist()}
        self.log.append(self.name)
        return {"seconds": self.seconds * len(self.log)}


def record(**seconds: float) -> tuple[dict[str, Any], list[str]]:
    log: list[str] = []
    fakes = [Fake(name, value, log) for name, value in seconds.items()]
    return measure.measure(TINY, fakes, rounds=3, seconds=1e-9), log


def results() -> dict[str, Any]:
    case, _ = record(ours=1e-6, products=4e-6, jax_jit=9e-6, jax_scan=3e-6)
    facts = {"processor": "Some(R) Processor", "cores": 2, "threads": 2, "python": "3.11"}
    return {
        "date": "2024-06-07T00:00:00+00:00",
        "commit": "abc",
        "rounds": 3,
        "machine": {**facts, "versions": {"numpy": "2"}},
        "cases": {"tiny": case},
    }


def test_spread_and_ratios() -> None:
    spread = statistics.Spread.of([4.0, 1.0, 2.0, 3.0, 5.0])
    assert (spread.minimum, spread.lower, spread.median) == (1, 2, 3)
    assert (spread.upper, spread.maximum) == (4, 5)
    # The machine slowed down tenfold in the second round; the ratio does not see it.
    ratios = statistics.ratios([2.0, 20.0, 2.0], [1.0, 10.0, 1.0])
    assert ratios.minimum == ratios.maximum == 2
    with pytest.raises(ValueError, match="as many of both"):
        statistics.ratios([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="no values"):
        statistics.Spread.of([])


def test_rounds_alternate_and_the_better_variant_counts() -> None:
    found, log = record(ours=1e-6, products=2e-6, jax_jit=9e-6, jax_scan=3e-6)
    assert log[-12:] == ["ours", "products", "jax_jit", "jax_scan"] * 3
    assert found["ratios"]["jax"]["of"] == "jax_scan"
    assert found["ratios"]["jax"]["median"] > 3
    assert found["ratios"]["products"]["median"] < 0.5
    assert "pytorch" not in found["ratios"]
    assert len(found["libraries"]["ours"]["seconds"]) == 3


@pytest.mark.parametrize("factor", [1.01, float("nan")])
@pytest.mark.parametrize("name", ["ours", "products"])
def test_a_wrong_result_is_an_error(name: str, factor: float) -> None:
    with pytest.raises(reference.WrongResultError, match=f"{name} on tiny"):
        measure.measure(TINY, [Fake(name, 1e-6, [], factor)], rounds=1, seconds=1e-9)
    with pytest.raises(reference.WrongResultError, match="2 figures"):
        reference.validate("x", [1.0, 1.0], np.ones(3))


@pytest.mark.parametrize("name", ["tiny", "256x-narrow"])
def test_our_workers_agree_with_the_reference(name: str) -> None:
    """Through the very loop that a process runs."""
    ours = _module("workers.ours").Ours()
    products = _module("workers.products").Products()
    for library, served in (("ours", ours), ("products", products)):
        lines = [
            {"do": "facts"},
            {"do": "prepare", "case": name},
            {"do": "check"},
            {"do": "round", "epochs": 1},
            {"do": "dance"},
        ]
        replies = io.StringIO()
        worker.serve(served, map(json.dumps, lines), replies)
        facts, first, check, timed, refused = map(json.loads, replies.getvalue().splitlines())
        assert facts["versions"]["numpy"] == np.__version__
        assert all("filepath" not in pool for pool in facts["pools"])
        expected = "product_figures" if library == "products" else "training_figures"
        problem = cases.problem(cases.CASES[name])
        reference.validate(library, check["figures"], getattr(reference, expected)(problem))
        assert first["first"] > 0
        assert timed["seconds"] > 0
        assert "'dance'" in refused["error"]


def test_counts() -> None:
    case = cases.Case("x", (4, 3, 2), 10, 1, TINY.targets)
    forward, by_weights, by_input = 10 * (4 * 3 + 3 * 2), 10 * (4 * 3 + 3 * 2), 10 * 3 * 2
    assert case.flops == 2 * (forward + by_weights + by_input)
    assert case.bytes > 4 * 10 * (15 + 8)


def test_the_readme_holds_the_newest_table(tmp_path: Path) -> None:
    readme, folder = tmp_path / "README.md", tmp_path / "results"
    folder.mkdir()
    readme.write_text("a\n<!-- steps table -->\nold\n<!-- end -->\nb\n", encoding="utf-8")
    options = ["--readme", str(readme), "--results", str(folder)]
    with pytest.raises(FileNotFoundError, match="no results"):
        table.main(options)
    (folder / "old.json").write_text(json.dumps(results() | {"date": "2023", "cases": {}}))
    (folder / "new.json").write_text(json.dumps(results()))
    with pytest.raises(SystemExit, match="not that of the newest"):
        table.main([*options, "--check"])
    table.main(options)
    table.main([*options, "--check"])
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("a\n<!-- steps table -->\n| layers, batch |")
    assert text.endswith("\n<!-- end -->\nb\n")
    assert "old" not in text
    assert "| 4-3-2-2, 32 |" in text
    readme.write_text("nothing", encoding="utf-8")
    with pytest.raises(ValueError, match="no place for the table"):
        table.main(options)


def test_tables() -> None:
    row = dict(zip(*table.steps(results())))
    assert row["better PyTorch"] == row["times PyTorch"] == "-"
    assert "≥ 2" in row["times JAX"]
    assert "> 0.5" not in row["over products"]
    busy = results()
    spread = {"median": 1.5, "lower": 1.4, "upper": 1.6}
    busy["cases"]["tiny"]["slow_down"] = dict.fromkeys(("ours", "products", "jax_scan"), spread)
    row = dict(zip(*table.slow_downs(busy)))
    assert row["mlpcore"] == "1.5 ≤ 1.5\n1.4 to 1.6"
    assert "with one other process busy" in table.report(busy)


def test_a_machine_has_a_file_name() -> None:
    assert machine.slug({"processor": "AMD Ryzen(TM) 5 CPU", "cores": 4}) == "amd-ryzen-5-4-cores"
    assert {"processor", "cores"} <= set(machine.machine())
