"""What a busy process beside them costs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..libraries import title_of
from ..results import Measured, Results
from .cells import AGAINST, FAMILIES, NOTHING, Table, on, ratio, spread


def slow_downs(results: Results) -> Table:
    """How many times slower each library was with a busy process beside it; ours beside JAX's.

    And how many processors it was on alone: what is on one of two has one left beside the other.
    Threads that never wait for each other tell what the system leaves to what is on all of them.
    """
    contests = [c for c in results.group("steps") if c.busy]
    others = [family for family in FAMILIES if any(c.better(family) for c in contests)]
    more = _against_jax(contests) if "jax" in others else {}
    head = ["layers, batch", "mlpcore", *(FAMILIES[family] for family in others), *more]
    rows = [
        [
            contest.title,
            _ours(contest),
            *(_slow_down(contest, contest.better(family) or "") for family in others),
            *(cell(contest) for cell in more.values()),
        ]
        for contest in contests
    ]
    place = len(others) + 1  # the last of the others: NumPy
    for bound in (c for c in results.group("threads") if c.busy and "products" in others):
        row = [bound.title, *[NOTHING] * (len(head) - 1)]
        row[place] = _slow_down(bound, "products")
        rows.append(row)
    return [head, *rows]


def _against_jax(contests: list[Measured]) -> dict[str, Callable[[Measured], str]]:
    """Further columns: beside it we may slow down by more and be faster all the same.

    And on one thread, which hardly slows down, we are not as many times faster.
    """
    found: dict[str, Callable[[Measured], str]] = {
        f"{AGAINST['jax']}, both beside it": lambda contest: spread(
            contest.ratio_beside(contest.better("jax") or "", "cpu")
        )
    }
    if any("cpu_one" in contest.busy for contest in contests):
        found[title_of("cpu_one")] = partial(_slow_down, name="cpu_one")
        found[f"it {AGAINST['jax']}, both alone"] = lambda contest: ratio(
            contest, "jax", "cpu", "cpu_one"
        )
    return found


def _ours(contest: Measured) -> str:
    """Our slow-down beside JAX's."""
    limit = contest.slow_down(contest.better("jax") or "")
    return _slow_down(contest, "cpu", None if limit is None else limit.median)


def _slow_down(contest: Measured, name: str, target: float | None = None) -> str:
    return spread(contest.slow_down(name), target, "≤>") + on(contest, name)
