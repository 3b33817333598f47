"""``python -m bench.compare``: our training step beside that of JAX, PyTorch and bare products."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from bench import ROOT
from bench.cases import CASES
from bench.machine import machine, slug, stamp
from bench.measure import measure
from bench.peers import PEERS, THREADS, Process, on_these_processors
from bench.table import show, slow_downs, steps

RESULTS = ROOT / "bench" / "results"


def main(arguments: list[str] | None = None) -> None:
    """Measure, show, and keep what was found."""
    options = _options(arguments)
    facts = machine()
    results = run(
        options.only or list(CASES),
        rounds=options.rounds or (3 if options.quick else 15),
        seconds=0.1 if options.quick else 0.3,
        busy=options.busy,
    )
    results["machine"] = facts | results["machine"]
    show(steps(results), "one training step in microseconds")
    if options.busy:
        show(slow_downs(results), "times slower with one other process busy")
    whole = not (options.quick or options.only)
    path = options.output or (RESULTS / f"{slug(facts)}.json" if whole else None)
    if path is not None:
        path.write_text(json.dumps(results, indent=1) + "\n")
        say(f"written to {path}")


def run(names: list[str], *, rounds: int, seconds: float, busy: bool) -> dict[str, Any]:
    """Measure some cases with every library that is installed."""
    on_these_processors()
    with contextlib.ExitStack() as stack:
        processes = []
        for peer in PEERS.values():
            if peer.installed:
                processes.append(stack.enter_context(Process(peer)))
            else:
                say(f"{peer.title}: left out, {peer.package} is not installed")
        cases = {}
        for number, name in enumerate(names, 1):
            say(f"{number}/{len(names)} {name}: {CASES[name].title}")
            cases[name] = measure(CASES[name], processes, rounds=rounds, seconds=seconds, busy=busy)
        return {
            **stamp(),
            "rounds": rounds,
            "machine": {
                "threads": THREADS,
                "versions": {
                    package: version
                    for process in processes
                    for package, version in process.facts["versions"].items()
                },
                "pools": {process.name: process.facts["pools"] for process in processes},
            },
            "cold_start": {process.name: round(process.start, 3) for process in processes},
            "idle_share": {process.name: round(process.unrest, 4) for process in processes},
            "cases": cases,
        }


def say(text: str) -> None:
    """Tell how far it is, beside what may be redirected."""
    print(text, file=sys.stderr, flush=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument(
        "--only", metavar="CASE", action="append", choices=CASES, help=f"of {', '.join(CASES)}"
    )
    parser.add_argument("--rounds", type=int, help="for each library; by default 15")
    parser.add_argument("--quick", action="store_true", help="3 short rounds, nothing kept")
    parser.add_argument(
        "--busy", action="store_true", help="each round also beside a process that is busy"
    )
    parser.add_argument(
        "--output", type=Path, help="where to keep the results; by default those of all cases only"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
