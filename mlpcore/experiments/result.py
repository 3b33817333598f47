"""What a sweep found."""

from __future__ import annotations

import functools
import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlpcore.backend.extras import require
from mlpcore.experiments.records import Record
from mlpcore.experiments.space import Setting
from mlpcore.mlp import MLP


@dataclass(frozen=True)
class SweepResult:
    """The scores of all settings, and the best of them.

    Attributes:
        settings: what was tried, in the order of the space.
        records: one of each member that has ended: a setting, on a split, with a seed.
        metric: what the scores are.
        splits: how many splits there were.
        repeats: how many seeds each setting was trained with.
        best_network: the best setting trained once more, on all rows; ``None`` without ``refit``.
        complete: whether all members have ended; Ctrl-C leaves the rest out.
    """

    settings: Sequence[Setting]
    records: Sequence[Record] = field(repr=False)
    metric: str
    splits: int
    repeats: int
    best_network: MLP | None = field(default=None, repr=False)
    complete: bool = True

    @functools.cached_property
    def columns(self) -> dict[str, Any]:
        """One entry a setting in each column, named and shaped as scikit-learn's ``cv_results_``.

        ``split{i}_test_score`` counts through the splits with the first seed, then those with the
        next. A score that was not reached is NaN, and so is the mean over it; such a setting ranks
        last. With halving a setting ranks behind all that were trained for longer.
        """
        count = self.splits * self.repeats
        scores, fits, tests = np.full((3, len(self.settings), count), np.nan)
        epochs, rungs = np.zeros((2, len(self.settings)), dtype=np.int64)
        for record in self.records:
            place = record.setting, record.repeat * self.splits + record.split
            scores[place] = record.score
            fits[place], tests[place] = record.fit_seconds, record.score_seconds
            epochs[record.setting] = max(epochs[record.setting], record.epochs)
            rungs[record.setting] = record.rung
        mean = np.mean(scores, axis=1)
        return {
            "mean_fit_time": np.mean(fits, axis=1),
            "std_fit_time": np.std(fits, axis=1),
            "mean_score_time": np.mean(tests, axis=1),
            "std_score_time": np.std(tests, axis=1),
            "epochs": epochs,
            **self._parameters(),
            "params": list(self.settings),
            **{f"split{i}_test_score": scores[:, i] for i in range(count)},
            "mean_test_score": mean,
            "std_test_score": np.std(scores, axis=1),
            "rank_test_score": _ranks(mean, rungs),
        }

    @property
    def best_index(self) -> int | None:
        """The number of the best setting; ``None`` where no setting has a score."""
        place = int(np.argmin(self.columns["rank_test_score"]))
        return None if np.isnan(self.columns["mean_test_score"][place]) else place

    @property
    def best_params(self) -> Setting | None:
        """The best setting."""
        return None if self.best_index is None else self.settings[self.best_index]

    @property
    def best_score(self) -> float:
        """Its mean score."""
        best = self.best_index
        return np.nan if best is None else float(self.columns["mean_test_score"][best])

    @property
    def diverged(self) -> int:
        """How many members' training diverged."""
        return sum(record.diverged for record in self.records)

    def to_pandas(self) -> Any:
        """The `columns` as a data frame.

        Raises:
            ImportError: without pandas.
        """
        return require("pandas", "experiments").DataFrame(self.columns)

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw the scores against each hyperparameter, and the learning curves of all members.

        Args:
            path: a file to write, in the format of its suffix, where one is wanted.

        Returns:
            The figure of matplotlib.

        Raises:
            ImportError: without matplotlib.
            OSError: if the file cannot be written.
        """
        from mlpcore.experiments.plot import plot

        return plot(self, path)

    def _parameters(self) -> dict[str, Any]:
        """A column for each name of the space, masked where a setting does not have it."""
        names = dict.fromkeys(name for setting in self.settings for name in setting)
        found = {}
        for name in names:
            column = np.empty(len(self.settings), dtype=object)
            column[:] = [setting.get(name) for setting in self.settings]
            missing = [name not in setting for setting in self.settings]
            found[f"param_{name}"] = np.ma.MaskedArray(column, missing)
        return found


def _ranks(mean: np.ndarray, rungs: np.ndarray) -> np.ndarray:
    """From 1 for the best; equal ones share the better rank, and NaN is the worst.

    >>> _ranks(np.array([0.5, np.nan, 0.9, 0.5, 1.0]), np.array([1, 1, 1, 1, 0])).tolist()
    [2, 5, 1, 2, 4]
    """
    missing = np.isnan(mean)
    keys = list(zip(missing, -rungs, np.where(missing, 0.0, -mean)))
    ordered = sorted(keys)
    return np.array([1 + bisect_left(ordered, key) for key in keys])
