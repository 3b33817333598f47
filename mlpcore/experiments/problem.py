"""What all members of a sweep share, and what tells one from another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlpcore.backend.devices import Backend
from mlpcore.experiments.folds import Split
from mlpcore.experiments.recipe import Recipe
from mlpcore.training import EarlyStopping

#: What names a member among those of its sweep: its setting, its split and its seed, by number.
Key = tuple[int, int, int]
#: A metric's name, or ``metric(network, X, y)``, where more is better.
Metric = str | Callable[[Any, Any, Any], float]


@dataclass(frozen=True)
class Problem:
    """The data, how it is split, and by what a network is judged.

    Attributes:
        X: the features, ``(n, k)``.
        y: labels ``(n,)`` or values ``(n, n_out)``.
        weight: of each row, ``(n,)``, or ``None``.
        outputs: how many outputs a network has.
        splits: the rows to train on and to score on.
        metric: see `Metric`.
        stopping: early stopping, on the held-out rows unless it monitors another figure.
        curves: whether the loss on the held-out rows is taken after each epoch.
        backend: where to compute.
    """

    X: np.ndarray = field(repr=False)
    y: np.ndarray = field(repr=False)
    weight: np.ndarray | None = field(repr=False)
    outputs: int
    splits: tuple[Split, ...]
    metric: Metric
    stopping: EarlyStopping | None
    curves: bool
    backend: Backend

    @property
    def watched(self) -> bool:
        """Whether the held-out rows are looked at after each epoch."""
        return self.curves or self.stopping is not None

    @property
    def inputs(self) -> int:
        """How many features there are."""
        return int(self.X.shape[1])


@dataclass(frozen=True)
class Member:
    """One network to train: a setting, a split and a seed.

    Attributes:
        setting: its number.
        split: the number of its split.
        repeat: the number of its seed.
        recipe: its setting made ready, with its seed.
    """

    setting: int
    split: int
    repeat: int
    recipe: Recipe

    @property
    def key(self) -> Key:
        """What names the member among those of its sweep."""
        return (self.setting, self.split, self.repeat)
