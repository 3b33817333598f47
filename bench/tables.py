"""The results as tables: rows of text under a row of headings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import add

from .ceilings import ceilings, least
from .libraries import LIBRARIES, device_of, title_of
from .results import Measured, Results
from .statistics import Spread
from .suite import GROUPS
from .words import between, number, percent, quantity, rate

Table = list[list[str]]
#: What stands where nothing was measured.
NOTHING = "-"
#: The columns of `steps` when there is nobody else.
_OWN_COLUMNS = 3
_OTHERS = ("jax", "pytorch", "sklearn", "products")
_FAMILIES = {
    "jax": "JAX",
    "pytorch": "PyTorch",
    "sklearn": "scikit-learn",
    "products": "products alone",
}
_AGAINST = {
    "jax": "times JAX",
    "pytorch": "times PyTorch",
    "sklearn": "times scikit-learn",
    "products": "over products",
}

#: Of a step of ours, from the least to the whole.
_PARTS = ("parts_products", "parts_update", "cpu")


def tables(results: Results) -> Iterator[tuple[str, Table]]:
    """Every table for which there are figures, under its title."""
    for name, group in GROUPS.items():
        contests = results.group(name)
        if contests:
            yield sentence(group.title), _TABLES.get(name, _times)(results, contests)
        if name == "steps":
            yield from _beside_others(results)


def _beside_others(results: Results) -> Iterator[tuple[str, Table]]:
    for device, where in (("cpu", "CPU"), ("gpu", "GPU")):
        table = steps(results, device)
        if len(table) > 1 and len(table[0]) > _OWN_COLUMNS:
            yield f"One training step on the {where} beside the better variant of others", table
    for title, table in (
        ("Targets that are missed, and what they allow", shortfalls(results)),
        ("Times slower with one other process busy", slow_downs(results)),
    ):
        if len(table) > 1:
            yield title, table


def steps(results: Results, device: str = "cpu") -> Table:
    """A training step on a device: ours, the better variant of each other one, our ratios."""
    contests = [c for c in results.group("steps") if device in c.values]
    ours = [n for n in (device, f"{device}_bodies") if any(n in c.values for c in contests)]
    others = [f for f in _OTHERS if any(c.better(f, device) for c in contests)]
    head = ["layers, batch", *map(title_of, ours), *(_FAMILIES[f] for f in others)]
    rows = [
        [
            contest.title,
            *(_median(contest, name) for name in ours),
            *(_median(contest, contest.better(family, device)) for family in others),
            *(_ratio(contest, family, device) for family in others),
        ]
        for contest in contests
    ]
    return [[*head, *(_AGAINST[f] for f in others)], *rows]


def on_gpu(results: Results, contests: Sequence[Measured]) -> Table:
    """Steps on a GPU by precision: ours, the others', our ratios, the share of the roofline."""
    names = _names(contests)
    eager = "pytorch_gpu"
    head = ["layers, batch", *map(title_of, names), "times the best of them"]
    rows = [[*head, f"times {title_of(eager)}", "of the roofline"]]
    for contest in contests:
        others = [name for name in contest.values if name != "gpu"]
        best = min(others, key=contest.median, default=None)
        rows.append([contest.title, *(_median(contest, name) for name in names)])
        for rival, target in ((best, "best"), (eager if eager in others else None, eager)):
            rows[-1].append(_times_faster(contest, rival, contest.targets.get(target)))
        rows[-1].append(_of_the_roof(results, contest))
    return rows


def _times_faster(contest: Measured, rival: str | None, target: float | None) -> str:
    if rival is None or "gpu" not in contest.values:
        return NOTHING
    ratio = contest.ratio(rival, "gpu")
    return _spread(ratio, "" if target is None else _beside(ratio.median, target, "<≥"))


def _of_the_roof(results: Results, contest: Measured) -> str:
    bound = least(results, contest)
    if bound is None or "gpu" not in contest.values:
        return NOTHING
    share, target = bound / contest.median("gpu"), contest.targets.get("roof")
    return percent(share) + (
        "" if target is None else f" {'<≥'[share >= target]} {percent(target)}"
    )


