"""Candidates on folds: which train together, how each scores, and what becomes of failures."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.utils import _safe_indexing

from mlpcore.experiments.records import Record
from mlpcore.sklearn.arrays import Home
from mlpcore.sklearn.examples import Examples
from mlpcore.sklearn.monitor import NOT_FINITE, warn_of_haste
from mlpcore.sklearn.stacks import Pending, can_be_stacked, stacks, train

#: The number of a candidate and that of a fold.
Place = tuple[int, int]


class Trials:
    """Trains candidates of a search on folds of its data.

    Attributes:
        records: one of each candidate on each fold.
    """

    def __init__(
        self,
        search: Any,
        X: Any,
        y: Any,
        sample_weight: Any,
        folds: Sequence[tuple[np.ndarray, np.ndarray]],
    ):
        self.records: list[Record] = []
        self._search, self._folds, self._data = search, folds, (X, y, sample_weight)
        self._training = [self._part(training) for training, _ in folds]
        self._held_out = [self._part(held_out) for _, held_out in folds]
        self._wholes: dict[Any, tuple[Examples, np.ndarray]] = {}
        self._train_scores: dict[Place, float] = {}
        self._failures: list[str] = []

    def run(self, candidates: Sequence[Mapping[str, Any]]) -> None:
        """Train and score them all, together where they can be.

        Raises:
            ValueError: where all fail, or one does and ``error_score="raise"``.
        """
        pending: list[Pending] = []
        places: dict[int, Place] = {}
        for number, parameters in enumerate(candidates):
            for fold in range(len(self._folds)):
                estimator = clone(self._search.estimator)
                estimator.set_params(**clone(parameters, safe=False))
                ready = self._ready(estimator, fold)
                if ready is None:
                    self._fit(estimator, (number, fold))
                else:
                    places[id(ready)] = (number, fold)
                    pending.append(ready)
        for together in stacks(pending):
            start = time.perf_counter()
            if not train(together, self._whole(together[0].estimator)[0]):
                warn_of_haste(together[0].estimator.max_iter)
            seconds = (time.perf_counter() - start) / len(together)
            for one in together:
                fault = ValueError(NOT_FINITE) if one.failed else None
                self._note(one.estimator, places[id(one)], seconds, fault)
        self.records.sort(key=lambda record: record.key)
        self._warn_of_failures()

    def train_columns(self, candidates: int) -> dict[str, np.ndarray]:
        """The scores of the training rows as columns, where they are wanted."""
        if not self._search.return_train_score:
            return {}
        scores = np.array(
            [
                [self._train_scores[number, fold] for fold in range(len(self._folds))]
                for number in range(candidates)
            ]
        )
        return {
            **{f"split{fold}_train_score": scores[:, fold] for fold in range(len(self._folds))},
            "mean_train_score": scores.mean(axis=1),
            "std_train_score": scores.std(axis=1),
        }

    def _part(self, rows: np.ndarray) -> tuple[Any, ...]:
        return tuple(None if one is None else _safe_indexing(one, rows) for one in self._data)

    def _ready(self, estimator: Any, fold: int) -> Pending | None:
        """The estimator before its first epoch, or ``None`` where it must be fitted by itself."""
        if not can_be_stacked(estimator) or not Home.of(self._data[0]).is_host:
            return None
        try:
            estimator._validate_params()
            examples, held_out = estimator._prepare(*self._training[fold])
        except ValueError:
            return None  # fit says it again, where failures are counted
        _, classes = self._whole(estimator)
        if not np.array_equal(getattr(estimator, "classes_", classes), classes):
            return None
        return Pending(estimator, examples, held_out, self._folds[fold][0])

    def _whole(self, estimator: Any) -> tuple[Examples, np.ndarray]:
        """All rows as the estimator takes them, and their classes."""
        smoothing = getattr(estimator, "label_smoothing", None)
        key = estimator.precision, str(estimator.backend), smoothing
        if key not in self._wholes:
            one = clone(estimator).set_params(early_stopping=False)
            examples, _ = one._prepare(*self._data[:2], None)
            self._wholes[key] = examples, getattr(one, "classes_", np.empty(0))
        return self._wholes[key]

    def _fit(self, estimator: Any, place: Place) -> None:
        X, y, weight = self._training[place[1]]
        start = time.perf_counter()
        fault = None
        try:
            estimator.fit(X, y, sample_weight=weight)
        except ValueError as error:
            fault = error
        self._note(estimator, place, time.perf_counter() - start, fault)

    def _note(self, estimator: Any, place: Place, seconds: float, fault: ValueError | None) -> None:
        """Score a trained estimator, or note that its training failed."""
        search = self._search
        if fault is not None and search.error_score == "raise":
            raise fault
        start = time.perf_counter()
        if fault is None:
            score = float(search.scorer_(estimator, *self._held_out[place[1]][:2]))
        else:
            score = float(search.error_score)
            self._failures.append(f"candidate {place[0]}, fold {place[1]}: {fault}")
        scored = time.perf_counter() - start
        if search.return_train_score:
            examples = self._training[place[1]][:2]
            train_score = search.scorer_(estimator, *examples) if fault is None else score
            self._train_scores[place] = float(train_score)
        epochs = getattr(estimator, "n_iter_", 0)
        stopping = estimator.early_stopping and getattr(estimator, "validation_scores_", None)
        self.records.append(
            Record(
                setting=place[0],
                split=place[1],
                repeat=0,
                rung=0,
                score=score,
                epochs=epochs,
                best_epoch=int(np.argmax(stopping)) if stopping else max(epochs - 1, 0),
                diverged=fault is not None,
                loss=tuple(getattr(estimator, "loss_curve_", ())),
                held_out_loss=tuple(getattr(estimator, "validation_loss_curve_", ())),
                fit_seconds=seconds,
                score_seconds=scored,
            )
        )

    def _warn_of_failures(self) -> None:
        if not self._failures:
            return
        message = (
            f"{len(self._failures)} fits failed out of a total of {len(self.records)}; the first "
            f"was {self._failures[0]}"
        )
        if len(self._failures) == len(self.records):
            raise ValueError(f"All the {message}")
        warnings.warn(
            f"{message}. Their scores are {self._search.error_score}",
            FitFailedWarning,
            stacklevel=4,
        )
