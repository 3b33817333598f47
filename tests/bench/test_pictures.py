"""Tables, charts, advice and the report."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from mlpcore.cli.bench import module

charts, lines, page = module("charts"), module("charts.lines"), module("report.page")
advice, ceilings, tables = module("advice"), module("ceilings"), module("tables")
machine = module("machine")


def test_charts(results: Any, results_of_gpu: Any) -> None:
    names = [chart.name for chart in charts.charts(results)]
    series = ["batches", "widths", "stacks", "prediction"]
    assert names == ["peers", *series, "kernels-cpu", "roofline-cpu"]
    names = [chart.name for chart in charts.charts(results_of_gpu)]
    assert names == [*series, "kernels-cpu", "roofline-cpu", "kernels-gpu", "roofline-gpu"]


def test_drawings_take_the_colours_of_a_page(results: Any) -> None:
    chart = charts.charts(results)[0]
    themed, plain = charts.svg(chart, themed=True), charts.svg(chart, note="the note")
    assert "var(--ink)" in themed
    assert "#22272e" not in themed
    assert "var(" not in plain
    assert "the note" in plain
    assert "JAX" in plain
    assert machine.place(results.machine) in plain
    assert charts.png(chart).startswith(b"\x89PNG")
    assert charts.svg(chart, note="the note") == plain


def test_crossovers() -> None:
    times = {"a": [1.0, 100.0], "b": [10.0, 10.0], "c": [99.0, 99.0]}
    assert list(lines.crossovers([1, 100], times)) == [(10.0, "a", "b")]
    assert not list(lines.crossovers([1, 2], {"a": [1.0, 1.0], "b": [2.0, 2.0]}))


def test_advice(results: Any, results_of_gpu: Any) -> None:
    with_gpu = " ".join(advice.advice(results_of_gpu))
    assert re.search(
        r"fastest by batch size: mlpcore on the CPU at batches of 1, mlpcore on the "
        r"GPU from batches of \d+ on",
        with_gpu,
    )
    alone = " ".join(advice.advice(results))
    assert "fastest, whatever the batch size: mlpcore on the CPU" in alone
    assert re.search(r"Beside PyTorch, a training step on the CPU is faster in \d of 7", alone)
    results.contests = []
    assert advice.advice(results) == []


class Parts(HTMLParser):
    """What a page asks a browser to load, and its elements."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.count: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1
        self.loads += [
            value or ""
            for name, value in attrs
            if name in ("src", "href", "xlink:href") and not (value or "").startswith("#")
        ]


def test_the_report_stands_alone(results: Any, tmp_path: Path) -> None:
    results.machine["processor"] = "<Some> Processor"
    path = module("report").write(results, tmp_path / "machine")
    text = path.read_text(encoding="utf-8")
    parts = Parts()
    parts.feed(text)
    assert parts.loads == []
    assert not re.search(r"url\((?!#)|@import", text)
    assert "<Some>" not in text
    assert parts.count["svg"] == parts.count["figure"] == len(list(path.parent.glob("*.png"))) == 7
    assert parts.count["table"] == len(list(tables.tables(results)))
    assert 'name="viewport"' in text
    assert "prefers-color-scheme: dark" in text


def test_tables(results: Any, results_of_gpu: Any) -> None:
    found, of_gpu = dict(tables.tables(results)), dict(tables.tables(results_of_gpu))
    groups = set(module("groups").GROUPS) - {"streaming", "peaks", "gpu"}  # which take a GPU
    assert len(found) == len(groups) + 2
    for table in (*found.values(), *of_gpu.values()):
        assert len({len(row) for row in table}) == 1
    head, *_, last = found["Memory of a training step"]
    assert head[1] == "counted minimum"
    assert last[2].endswith("\n2 ×")
    assert any(row[0].endswith(" on the GPU") for row in of_gpu["Fused kernels and array bodies"])