def shortfalls(results: Results) -> Table:
    """Of each target that is missed, the time that it allows a step, and what takes how much of it.

    What our products alone, or they with Adam's update, exceed, no step made of them can meet.
    """
    rows = [["layers, batch", "target", "it allows", *map(title_of, _PARTS)]]
    for contest in results.group("steps"):
        if not set(_PARTS) <= set(contest.values):
            continue
        for family, target in contest.targets.items():
            other = contest.better(family)
            if other is None or _meets(contest, family, other):
                continue
            floor = family == "products"
            allowed = contest.median(other) * (target if floor else 1 / target)
            words = f"{_AGAINST[family]} {'≤' if floor else '≥'} {number(target)}"
            taken = [
                f"{_median(contest, n)}\n{percent(contest.median(n) / allowed)}" for n in _PARTS
            ]
            rows.append([contest.title, words, quantity(allowed, contest.unit), *taken])
    return rows


def slow_downs(results: Results) -> Table:
    """How many times slower each library was with a busy process beside it; ours beside JAX's.

    And how many processors it was on alone: what is on one of two has one left beside the other.
    Threads that never wait for each other tell what the system leaves to what is on all of them.
    """
    contests = [c for c in results.group("steps") if c.busy]
    others = [f for f in _OTHERS if any(c.better(f) for c in contests)]
    rows = [["layers, batch", "mlpcore", *(_FAMILIES[f] for f in others)]]
    jax = "jax" in others
    rows[0] += [f"{_AGAINST['jax']}, both beside it"] * jax
    alone = jax and any("cpu_one" in c.busy for c in contests)
    rows[0] += [title_of("cpu_one"), f"it {_AGAINST['jax']}, both alone"] * alone
    for contest in contests:
        names = ["cpu", *(contest.better(family) or "" for family in others)]
        ours, *spreads = map(contest.slow_down, names)
        limit = spreads[others.index("jax")] if jax else None
        beside = "" if ours is None or limit is None else _beside(ours.median, limit.median, "≤>")
        cells = [_spread(ours, beside), *map(_spread, spreads)]
        rows.append([contest.title, *map(add, cells, map(partial(_on, contest), names))])
        if jax:
            both = names[1 + others.index("jax")], "cpu"
            rows[-1].append(_spread(contest.ratio_beside(*both) if all(both) else None))
        if alone:
            rows[-1] += [_spread(contest.slow_down("cpu_one")) + _on(contest, "cpu_one")]
            rows[-1] += [_ratio(contest, "jax", "cpu", "cpu_one")]
    for bound in (c for c in results.group("threads") if c.busy and "products" in others):
        cell = _spread(bound.slow_down("products")) + _on(bound, "products")
        rows.append([bound.title, *[NOTHING] * others.index("products"), NOTHING, cell])
        rows[-1] += [NOTHING] * (len(rows[0]) - len(rows[-1]))
    return rows


def markdown(table: Table) -> str:
    """A table as Markdown, its figures to the right."""
    rows = ["| " + " | ".join(row).replace("\n", "<br>") + " |" for row in table]
    rule = "|---|" + "--:|" * (len(table[0]) - 1)
    return "\n".join([rows[0], rule, *rows[1:]])


def _times(results: Results, contests: Sequence[Measured]) -> Table:
    """Each library's median, beneath it its interval."""
    names = _names(contests)
    return [
        ["", *map(title_of, names)],
        *([c.title, *(_cell(c, name) for name in names)] for c in contests),
    ]


def _kernels(results: Results, contests: Sequence[Measured]) -> Table:
    """Fused against body, and how near to a copy."""
    rows = [["", "fused", "body", "times faster", "GB/s", "of a copy"]]
    for contest in contests:
        for name in (n for n in contest.values if n in ("cpu", "gpu")):
            body, roof = f"{name}_bodies", ceilings(results, device_of(name))
            speed = contest.bytes / contest.median(name)
            rows.append(
                [
                    contest.title + (" on the GPU" if name == "gpu" else ""),
                    _cell(contest, name),
                    _cell(contest, body),
                    _spread(contest.ratio(body, name) if body in contest.values else None),
                    number(speed / 1e9),
                    NOTHING if roof is None else percent(speed / roof.copy(_size(contest))),
                ]
            )
    return rows


def _products(results: Results, contests: Sequence[Measured]) -> Table:
    """What each library reaches, and which share of the best that was seen."""
    names = _names(contests)
    rows = [["", *(f"{title_of(name)}, GFLOP/s" for name in names), "ours of the peak"]]
    for contest in contests:
        ours = next((n for n in ("gpu", "cpu") if n in contest.values), None)
        roof = None if ours is None else ceilings(results, device_of(ours))
        share = (
            NOTHING
            if roof is None or ours is None
            else percent(contest.flops / contest.median(ours) / roof.products)
        )
        speeds = [
            number(contest.flops / contest.median(n) / 1e9) if n in contest.values else NOTHING
            for n in names
        ]
        rows.append([contest.title, *speeds, share])
    return rows


