"""What the results say, in sentences: which backend for which work."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from .charts.lines import crossovers
from .results import Measured, Results
from .words import count, number, quantity

_BACKENDS = {
    "cpu": "mlpcore on the CPU",
    "cpu_bodies": "without its kernels (NumPy only) it",
    "gpu": "mlpcore on the GPU",
    "gpu_bodies": "the GPU without kernels (CuPy only)",
}
_PEERS = {"jax": "JAX", "pytorch": "PyTorch", "sklearn": "scikit-learn"}


def advice(results: Results) -> list[str]:
    """A few sentences, the most useful first."""
    return [
        *_along(results, "batches", "batch", "batches of {}", "batch size"),
        *_along(results, "widths", "width", "a width of {}", "width"),
        *_along(results, "stacks", "members", "{} members", "number of members"),
        *_stacking(results),
        *_against_peers(results),
        *_starting(results),
    ]


def _along(results: Results, group: str, fact: str, words: str, name: str) -> Iterator[str]:
    """Which backend is the fastest along a series, and from where on another one is."""
    contests = results.group(group)
    names = [n for n in _BACKENDS if contests and all(n in c.values for c in contests)]
    if len(names) < 2:
        return
    places = [_place(contest, fact) for contest in contests]
    times = {n: [contest.median(n) for contest in contests] for n in names}
    fastest = min(names, key=lambda n: times[n][0])
    crossings = list(crossovers(places, times))
    if crossings:
        steps = [f"{_BACKENDS[fastest]} at {words.format(count(places[0]))}"]
        steps += [f"{_BACKENDS[new]} from {words.format(count(at))} on" for at, _, new in crossings]
        yield f"The fastest by {name}: {', '.join(steps)}."
        return
    others = {n: _range(times[n], times[fastest]) for n in names if n != fastest}
    beside = ", ".join(f"{_BACKENDS[n]} takes {r} times as long" for n, r in others.items())
    yield f"The fastest, whatever the {name}: {_BACKENDS[fastest]}; {beside}."


def _stacking(results: Results) -> Iterator[str]:
    """What a stack saves for each member."""
    contests = results.group("stacks")
    ours = next(
        (n for n in ("gpu", "cpu") if contests and all(n in c.values for c in contests)), ""
    )
    if not ours or len(contests) < 2:
        return
    first, last = contests[0], contests[-1]
    alone, together = (c.median(ours) / c.facts["members"] for c in (first, last))
    yield (
        f"A stack of {count(last.facts['members'])} trains each of its members "
        f"{number(alone / together)} times as fast as a network trained alone: "
        f"{quantity(together, 's')} instead of {quantity(alone, 's')} a step."
    )


def _against_peers(results: Results) -> Iterator[str]:
    for device, (family, name) in itertools.product(("cpu", "gpu"), _PEERS.items()):
        ratios = [
            contest.ratio(other, device).median
            for contest in results.group("steps")
            if device in contest.values and (other := contest.better(family, device))
        ]
        if ratios:
            faster = sum(ratio > 1 for ratio in ratios)
            yield (
                f"Beside {name}, a training step on the {device.upper()} is faster in {faster} of "
                f"{len(ratios)} cases: {number(min(ratios))} to {number(max(ratios))} times."
            )


def _starting(results: Results) -> Iterator[str]:
    for contest in results.group("cold"):
        if contest.name == "import" and "cpu" in contest.values:
            yield (
                f"A program that imports mlpcore has started after "
                f"{quantity(contest.median('cpu'), 's')}."
            )


def _place(contest: Measured, fact: str) -> float:
    facts: dict[str, Any] = contest.facts
    return float(facts["sizes"][1] if fact == "width" else facts[fact])


def _range(times: list[float], best: list[float]) -> str:
    ratios = [a / b for a, b in zip(times, best)]
    return f"{number(min(ratios))} to {number(max(ratios))}"
