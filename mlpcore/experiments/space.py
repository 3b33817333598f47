"""The settings to try: a grid, a list of settings, or draws from distributions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mlpcore.backend.checks import whole_number

Setting = dict[str, Any]
Space = Mapping[str, Any] | Sequence[Mapping[str, Any]]


def settings(space: Space, n_iter: int | None = None, random_state: int = 0) -> list[Setting]:
    """All settings of a space, or so many drawn from it.

    A list, a range or an array is a choice of values, and what has a method ``rvs`` a distribution
    of them. Everything else, a tuple too, is one value.

    Args:
        space: values by name, or a list of such mappings, whose settings are put together.
        n_iter: how many settings to draw. From choices alone no setting is drawn twice.
        random_state: the same number draws the same settings.

    Raises:
        ValueError: for an empty choice, or a distribution without ``n_iter``.
        TypeError: for what is no mapping of values by name.

    >>> settings({"learning_rate": [0.1, 0.01], "hidden": (8, 8)})
    [{'learning_rate': 0.1, 'hidden': (8, 8)}, {'learning_rate': 0.01, 'hidden': (8, 8)}]
    >>> settings([{"l2": 0.1}, {"optimizer": "sgd", "momentum": [0.0, 0.9]}])[1:]
    [{'optimizer': 'sgd', 'momentum': 0.0}, {'optimizer': 'sgd', 'momentum': 0.9}]
    >>> len(settings({"l2": [0.0, 0.1, 1.0], "seed": range(100)}, n_iter=7))
    7
    """
    grids = [_checked(grid) for grid in ([space] if isinstance(space, Mapping) else list(space))]
    if not grids:
        raise ValueError("got an empty space, expected at least one setting")
    drawn = [name for grid in grids for name, value in grid.items() if hasattr(value, "rvs")]
    if n_iter is None:
        if drawn:
            raise ValueError(
                f"got a distribution for {drawn[0]} but no n_iter, expected how many settings to "
                "draw; pass n_iter=60, for example"
            )
        return list(itertools.chain.from_iterable(map(_product, grids)))
    count = whole_number("n_iter", n_iter)
    rng = np.random.default_rng(random_state)
    if drawn:
        return [_draw(grids[int(rng.integers(len(grids)))], rng) for _ in range(count)]
    return _sample(grids, count, rng)


def _checked(grid: Any) -> dict[str, Any]:
    """A mapping from names to lists of values or distributions."""
    if not isinstance(grid, Mapping) or not all(isinstance(name, str) for name in grid):
        raise TypeError(
            f"got {grid!r} in the space, expected a mapping of values by name, such as "
            '{"learning_rate": [0.1, 0.01]}'
        )
    choices = {
        name: value if hasattr(value, "rvs") else _choice(value) for name, value in grid.items()
    }
    for name, values in choices.items():
        if isinstance(values, list) and not values:
            raise ValueError(f"got no values for {name}, expected at least one")
    return choices


def _choice(value: Any) -> list[Any]:
    if isinstance(value, np.ndarray) and value.ndim > 0:
        return [_plain(entry) for entry in value]
    return list(map(_plain, value)) if isinstance(value, (list, range)) else [_plain(value)]


def _plain(value: Any) -> Any:
    """NumPy's numbers and strings as Python's, so that settings compare and print alike."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    return value


def _product(grid: dict[str, Any]) -> Iterator[Setting]:
    return (dict(zip(grid, values)) for values in itertools.product(*grid.values()))


def _draw(grid: dict[str, Any], rng: np.random.Generator) -> Setting:
    return {
        name: _plain(value.rvs(random_state=rng))
        if hasattr(value, "rvs")
        else value[int(rng.integers(len(value)))]
        for name, value in grid.items()
    }


def _sample(grids: list[dict[str, Any]], count: int, rng: np.random.Generator) -> list[Setting]:
    """Different settings of grids, in the grids' order; all where there are no more."""
    sizes = [math.prod(map(len, grid.values())) for grid in grids]
    total = sum(sizes)
    places = np.sort(rng.choice(total, size=min(count, total), replace=False, shuffle=False))
    return [_at(grids, sizes, int(place)) for place in places]


def _at(grids: list[dict[str, Any]], sizes: list[int], place: int) -> Setting:
    """The setting of a place in the grids, counted through, without listing those before."""
    for grid, size in zip(grids, sizes):
        if place < size:
            found = {}
            for name, values in reversed(grid.items()):
                place, digit = divmod(place, len(values))
                found[name] = values[digit]
            return {name: found[name] for name in grid}
        place -= size
    raise IndexError(place)