def _ceilings(results: Results, contests: Sequence[Measured]) -> Table:
    """What was reached."""
    names = _names(contests)
    rows = [["", *map(title_of, names)]]
    for c in contests:
        work, unit = (c.flops, "FLOP") if c.flops else (c.bytes, "B")
        speeds = [rate(work / c.median(n), unit) if n in c.values else NOTHING for n in names]
        rows.append([c.title, *speeds])
    return rows


def _prediction(results: Results, contests: Sequence[Measured]) -> Table:
    """Latency, and beneath it rows a second."""
    names = _names(contests)
    rows = [["", *map(title_of, names)]]
    for c in contests:
        cells = [
            f"{_median(c, n)}\n{number(c.facts['batch'] / c.median(n) / 1e3)} k rows/s"
            if n in c.values
            else NOTHING
            for n in names
        ]
        rows.append([c.title, *cells])
    return rows


def _memory(results: Results, contests: Sequence[Measured]) -> Table:
    """Bytes, and beneath them how many times the counted minimum."""
    names = _names(contests)
    rows = [["", "counted minimum", *map(title_of, names)]]
    for c in contests:
        cells = [
            f"{_median(c, n)}\n{number(c.median(n) / c.bytes)} ×" if n in c.values else NOTHING
            for n in names
        ]
        rows.append([c.title, quantity(c.bytes, "B"), *cells])
    return rows


_TABLES: dict[str, Callable[[Results, Sequence[Measured]], Table]] = {
    "ceilings": _ceilings,
    "peaks": _ceilings,
    "gpu": on_gpu,
    "kernels": _kernels,
    "products": _products,
    "prediction": _prediction,
    "memory": _memory,
}


def sentence(words: str) -> str:
    """With a capital.

    >>> sentence("one training step")
    'One training step'
    """
    return words[0].upper() + words[1:]


def _names(contests: Sequence[Measured]) -> list[str]:
    """All libraries of some contests, in their own order."""
    found = {name for contest in contests for name in contest.values}
    return [n for n in LIBRARIES if n in found] + sorted(found - set(LIBRARIES))


def _size(contest: Measured) -> int:
    """The bytes that a copy of the same shape moves."""
    return 8 * int(contest.facts["rows"]) * int(contest.facts["columns"])


def _median(contest: Measured, name: str | None) -> str:
    if name is None or name not in contest.values:
        return NOTHING
    return quantity(contest.median(name), contest.unit)


def _cell(contest: Measured, name: str) -> str:
    spread = contest.spread(name)
    if spread is None:
        return NOTHING
    interval = between(spread.lower, spread.upper, contest.unit)
    return f"{quantity(spread.median, contest.unit)}\n{interval}"


def _ratio(contest: Measured, family: str, device: str, own: str = "") -> str:
    """How many times faster than another library; of the products, over their time."""
    other, own = contest.better(family, device), own or device
    if other is None or own not in contest.values:
        return NOTHING
    floor = family == "products"
    ratio = contest.ratio(own, other) if floor else contest.ratio(other, own)
    target = contest.targets.get(family) if device == "cpu" else None
    return _spread(
        ratio, "" if target is None else _beside(ratio.median, target, "≤>" if floor else "<≥")
    )


def _meets(contest: Measured, family: str, other: str) -> bool:
    """Whether our step meets its target against a library."""
    target = contest.targets[family]
    if family == "products":
        return contest.ratio("cpu", other).median <= target
    return contest.ratio(other, "cpu").median >= target


def _on(contest: Measured, name: str) -> str:
    """How many processors a library was on."""
    used = contest.processors.get(name)
    return f"\non {number(Spread.of(used).median)}" if used else ""


def _beside(value: float, target: float, signs: str) -> str:
    """The target behind the sign that tells on which side of it the value is."""
    below = value <= target if signs[0] == "≤" else value < target
    return f" {signs[0] if below else signs[1]} {number(target)}"


def _spread(spread: Spread | None, beside: str = "") -> str:
    """The median, and beneath it its interval."""
    if spread is None:
        return NOTHING
    return f"{number(spread.median)}{beside}\n{number(spread.lower)} to {number(spread.upper)}"
