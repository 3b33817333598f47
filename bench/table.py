"""``python -m bench.table``: the newest results as tables, in the README and on the screen."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from bench import ROOT
from bench.peers import PEERS

Table = list[list[str]]
MARKERS = "<!-- steps table -->", "<!-- end -->"


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
    """The table as Markdown, and beneath it what it was measured on."""
    facts = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return "\n".join(
        [
            markdown(steps(results)),
            "",
            f"Microseconds a step, medians of {results['rounds']} rounds taken in turn; in brackets "
            "the quartiles of the ratios, round by round, and the targets. "
            f"{facts['processor']}, {facts['cores']} cores, {facts['threads']} threads each; "
            f"Python {facts['python']}, {versions}; {results['date'][:10]}, "
            f"commit {results['commit']}.",
        ]
    )


def steps(results: dict[str, Any]) -> Table:
    """Each case's times and ratios, under a row of headings."""
    heading = ["case", "layers, batch", "mlpcore", "better JAX", "PyTorch", "products"]
    ratios = {"jax": "times JAX", "pytorch": "times PyTorch", "products": "over products"}
    rows = [[*heading, *ratios.values()]]
    for name, case in results["cases"].items():
        winners = [case["ratios"].get(library, {}).get("of") for library in ratios]
        rows.append(
            [
                name,
                case["layers"],
                *(_time(case, library) for library in ("ours", *winners)),
                *(_ratio(case, library) for library in ratios),
            ]
        )
    return rows


def slow_downs(results: dict[str, Any]) -> Table:
    """How many times slower each library was with a busy process beside it."""
    names = list(results["cold_start"])
    rows = [["case", *(PEERS[name].title for name in names)]]
    for name, case in results["cases"].items():
        slower = case["slow_down"]
        rows.append([name, *(_spread(slower[library]) for library in names)])
    return rows


def markdown(table: Table) -> str:
    """A table as Markdown, its figures to the right."""
    heading, *rows = ("| " + " | ".join(row) + " |" for row in table)
    rule = "|" + "|".join(["---"] * 2 + ["--:"] * (len(table[0]) - 2)) + "|"
    return "\n".join([heading, rule, *rows])


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
        rich_table.add_column(heading, justify="left" if heading in table[0][:1] else "right")
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


def _time(case: dict[str, Any], library: str | None) -> str:
    if library is None or library not in case["libraries"]:
        return "-"
    return microseconds(case["libraries"][library]["spread"]["median"])


def _ratio(case: dict[str, Any], library: str) -> str:
    """The median, the quartiles, and the target with a mark where it is reached."""
    found = case["ratios"].get(library)
    if found is None:
        return "-"
    target = case["targets"][library]
    at_most = library == "products"
    reached = found["median"] <= target if at_most else found["median"] >= target
    mark = "" if reached else " missed"
    return f"{_spread(found)}, {'≤' if at_most else '≥'} {target:g}{mark}"


def _spread(spread: dict[str, float]) -> str:
    return f"{spread['median']:.3g} ({spread['lower']:.3g} to {spread['upper']:.3g})"


if __name__ == "__main__":
    main()
