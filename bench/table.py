"""``python -m bench.table``: the newest results as tables, in the README and on the screen."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from bench import ROOT

Table = list[list[str]]
MARKERS = "<!-- steps table -->", "<!-- end -->"
TIMED = ("mlpcore", "better JAX", "better PyTorch", "better products")


def main(arguments: list[str] | None = None) -> None:
    """Write the README's table, or with ``--check`` tell whether it is the one of the results."""
    parser = argparse.ArgumentParser(prog="python -m bench.table", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail if it differs")
    parser.add_argument("--results", type=Path, default=ROOT / "bench" / "results")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    options = parser.parse_args(arguments)
    before = options.readme.read_text(encoding="utf-8")
    after = insert(before, report(newest(options.results)))
    if options.check and before != after:
        sys.exit(
            f"the table in {options.readme} is not that of the newest results: "
            "run python -m bench.table"
        )
    options.readme.write_text(after, encoding="utf-8")


def newest(folder: Path) -> dict[str, Any]:
    """The results with the latest date.

    Raises:
        FileNotFoundError: where there are none.
    """
    found = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    if not found:
        raise FileNotFoundError(f"no results in {folder}: run python -m bench.compare first")
    return max(found, key=lambda results: str(results["date"]))


def insert(readme: str, text: str) -> str:
    """Put ``text`` between the markers.

    Raises:
        ValueError: where the markers are missing.
    """
    start, end = MARKERS
    head, found, tail = readme.partition(start)
    _, closed, tail = tail.partition(end)
    if not (found and closed):
        raise ValueError(f"the README has no place for the table: add {start} and {end} to it")
    return f"{head}{start}\n{text}\n{end}{tail}"


def report(results: dict[str, Any]) -> str:
    """The tables as Markdown, and beneath them what they were measured on."""
    facts = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    paragraphs = [
        markdown(steps(results)),
        f"Microseconds a step, medians of {results['rounds']} rounds taken in turn. The ratios are "
        "taken round by round: the median beside its target, beneath it the quartiles. "
        f"{facts['processor']}, {facts['cores']} cores, {facts['threads']} threads each; "
        f"Python {facts['python']}, {versions}; {results['date'][:10]}, "
        f"commit {results['commit']}.",
    ]
    if all("slow_down" in case for case in results["cases"].values()):
        text = "How many times slower with one other process busy, ours beside the better JAX:"
        paragraphs += [text, markdown(slow_downs(results))]
    return "\n\n".join(paragraphs)


def steps(results: dict[str, Any]) -> Table:
    """Each case's times and ratios, under a row of headings."""
    return [
        ["layers, batch", *TIMED, "times JAX", "times PyTorch", "over products"],
        *(
            [
                case["layers"],
                *(_time(case, library) for library in _libraries(case)),
                *(_ratio(case, library) for library in ("jax", "pytorch", "products")),
            ]
            for case in results["cases"].values()
        ),
    ]


def slow_downs(results: dict[str, Any]) -> Table:
    """How many times slower each library was with a busy process beside it; ours beside JAX's."""
    rows = [["layers, batch", *TIMED]]
    for case in results["cases"].values():
        ours, *others = (case["slow_down"].get(library) for library in _libraries(case))
        limit = "" if others[0] is None else _beside(ours["median"], others[0]["median"], "≤>")
        cells = [_spread(ours, limit), *("-" if o is None else _spread(o) for o in others)]
        rows.append([case["layers"], *cells])
    return rows


def markdown(table: Table) -> str:
    """A table as Markdown, its figures to the right."""
    rows = ["| " + " | ".join(row).replace("\n", "<br>") + " |" for row in table]
    rule = "|---|" + "--:|" * (len(table[0]) - 1)
    return "\n".join([rows[0], rule, *rows[1:]])


def show(table: Table, title: str) -> None:
    """Print a table, by rich where it is installed."""
    if importlib.util.find_spec("rich") is None:
        print(title)
        print(markdown(table))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    rich_table = RichTable(title=title, box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in table[0]:
        rich_table.add_column(heading, justify="left" if heading is table[0][0] else "right")
    for row in table[1:]:
        rich_table.add_row(*map(Text, row))
    Console().print(rich_table)


def microseconds(seconds: float) -> str:
    """A time with three digits.

    >>> microseconds(4.04e-6), microseconds(0.18049)
    ('4.04', '180,000')
    """
    value = float(f"{seconds * 1e6:.3g}")
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _libraries(case: dict[str, Any]) -> list[str | None]:
    """Ours, and the variants that it is compared with, in the order of `TIMED`."""
    ratios = case["ratios"]
    return ["ours", *(ratios.get(name, {}).get("of") for name in ("jax", "pytorch", "products"))]


def _time(case: dict[str, Any], library: str | None) -> str:
    found = case["libraries"].get(library)
    return "-" if found is None else microseconds(found["spread"]["median"])


def _ratio(case: dict[str, Any], library: str) -> str:
    found = case["ratios"].get(library)
    if found is None:
        return "-"
    signs = "≤>" if library == "products" else "<≥"
    return _spread(found, _beside(found["median"], case["targets"][library], signs))


def _beside(value: float, target: float, signs: str) -> str:
    """The target behind the sign that tells on which side of it the value is."""
    low, high = signs
    below = value <= target if low == "≤" else value < target
    return f" {low if below else high} {target:.3g}"


def _spread(spread: dict[str, float], beside: str = "") -> str:
    """The median, and beneath it the quartiles."""
    median, lower, upper = (f"{spread[name]:.3g}" for name in ("median", "lower", "upper"))
    return f"{median}{beside}\n{lower} to {upper}"


if __name__ == "__main__":
    main()