def test_steps_beside_their_targets(results: Any) -> None:
    results.group("steps")[0].values |= {
        "cpu": [1.0] * 5,
        "jax_jit": [9.0] * 5,
        "jax_scan": [3.0] * 5,
        "pytorch": [4.0] * 5,
    }
    results.group("steps")[0].values["products"] = [4.0] * 5
    head, tiny, *_ = tables.steps(results)
    row = dict(zip(head, tiny))
    assert row["times JAX"] == "3 ≥ 2\n3 to 3"
    assert row["times PyTorch"] == "4 < 50\n4 to 4"
    assert row["over products"] == "0.25 ≤ 0.5\n0.25 to 0.25"
    results.group("steps")[0].busy |= {"cpu": [2.0] * 5, "jax_scan": [9.0] * 5}
    results.group("steps")[0].processors["cpu"] = [1.5, 2.0, 1.75]
    busy = dict(zip(*tables.slow_downs(results)[:2]))
    assert busy["mlpcore"] == "2 ≤ 3\n2 to 2\non 1.75"
    assert busy["JAX"] == "3\n3 to 3"
    assert busy["times JAX, both beside it"] == "4.5\n4.5 to 4.5"
    first = results.group("steps")[0]
    first.values["cpu_one"], first.busy["cpu_one"] = [2.0] * 5, [2.5] * 5
    one = dict(zip(*tables.slow_downs(results)[:2]))
    assert one["mlpcore, one thread"] == "1.25\n1.25 to 1.25"
    assert one["it times JAX, both alone"] == "1.5 < 2\n1.5 to 1.5"
    (bound,) = results.group("threads")
    bound.busy["products"] = [1.3 * value for value in bound.values["products"]]
    names, *_, figures = tables.slow_downs(results)
    last = dict(zip(names, figures))
    assert last["layers, batch"] == "2000 pieces, threads that never wait"
    assert last["mlpcore"] == last["JAX"] == "-"
    assert last["products alone"] == "1.3\n1.3 to 1.3"
    assert "|---|--:|" in tables.markdown([head, tiny])


def test_steps_on_a_gpu(results_of_gpu: Any) -> None:
    contest = next(c for c in results_of_gpu.group("gpu") if c.name == "medium-65536-tf32")
    peak = next(c for c in results_of_gpu.group("peaks") if c.name == "tf32")
    peak.values = {"gpu": [2.0] * 5, "pytorch_gpu": [1.0] * 5}
    bound = contest.flops / peak.flops
    contest.values = {
        "gpu": [2 * bound] * 5,
        "jax_gpu": [3 * bound] * 5,
        "pytorch_gpu": [5 * bound] * 5,
    }
    head, *rows = dict(tables.tables(results_of_gpu))["One training step on a GPU by precision"]
    row = next(dict(zip(head, row)) for row in rows if row[0] == contest.title)
    assert contest.title == "784-512-256-10, batch 65536, tf32"
    assert row["times the best of them"] == "1.5 ≥ 1\n1.5 to 1.5"
    assert row["times PyTorch, GPU"] == "2.5\n2.5 to 2.5"
    assert row["of the roofline"] == "50 % < 85 %"
    alone = next(dict(zip(head, row)) for row in rows if row[0].endswith("batch 256, bfloat16"))
    assert alone["times PyTorch, GPU"] == alone["JAX scan, GPU"] == "-"
    assert alone["of the roofline"].endswith(" %")
    del results_of_gpu.contests[: results_of_gpu.contests.index(contest)]
    assert "-" in tables.on_gpu(results_of_gpu, [contest])[1][-1]


def test_what_a_missed_target_allows(results: Any) -> None:
    assert len(tables.shortfalls(results)) == 1
    tiny = results.group("steps")[0]
    tiny.values = {
        "cpu": [1.0] * 5,
        "parts_products": [0.1] * 5,
        "parts_update": [0.2] * 5,
        "jax_scan": [3.0] * 5,  # 2 is the target
        "pytorch": [4.0] * 5,  # 50
        "products": [1.25] * 5,  # at most 0.5
    }
    head, *rows = tables.shortfalls(results)
    assert [row[:3] for row in rows] == [
        ["4-3-2-2, batch 32", "times PyTorch ≥ 50", "80 ms"],
        ["4-3-2-2, batch 32", "over products ≤ 0.5", "625 ms"],
    ]
    assert rows[0][3:] == ["100 ms\n125 %", "200 ms\n250 %", "1 s\n1250 %"]
    assert head[3:] == ["our products alone", "our products and Adam", "mlpcore"]
    results.contests = [tiny]
    assert tables.targets_met(results) == (1, 3)
    text = module("readme").section(results)
    assert "| 4-3-2-2, batch 32 | over products ≤ 0.5 | 625 ms |" in text
    assert "as the median of 5 rounds" in text


def test_ceilings(results: Any, results_of_gpu: Any) -> None:
    roof = ceilings.ceilings(results, "cpu")
    assert roof.products > 0
    assert roof.copy(8 * 256 * 512) == roof.copies[8 * 256 * 512]
    assert ceilings.ceilings(results, "gpu") is None
    assert ceilings.ceilings(results_of_gpu, "gpu").products > roof.products


@pytest.mark.parametrize(
    "name",
    [
        "readme",
        "machine",
        "words",
        "compare",
        "ceilings",
        "statistics",
        "tables.cells",
        "workers.peaks",
    ],
)
def test_examples(name: str) -> None:
    import doctest

    assert doctest.testmod(module(name)).failed == 0
