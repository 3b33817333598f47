"""What a sweep was asked for, checked: settings, data, splits, seeds and the metric."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcore.backend.checks import whole_number
from mlpcore.backend.devices import HOST
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
from mlpcore.network.arrays import finite_numbers
from mlpcore.training import EarlyStopping
from mlpcore.training.data import given_validation
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
        rows: what the best network is trained on, or ``None`` for all rows.
    """

    settings: list[Setting]
    recipes: list[Recipe]
    problem: Problem
    seeds: tuple[int, ...] | None
    halving: int | None
    rows: np.ndarray | None = None

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
    validation_data: tuple[Any, ...] | None = None,
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
    random_state = whole_number("random_state", random_state, least=0)
    found = settings(space, n_iter, random_state)
    if halving is not None:
        halving = whole_number("halving", halving, least=2)
    if validation_data is not None and (cv is not None or repeats != 1):
        raise ValueError("got validation_data and cv or repeats, expected one of them")
    y = np.asarray(to_numpy(y))
    usual = {"output": "softmax" if _are_labels(y) else "identity"}
    recipes = [Recipe.of({**usual, **fixed, **setting}) for setting in found]
    # The most exact that any setting asks for.
    dtype = max(recipe.network["dtype"] for recipe in recipes)
    parts = [(_features(X, dtype), y, sample_weight), *_more(validation_data, dtype)]
    X, y = _joined("X", [part[0] for part in parts]), _joined("y", [part[1] for part in parts])
    probe = _probe(recipes, X, y, dtype)
    weights = [probe.prepare(*part)[2] for part in parts]
    rows = np.arange(len(parts[0][0])) if validation_data is not None else None
    problem = Problem(
        X=X,
        y=y,
        weight=_weight(weights, [len(part[0]) for part in parts]),
        outputs=probe.sizes[-1],
        splits=tuple(
            splits(
                FOLDS if cv is None else cv,
                X,
                y,
                labels=y if _are_labels(y) else None,
                repeats=repeats,
                seed=random_state,
            )
            if rows is None
            else [Split(rows, np.arange(len(rows), len(X)))]
        ),
        metric=checked_metric(metric, probe),
        stopping=_stopping(early_stopping, probe),
        curves=curves,
        backend=find_backend(backend),
    )
    chosen = _seeds(seeds, {*fixed}.union(*found))
    return Study(found, recipes, problem, chosen, halving, rows)


def _are_labels(y: np.ndarray) -> bool:
    return y.ndim == 1 and y.dtype.kind in "biu"


def _more(validation_data: Any, dtype: str) -> list[tuple[np.ndarray, np.ndarray, Any]]:
    """The validation data in the host's memory, if there are any."""
    if validation_data is None:
        return []
    X, y, *weight = given_validation(validation_data)
    return [(_features(X, dtype), np.asarray(to_numpy(y)), weight[0] if weight else None)]


def _joined(name: str, parts: list[np.ndarray]) -> np.ndarray:
    """The validation data behind the others."""
    try:
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
    except ValueError as fault:
        raise ValueError(
            f"got validation_data that does not go with {name} ({fault}), expected as many columns"
        ) from fault


def _weight(weights: list[Any], rows: list[int]) -> np.ndarray | None:
    """One weight a row; 1 in a part that has none."""
    if all(weight is None for weight in weights):
        return None
    return np.concatenate(
        [np.ones(n) if w is None else to_numpy(w) for w, n in zip(weights, rows, strict=True)]
    )


def _features(X: Any, dtype: str) -> np.ndarray:
    return to_numpy(finite_numbers("X", to_numpy(X) if hasattr(X, "device") else X, HOST, dtype))


def _probe(recipes: list[Recipe], X: np.ndarray, y: np.ndarray, dtype: str) -> MLP:
    """A small network to hold the data and the metric against."""
    outputs = {recipe.network["output"] for recipe in recipes}
    if len(outputs) > 1:
        raise ValueError(f"got the outputs {sorted(outputs)} in one space, expected one of them")
    columns = 1 if y.ndim < 2 else y.shape[-1]
    if y.ndim == 1 and outputs == {"softmax"}:
        labels = y[np.isfinite(y)] if y.dtype.kind in "biuf" else y[:0].astype(int)
        columns = int(np.max(labels, initial=1)) + 1
        if columns > max(len(y), 2):
            raise ValueError(
                f"got labels up to {columns - 1} for {len(y)} rows, expected classes numbered from "
                '0; for numbers to predict pass output="identity"'
            )
    return MLP((X.shape[-1] if X.ndim else 1, columns), output=outputs.pop(), dtype=dtype)


def _seeds(seeds: int | Iterable[int] | None, given: set[str]) -> tuple[int, ...] | None:
    if seeds is None:
        return None
    if "seed" in given:
        raise ValueError(
            "got seeds and a seed in the space or fixed, expected one of them; seeds are averaged "
            "over, a seed in the space is a setting of its own"
        )
    numbers = seeds if isinstance(seeds, Iterable) else range(whole_number("seeds", seeds))
    chosen = tuple(whole_number("seed", seed, least=0) for seed in numbers)
    if not chosen:
        raise ValueError("got no seeds, expected at least one, or None for each setting's own")
    return chosen


def _stopping(given: EarlyStopping | int | None, probe: MLP) -> EarlyStopping | None:
    if given is None:
        return None
    stopping = given if isinstance(given, EarlyStopping) else EarlyStopping(given)
    if stopping.metric is not None:
        metric_names(probe, stopping.metric)
    return stopping
