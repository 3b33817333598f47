"""``python -m bench.readme``: the results of our machines in the README, tables and one chart.

Nothing there is typed: ``--check`` tells whether it is what the results say.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import estimators, precisions, sweeps
from .advice import advice
from .charts import charts, svg
from .groups import GROUPS
from .libraries import title_of
from .machine import place
from .results import Results, by_machine, newest_of_gpu
from .statistics import INTERVAL
from .tables import markdown, names, sentence, shortfalls, slow_downs, steps, tables, targets_met

END = "<!-- end -->"
CHART, CAPTION = "speed.svg", "Time of a training step, peers over mlpcore"
_BENCH = Path(__file__).resolve().parent


def main(arguments: list[str] | None = None) -> None:
    """Write the README's section and its chart, or with ``--check`` tell whether they are right."""
    parser = argparse.ArgumentParser(prog="python -m bench.readme", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail if it differs")
    parser.add_argument("--results", type=Path, default=_BENCH / "results")
    parser.add_argument("--readme", type=Path, default=_BENCH.parent / "README.md")
    options = parser.parse_args(arguments)
    (results, *others), chart = by_machine(options.results), options.results / CHART
    before = options.readme.read_text(encoding="utf-8")
    image = f"![{CAPTION}]({chart.relative_to(options.readme.parent).as_posix()})"
    speed = "\n\n".join([image, section(results), *map(folded, others)])
    after = insert(before, "speed", speed)
    of_gpu = newest_of_gpu(options.results)
    if of_gpu is not None:
        after = insert(after, "gpu", section_of_gpu(of_gpu))
    for name, text in further(options.results, options.readme.parent):
        after = insert(after, name, text)
    if options.check:
        drawn = chart.read_text(encoding="utf-8") if chart.exists() else ""
        if before != after or mark(results) not in drawn:
            sys.exit(
                f"{options.readme} or {chart} does not show the newest results: run python -m "
                "bench.readme"
            )
        return
    picture = next(found for found in charts(results) if found.name == "peers")
    chart.write_text(svg(picture, note=mark(results)), encoding="utf-8")
    options.readme.write_text(after, encoding="utf-8")


def section(results: Results) -> str:
    """The tables as Markdown, and beneath them what they were measured on."""
    facts = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    paragraphs = [
        *(markdown(table) for device in ("cpu", "gpu") if len(table := steps(results, device)) > 1),
        "Time of one training step: forward, backward, Adam, float32. NumPy only is mlpcore "
        "without its kernels; products alone are the step's matrix products by `np.matmul(out=)` "
        f"and nothing else. Of each library the better variant (of {_variants(results)}), "
        f"as the median of {results.rounds('steps')} rounds taken in turn. The ratios "
        "are taken round by round: the median, its target where there is one, and beneath it "
        f"{INTERVAL}. {place(facts)}, {facts['threads']} threads each; Python {facts['python']}, "
        f"{versions}; {results.date[:10]}, commit {results.commit}.",
    ]
    bounds = [*_bounds(results)]
    if bounds:
        paragraphs.append(fold("Behind these figures", bounds))
    return "\n\n".join(paragraphs)


def _variants(results: Results) -> str:
    """What the libraries were timed as that have more than one way."""
    found = names(results.group("steps"))
    return "; ".join(title_of(name) for name in found if name.startswith(("jax", "pytorch")))


def _bounds(results: Results) -> Iterator[str]:
    """What our targets leave to be had, and what another process takes from each library."""
    missed = shortfalls(results)
    if len(missed) > 1:
        yield (
            "Of each target that is missed, the time that it allows a step; what our own products "
            "take alone, recorded as in a step, what they take with Adam's update, and our step. "
            "No step made of parts that take more than is allowed can meet the target. Shares are "
            "medians of the rounds', like the ratios."
        )
        yield markdown(missed)
    if any(contest.busy for contest in results.group("steps")):
        yield (
            "How many times slower with one other process busy, ours beside the better JAX; "
            "beneath it that interval, and how many processors a library is on when it is alone, "
            "in all of a round. What a second processor gains is lost to whoever else wants it: "
            "the last row is what the system leaves to NumPy's tangents on threads that never "
            "wait for each other. Behind them, how many times faster than JAX we are with both "
            "beside the process; then our step on one thread, and how many times faster than JAX "
            "that is when both are alone."
        )
        yield markdown(slow_downs(results))


def folded(results: Results) -> str:
    """The section of a further machine, to be opened by those who have one like it."""
    met, count = targets_met(results)
    words = f"{place(results.machine)}, {results.date[:10]}: {met} of {count} targets met"
    return fold(words, [section(results)])


def fold(summary: str, paragraphs: list[str]) -> str:
    """Paragraphs that are shown when they are asked for."""
    return "\n\n".join([f"<details>\n<summary>{summary}</summary>", *paragraphs, "</details>"])


def section_of_gpu(results: Results) -> str:
    """The tables of a GPU as Markdown, and beneath them what they were measured on."""
    facts = results.machine
    found = dict(tables(results))
    titles = [sentence(GROUPS[name].title) for name in ("gpu", "kernels", "streaming", "peaks")]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    paragraphs = [f"{title}:\n\n{markdown(found[title])}" for title in titles if title in found]
    paragraphs += [words for words in advice(results) if "GPU" in words]
    paragraphs.append(
        f"Medians of {results.rounds('gpu')} rounds taken in turn; beneath a ratio {INTERVAL}. The "
        "roofline is the fastest product in that precision and the largest copy that were measured "
        f"there. {facts['gpu']['name']}, driver {facts['gpu']['driver']}; Python "
        f"{facts['python']}, {versions}; {results.date[:10]}, commit {results.commit}."
    )
    return "\n\n".join(paragraphs)


def further(folder: Path, root: Path) -> Iterator[tuple[str, str]]:
    """The names and texts of the sections whose results are there."""
    modules = {"sweeps": sweeps, "estimators": estimators, "precisions": precisions}
    for name, module in modules.items():
        path, found = latest(folder, module.FORMAT)
        if path is None:
            continue
        facts = found["machine"]
        paragraphs = [*module.paragraphs(found)]
        picture = path.with_suffix(".png")
        if picture.exists():
            paragraphs.insert(0, f"![{name}]({picture.relative_to(root).as_posix()})")
        paragraphs.append(
            f"{place(facts)}; Python {facts['python']}; "
            f"{found['date'][:10]}, commit {found['commit']}."
        )
        yield name, "\n\n".join(paragraphs)


def latest(folder: Path, form: str) -> tuple[Path | None, dict[str, Any]]:
    """The newest file of a format, and what it holds."""
    files = ((path, json.loads(path.read_text(encoding="utf-8"))) for path in folder.glob("*.json"))
    own = [(path, found) for path, found in files if found.get("format") == form]
    return max(own, key=lambda pair: pair[1]["date"], default=(None, {}))


def insert(readme: str, name: str, text: str) -> str:
    """Put ``text`` between a section's markers.

    Raises:
        ValueError: where the markers are missing.
    """
    start = f"<!-- {name} -->"
    head, found, tail = readme.partition(start)
    _, closed, tail = tail.partition(END)
    if not (found and closed):
        raise ValueError(f"the README has no place for the results: add {start} and {END} to it")
    return f"{head}{start}\n{text}\n{END}{tail}"


def mark(results: Results) -> str:
    """What a chart carries to tell which figures it shows."""
    rounds = repr([(c.title, c.values) for c in results.group("steps")])
    return f"results {hashlib.sha256(rounds.encode()).hexdigest()[:16]}"


if __name__ == "__main__":
    main()
