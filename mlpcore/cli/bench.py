"""``mlpcore bench``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from mlpcore.cli.report import say_where
from mlpcore.cli.usage import usage

Option = typer.Option
#: Of progress where there is no terminal that could show a bar.
LINES = 40


def bench(
    only: Annotated[
        list[str] | None,
        Option(metavar="GROUP", help="A group to run, repeatable: kernels, steps, stacks, ..."),
    ] = None,
    full: Annotated[
        bool, Option("--full/--quick", help="All cases, for long; or few of them, for short.")
    ] = False,
    peers: Annotated[
        bool, Option("--peers", help="Beside PyTorch, JAX and scikit-learn, where installed.")
    ] = False,
    busy: Annotated[
        bool, Option("--busy", help="Each round once more beside a busy process.")
    ] = False,
    sittings: Annotated[
        int | None,
        Option(help="How often all is held, each time by new processes. [default: 2, or 3]"),
    ] = None,
    output: Annotated[
        Path, Option(file_okay=False, help="The directory for results, report and charts.")
    ] = Path("mlpcore-bench"),
    compare: Annotated[
        tuple[Path, Path] | None,
        Option(metavar="A.json B.json", help="Show what moved between two results instead."),
    ] = None,
    threshold: Annotated[
        str, Option(help="With --compare: a slow-down past this ends with exit code 1.")
    ] = "10%",
) -> None:
    """Measure this machine: kernels, training steps, stacks, fits, prediction, memory."""
    console = Console()
    if compare is not None:
        raise typer.Exit(_compare(console, *compare, threshold))
    suite, machine = module("suite"), module("machine")
    with usage():
        run = suite.Run(suite.Settings(tuple(only or ()), full, peers, busy, sittings))
    path = output / f"{machine.slug(machine.machine())}.json"
    results = _run(run, console, path)
    for title, table in module("tables").tables(results):
        module("show").show(console, table, title)
    report = module("report").write(results, path.with_suffix(""))
    say_where(console, results=path, report=report)
    faults = [fault for contest in results.contests for fault in contest.faults.values()]
    for fault in faults:
        console.print(Text(fault, style="bold red"), soft_wrap=True)
    raise typer.Exit(int(bool(faults)))


def module(name: str) -> Any:
    """A module of the benchmark suite: installed inside the package, in a checkout beside it."""
    inside = importlib.util.find_spec("mlpcore.bench") is not None
    return importlib.import_module(f"mlpcore.bench.{name}" if inside else f"bench.{name}")


def _run(run: Any, console: Console, path: Path) -> Any:
    """All results; those so far are in the file throughout."""
    screen = Console(stderr=True)
    with module("show").bar(screen) as progress:
        task = progress.add_task("", total=run.length)

        def tell(what: str, done: int) -> None:
            if screen.is_terminal:
                progress.update(task, description=what, completed=done, refresh=True)
            elif done % -(-run.length // LINES) == 0:
                print(f"{done + 1}/{run.length} {what}", file=sys.stderr, flush=True)

        results = run.run(tell, keep=lambda results: results.save(path))
    results.save(path)
    for name, reason in run.left_out.items():
        console.print(Text(f"{name} was left out: {reason}", style="yellow"), soft_wrap=True)
    return results


def _compare(console: Console, before: Path, after: Path, threshold: str) -> int:
    """Print what moved; 1 where something became slower by more than the threshold."""
    comparison, load = module("compare"), module("results").Results.load
    with usage():
        limit = comparison.threshold(threshold)
    changes = list(comparison.changes(load(before), load(after)))
    moved = [change for change in changes if change.moved]
    if moved:
        module("show").show(console, comparison.table(moved), "what moved, worst first")
    slower = [change for change in moved if change.ratio > 1 + limit]
    console.print(
        f"{len(moved)} of {len(changes)} figures moved, {len(slower)} became slower by more than "
        f"{100 * limit:g} %. {comparison.RULE}",
        soft_wrap=True,
    )
    return int(bool(slower))
