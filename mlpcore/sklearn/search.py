"""A search over parameters whose candidates are trained as stacks."""

from __future__ import annotations

import time
from typing import Any, Self

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import GridSearchCV, ParameterGrid, ParameterSampler, check_cv
from sklearn.utils import indexable

from mlpcore.experiments.result import SweepResult
from mlpcore.sklearn.base import BaseMLP
from mlpcore.sklearn.trials import Trials


class StackedSearchCV(GridSearchCV):
    """Search over parameters, all candidates and folds trained in one process, as a few stacks.

    The interface is that of scikit-learn's `GridSearchCV`, and so are the results: each candidate
    ends on each fold with the weights that it ends with alone. Candidates train together where they
    are alike in depth, batch size, ``max_iter``, solver, normalization and precision; widths that
    are close are padded to one another. What cannot share a stack is fitted by itself: L-BFGS,
    rates that change, scorers for early stopping, callbacks, warm starts, other than NumPy's
    arrays, and folds that lack a class.

    Args:
        estimator: an `MLPClassifier` or an `MLPRegressor`.
        param_grid: lists of values by name, all combinations of which are tried, or a list of such
            mappings. With ``n_iter`` also distributions, as SciPy's.
        scoring: a scorer's name, or ``scorer(estimator, X, y)``; ``None`` for the estimator's own.
        refit: whether the best candidate is fitted once more, on all rows.
        cv: how many folds, one of scikit-learn's splitters, or pairs of row numbers.
        n_iter: how many candidates to draw from ``param_grid``; ``None`` for all of them.
        random_state: of that draw.
        error_score: the score of a candidate whose training fails, or ``"raise"``.
        return_train_score: whether to score the training rows as well.

    Attributes:
        cv_results_: by column name; also ``epochs``, those of the longest fold.
        best_index_: the row of the best candidate there, likewise ``best_params_`` and
            ``best_score_``.
        best_estimator_: the best candidate, fitted on all rows.
        sweep_: the same results as an `mlpcore.experiments.SweepResult`, with the learning curves,
            ``to_pandas()`` and ``plot()``.
        n_splits_, refit_time_, scorer_, multimetric_: as in `GridSearchCV`.

    >>> import warnings
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> from mlpcore.sklearn import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = {"alpha": [1e-4, 1.0], "learning_rate_init": [1e-5, 0.05]}
    >>> search = StackedSearchCV(MLPClassifier((8,), max_iter=30, random_state=0), grid, cv=3)
    >>> with warnings.catch_warnings(action="ignore"):  # 30 epochs are few
    ...     search = search.fit(scale(X), y)
    >>> search.best_params_["learning_rate_init"], search.best_score_ > 0.9
    (0.05, True)
    """

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: Any = None,
        refit: bool = True,
        cv: Any = None,
        n_iter: int | None = None,
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ):
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            refit=refit,
            cv=cv,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.n_iter = n_iter
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Try all candidates on all folds, and fit the best one on all rows.

        Args:
            X: features ``(n_samples, n_features)``.
            y: labels or values ``(n_samples,)``, or ``(n_samples, n_outputs)``.
            sample_weight: in training, ``(n_samples,)``.
            groups: of the rows, for the splitter.

        Returns:
            The search.

        Raises:
            TypeError: for another estimator.
            ValueError: with ``error_score="raise"`` for training that left the finite numbers.
        """
        if not isinstance(self.estimator, BaseMLP):
            raise TypeError(
                f"got {type(self.estimator).__name__}, expected an MLPClassifier or MLPRegressor "
                "of mlpcore.sklearn; for pipelines and others use sklearn's GridSearchCV"
            )
        X, y, sample_weight, groups = indexable(X, y, sample_weight, groups)
        candidates = self._candidates()
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        folds = [(np.asarray(a), np.asarray(b)) for a, b in cv.split(X, y, groups)]
        self.n_splits_, self.multimetric_ = len(folds), False
        self.scorer_ = check_scoring(self.estimator, self.scoring)
        trials = Trials(self, X, y, sample_weight, folds)
        trials.run(candidates)
        name = self.scoring if isinstance(self.scoring, str) else "score"
        self.sweep_ = SweepResult(candidates, trials.records, name, len(folds), 1)
        self.cv_results_ = self.sweep_.columns | trials.train_columns(len(candidates))
        self.best_index_ = int(np.argmin(self.cv_results_["rank_test_score"]))
        self.best_params_ = candidates[self.best_index_]
        self.best_score_ = float(self.cv_results_["mean_test_score"][self.best_index_])
        if self.refit:
            start = time.perf_counter()
            self.best_estimator_ = clone(self.estimator).set_params(
                **clone(self.best_params_, safe=False)
            )
            self.best_estimator_.fit(X, y, sample_weight=sample_weight)
            self.refit_time_ = time.perf_counter() - start
            if hasattr(self.best_estimator_, "feature_names_in_"):
                self.feature_names_in_ = self.best_estimator_.feature_names_in_
        return self

    def _candidates(self) -> list[dict[str, Any]]:
        if self.n_iter is None:
            return list(ParameterGrid(self.param_grid))
        sampler = ParameterSampler(self.param_grid, self.n_iter, random_state=self.random_state)
        return list(sampler)
