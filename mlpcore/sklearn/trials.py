"""Candidates on folds: which train together, how each scores, and what becomes of failures."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from traceback import format_exception
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection._validation import (
    _insert_error_scores,
    _score,
    _warn_or_raise_about_fit_failures,
)
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_method_params

from mlpcore.experiments.records import Record
from mlpcore.sklearn.arrays import Home
from mlpcore.sklearn.examples import Examples
from mlpcore.sklearn.monitor import NOT_FINITE, warn_of_haste
from mlpcore.sklearn.stacks import Pending, can_be_stacked, stacks, train

#: The number of a candidate and that of a fold.
Place = tuple[int, int]


@dataclass(frozen=True)
class Rows:
    """Rows of a data set, or all.

    Attributes:
        X, y: features and targets.
        fitting: what the estimator's ``fit`` takes beside them.
        scoring: what the scorer does.
    """

    X: Any
    y: Any
    fitting: Mapping[str, Any]
    scoring: Mapping[str, Any]

    def part(self, rows: np.ndarray) -> Rows:
        """Some of the rows."""
        return Rows(
            _safe_indexing(self.X, rows),
            _safe_indexing(self.y, rows),
            _check_method_params(self.X, self.fitting, rows),
            _check_method_params(self.X, self.scoring, rows),
        )


class Trials:
    """Trains candidates of a search on folds of its data.

    Attributes:
        records: one of each candidate on each fold.
    """

    def __init__(
        self,
        search: Any,
        scorer: Any,
        whole: Rows,
        folds: Sequence[tuple[np.ndarray, np.ndarray]],
    ):
        self.records: list[Record] = []
        self._search, self._scorer, self._whole, self._folds = search, scorer, whole, folds
        self._training = [whole.part(training) for training, _ in folds]
        self._held_out = [whole.part(held_out) for _, held_out in folds]
        self._examples: dict[Any, tuple[Examples, np.ndarray]] = {}
        self._outcomes: dict[Place, dict[str, Any]] = {}

    def run(self, candidates: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Train and score them all, together where they can be.

        Returns:
            What scikit-learn notes of a fit, candidate by candidate and fold by fold.

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
            if not train(together, self._examples_of(together[0].estimator)[0]):
                warn_of_haste(together[0].estimator.max_iter)
            seconds = (time.perf_counter() - start) / len(together)
            for one in together:
                fault = ValueError(NOT_FINITE) if one.failed else None
                self._note(one.estimator, places[id(one)], seconds, fault)
        self.records.sort(key=lambda record: record.key)
        outcomes = [self._outcomes[place] for place in sorted(self._outcomes)]
        error_score = self._search.error_score
        _warn_or_raise_about_fit_failures(outcomes, error_score)
        _insert_error_scores(outcomes, error_score)
        return outcomes

    def _ready(self, estimator: Any, fold: int) -> Pending | None:
        """The estimator before its first epoch, or ``None`` where it must be fitted by itself."""
        rows = self._training[fold]
        alone = not can_be_stacked(estimator) or set(rows.fitting) - {"sample_weight"}
        if alone or not Home.of(rows.X).is_host:
            return None
        try:
            estimator._validate_params()
            weight = rows.fitting.get("sample_weight")
            examples, held_out = estimator._prepare(rows.X, rows.y, weight)
            _, classes = self._examples_of(estimator)
        except Exception:
            return None  # fit says it again, where failures are counted
        if not np.array_equal(getattr(estimator, "classes_", classes), classes):
            return None
        return Pending(estimator, examples, held_out, self._folds[fold][0])

    def _examples_of(self, estimator: Any) -> tuple[Examples, np.ndarray]:
        """All rows as the estimator takes them, and their classes."""
        smoothing = getattr(estimator, "label_smoothing", None)
        key = estimator.precision, str(estimator.backend), smoothing
        if key not in self._examples:
            one = clone(estimator).set_params(early_stopping=False)
            examples, _ = one._prepare(self._whole.X, self._whole.y, None)
            self._examples[key] = examples, getattr(one, "classes_", np.empty(0))
        return self._examples[key]

    def _fit(self, estimator: Any, place: Place) -> None:
        rows = self._training[place[1]]
        start = time.perf_counter()
        fault = None
        try:
            estimator.fit(rows.X, rows.y, **rows.fitting)
        except Exception as error:
            fault = error
        self._note(estimator, place, time.perf_counter() - start, fault)

    def _note(self, estimator: Any, place: Place, seconds: float, fault: Exception | None) -> None:
        """Score a trained estimator, or note that its training failed."""
        if fault is not None and self._search.error_score == "raise":
            raise fault
        error = None if fault is None else "".join(format_exception(fault))
        start = time.perf_counter()
        scores = self._scores(estimator, self._held_out[place[1]], fault)
        scored = time.perf_counter() - start
        outcome = {"fit_error": error, "fit_time": seconds, "score_time": scored}
        self._outcomes[place] = outcome | {"test_scores": scores}
        if self._search.return_train_score:
            train_scores = self._scores(estimator, self._training[place[1]], fault)
            self._outcomes[place]["train_scores"] = train_scores
        if isinstance(scores, dict):
            scores = scores.get(self._search.refit, next(iter(scores.values())))
        epochs = getattr(estimator, "n_iter_", 0)
        best = max(epochs - 1, 0)
        if estimator.early_stopping and fault is None:
            best = int(np.argmax(np.nan_to_num(estimator.validation_scores_, nan=-np.inf)))
        self.records.append(
            Record(
                setting=place[0],
                split=place[1],
                repeat=0,
                rung=0,
                score=scores,
                epochs=epochs,
                best_epoch=best,
                diverged=fault is not None,
                loss=tuple(getattr(estimator, "loss_curve_", ())),
                held_out_loss=tuple(getattr(estimator, "validation_loss_curve_", ())),
                fit_seconds=seconds,
                score_seconds=scored,
            )
        )

    def _scores(self, estimator: Any, rows: Rows, fault: Exception | None) -> Any:
        error_score = self._search.error_score
        if fault is not None:
            return error_score
        return _score(estimator, rows.X, rows.y, self._scorer, rows.scoring, error_score)
