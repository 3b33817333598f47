"""``report.html``: one file with style, drawings and tables in it, and nothing to load."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from ..advice import advice
from ..charts import charts, png, svg
from ..charts.style import Chart
from ..results import Results
from ..statistics import INTERVAL
from ..tables import Table, markdown, tables
from ..words import quantity

#: What is seen without a click.
_OPEN = {"One training step": " open"}


def write(results: Results, folder: Path) -> Path:
    """Write the report, the charts and the tables as Markdown; where the report is."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = charts(results)
    for chart in drawn:
        (folder / f"{chart.name}.png").write_bytes(png(chart))
    path = folder / "report.html"
    path.write_text(page(results, drawn), encoding="utf-8")
    text = "\n\n".join(f"## {name}\n\n{markdown(table)}" for name, table in tables(results))
    (folder / "tables.md").write_text(f"{text}\n", encoding="utf-8")
    return path


def page(results: Results, drawn: list[Chart]) -> str:
    """The page as text."""
    machine = results.machine
    return Template(_text("page.html")).substitute(
        style=_text("style.css"),
        title=escape(_machine_name(machine)),
        facts="".join(f"<li>{escape(fact)}</li>" for fact in _facts(results)),
        advice="".join(f"<li>{escape(sentence)}</li>" for sentence in advice(results)),
        charts="".join(map(_figure, drawn)),
        tables="".join(_section(title, table) for title, table in tables(results)),
        versions="".join(_definitions(results)),
        rounds=results.settings["rounds"],
        more=results.rounds("steps") or results.settings["rounds"],
        interval=INTERVAL,
        sittings=_sittings(results.settings["sittings"]),
    )


def _text(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _machine_name(machine: dict[str, Any]) -> str:
    name = machine["gpu"]["name"] if machine["gpu"] else machine["processor"]
    return str(name).replace("(R)", "").replace("(TM)", "").replace("  ", " ")


def _facts(results: Results) -> Iterator[str]:
    machine = results.machine
    if machine["gpu"]:
        yield machine["processor"]
        memory = quantity(machine["gpu"]["memory"], "B")
        yield f"{memory} on the GPU, driver {machine['gpu']['driver']}"
    cores = machine["cores"]
    yield f"{cores} core{'s'[: cores > 1]}, {machine['threads']} threads for each library"
    yield f"{results.date[:10]}, commit {results.commit}"


def _sittings(number: int) -> str:
    return "one sitting" if number == 1 else f"{number} sittings, each with new processes"


def _figure(chart: Chart) -> str:
    return (
        f'<figure class="card"><h3>{escape(chart.title)}</h3>{svg(chart, themed=True)}'
        f"<figcaption>{escape(chart.note)}</figcaption></figure>\n"
    )


def _section(title: str, table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table[0])
    rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in table[1:])
    return (
        f"<details{_OPEN.get(title, '')}><summary>{escape(title)}</summary>"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>\n"
    )


def _cell(text: str) -> str:
    first, _, rest = text.partition("\n")
    small = f"<small>{escape(rest)}</small>" if rest else ""
    return f"<td>{escape(first)}{small}</td>"


def _definitions(results: Results) -> Iterator[str]:
    machine = results.machine
    facts = {
        "processor": machine["processor"],
        "caches": ", ".join(f"{level} {size}" for level, size in machine["caches"].items()),
        "system": machine["system"],
        "Python": machine["python"],
        **machine["versions"],
        **{f"mlpcore: {name}": value for name, value in machine["kernels"].items()},
        **{
            f"thread pools of {name}": ", ".join(
                f"{pool['internal_api']} {pool['version'] or ''} × {pool['num_threads']}"
                for pool in pools
            )
            for name, pools in machine["pools"].items()
        },
    }
    if machine["gpu"]:
        facts |= {f"GPU {name}": value for name, value in machine["gpu"].items()}
    for name, value in facts.items():
        yield f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>"
