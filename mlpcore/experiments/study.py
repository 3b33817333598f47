"""What a sweep was asked for, checked: settings, data, splits, seeds and the metric."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcore.backend.checks import whole_number
from mlpcore.backend.devices import backend as find_backend
from mlpcore.backend.memory import to_numpy
from mlpcore.experiments.folds import Split, splits
from mlpcore.experiments.halving import shares
from mlpcore.experiments.journal import fingerprint
from mlpcore.experiments.problem import Member, Metric, Problem
from mlpcore.experiments.recipe import Recipe
from mlpcore.experiments.score import checked_metric, metric_name
from mlpcore.experiments.space import Setting, Space, settings
from mlpcore.mlp import MLP
from mlpcore.training import EarlyStopping
from mlpcore.training.evaluate import metric_names

#: As many folds as scikit-learn makes where nobody says how many.
FOLDS = 5


@dataclass(frozen=True)
class Study:
    """A sweep before it runs.

    Attributes:
        settings: what the space holds, without what is fixed.
        recipes: the same made ready.
        problem: the data and how networks are judged.
        seeds: that each setting is trained with, or ``None`` for each setting's own.
        halving: one in how many settings goes on, or ``None`` for all.
    """

    settings: list[Setting]
    recipes: list[Recipe]
    problem: Problem
    seeds: tuple[int, ...] | None
    halving: int | None

    @property
    def shares(self) -> list[float]:
        """The share of its epochs to which each round trains a setting."""
        epochs = min(recipe.epochs for recipe in self.recipes)
        return shares(len(self.recipes), epochs, self.halving)

    def members(self, chosen: Iterable[int]) -> list[Member]:
        """The networks of some settings, split by split and seed by seed."""
        return [
            Member(setting, split, repeat, recipe)
            for setting in chosen
            for repeat, recipe in enumerate(self._repeats(self.recipes[setting]))
            for split in range(len(self.problem.splits))
        ]

    def _repeats(self, recipe: Recipe) -> list[Recipe]:
        if self.seeds is None:
            return [recipe]
        return [dataclasses.replace(recipe, seed=seed) for seed in self.seeds]

    @functools.cached_property
    def fingerprint(self) -> str:
        """A digest of all that the results follow from; not of where and how they are computed."""
        problem = self.problem
        rows = [part for split in problem.splits for part in (split.training, split.held_out)]
        facts = (
            self.recipes,
            self.seeds,
            self.halving,
            metric_name(problem.metric),
            problem.stopping,
            problem.curves,
        )
        return fingerprint(*facts, problem.X, problem.y, problem.weight, *rows)


def study(
    space: Space,
    X: Any,
    y: Any,
    *,
    n_iter: int | None = None,
    cv: Any = None,
    repeats: int = 1,
    validation_data: tuple[Any, Any] | None = None,
    sample_weight: Any = None,
    seeds: int | Iterable[int] | None = None,
    metric: Metric | None = None,
    early_stopping: EarlyStopping | int | None = None,
    curves: bool = False,
    halving: int | None = None,
    backend: Any = "cpu",
    random_state: int = 0,
    **fixed: Any,
) -> Study:
    """Check what a sweep is asked for; see `mlpcore.sweep`."""
    found = settings(space, n_iter, random_state)
    if halving is not None:
        halving = whole_number("halving", halving, least=2)
    X, y, own = _data(X, y, validation_data)
    if own is not None and cv is not None:
        raise ValueError("got validation_data and cv, expected one of them")
    labels = y if y.ndim == 1 and y.dtype.kind in "biu" else None
    usual = {"output": "identity" if labels is None else "softmax"}
    recipes = [Recipe.of({**usual, **fixed, **setting}) for setting in found]
    probe = _probe(recipes, X, y)
    x, _, weight = probe.prepare(X, y, sample_weight)
    problem = Problem(
        X=to_numpy(x),
        y=y,
        weight=None if weight is None else to_numpy(weight),
        outputs=probe.sizes[-1],
        splits=tuple(
            own or splits(cv or FOLDS, X, y, labels=labels, repeats=repeats, seed=random_state)
        ),
        metric=checked_metric(metric, probe),
        stopping=_stopping(early_stopping, probe),
        curves=curves,
        backend=find_backend(backend),
    )
    return Study(found, recipes, problem, _seeds(seeds, {*fixed}.union(*found)), halving)


def _data(
    X: Any, y: Any, validation_data: Any
) -> tuple[np.ndarray, np.ndarray, list[Split] | None]:
    """Features and targets in the host's memory, the validation data behind the others."""
    X, y = np.asarray(to_numpy(X)), np.asarray(to_numpy(y))
    if validation_data is None:
        return X, y, None
    try:
        more = [np.asarray(to_numpy(part)) for part in validation_data]
        whole = [np.concatenate([mine, its]) for mine, its in zip((X, y), more, strict=True)]
    except (TypeError, ValueError) as fault:
        raise ValueError(
            f"got validation_data that does not go with X and y ({fault}), expected (X, y) with as "
            "many columns"
        ) from fault
    rows = np.arange(len(whole[0]))
    return whole[0], whole[1], [Split(rows[: len(X)], rows[len(X) :])]


def _probe(recipes: list[Recipe], X: np.ndarray, y: np.ndarray) -> MLP:
    """A small network to hold the data and the metric against, as exact as the most exact."""
    outputs = {recipe.network["output"] for recipe in recipes}
    if len(outputs) > 1:
        raise ValueError(f"got the outputs {sorted(outputs)} in one space, expected one of them")
    dtype = max(recipe.network.get("dtype", "float32") for recipe in recipes)
    columns = 1 if y.ndim < 2 else y.shape[-1]
    if y.ndim == 1 and outputs == {"softmax"}:
        columns = max(int(y.max(initial=0)), 1) + 1
    inputs = X.shape[-1] if X.ndim else 0
    return MLP((inputs, columns), output=outputs.pop(), dtype=dtype)


def _seeds(seeds: int | Iterable[int] | None, given: set[str]) -> tuple[int, ...] | None:
    if seeds is None:
        return None
    if "seed" in given:
        raise ValueError(
            "got seeds and a seed in the space or fixed, expected one of them; seeds are averaged "
            "over, a seed in the space is a setting of its own"
        )
    numbers = range(whole_number("seeds", seeds)) if isinstance(seeds, int) else seeds
    chosen = tuple(whole_number("seed", seed, least=0) for seed in numbers)
    if not chosen:
        raise ValueError("got no seeds, expected at least one, or None for each setting's own")
    return chosen


def _stopping(given: EarlyStopping | int | None, probe: MLP) -> EarlyStopping | None:
    stopping = EarlyStopping(given) if isinstance(given, int) else given
    if stopping is not None and stopping.metric is not None:
        metric_names(probe, stopping.metric)
    return stopping
