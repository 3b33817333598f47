"""A search over parameters whose candidates are trained as stacks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context, clone, is_classifier
from sklearn.model_selection import GridSearchCV, ParameterGrid, ParameterSampler, check_cv
from sklearn.utils import indexable
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_method_params

from mlpcore.experiments.result import SweepResult
from mlpcore.sklearn.base import BaseMLP
from mlpcore.sklearn.trials import Rows, Trials


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
        scoring: a scorer's name, ``scorer(estimator, X, y)``, or several of them as a list, a tuple
            or a mapping; ``None`` for the estimator's own.
        refit: whether the best candidate is fitted once more, on all rows; of several scorers the
            name of the one that decides, or a function from ``cv_results_`` to the best row.
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
        n_splits_, refit_time_, scorer_, multimetric_, classes_: as in `GridSearchCV`.

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

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **GridSearchCV._parameter_constraints,
        "n_iter": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: Any = None,
        refit: Any = True,
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

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, **params: Any) -> Self:
        """Try all candidates on all folds, and fit the best one on all rows.

        Args:
            X: features ``(n_samples, n_features)``.
            y: labels or values ``(n_samples,)``, or ``(n_samples, n_outputs)``.
            params: ``sample_weight`` ``(n_samples,)``, for the training and for a scorer that takes
                it; ``groups`` of the rows, for the splitter; the rest for the estimator's ``fit``.
                With metadata routing all go where they are asked for.

        Returns:
            The search.

        Raises:
            TypeError: for another estimator.
            ValueError: where all fits fail, or one does and ``error_score="raise"``.
        """
        if not isinstance(self.estimator, BaseMLP):
            raise TypeError(
                f"got {type(self.estimator).__name__}, expected an MLPClassifier or MLPRegressor "
                "of mlpcore.sklearn; for pipelines and others use sklearn's GridSearchCV"
            )
        scorer, metric = self._get_scorers()
        X, y = indexable(X, y)
        routed = self._get_routed_params_for_fit(_check_method_params(X, params))
        fitting = routed.estimator.fit
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        folds = [
            (np.asarray(training), np.asarray(held_out))
            for training, held_out in cv.split(X, y, **routed.splitter.split)
        ]
        candidates = self._candidates()
        trials = Trials(self, scorer, Rows(X, y, fitting, routed.scorer.score), folds)
        outcomes = trials.run(candidates)
        self.n_splits_, self.scorer_ = len(folds), getattr(scorer, "_scorers", scorer)
        self.multimetric_ = isinstance(outcomes[0]["test_scores"], dict)
        if self.multimetric_:
            self._check_refit_for_multimetric(outcomes[0]["test_scores"])
            metric = self.refit
        self.sweep_ = SweepResult(candidates, trials.records, str(metric), len(folds), 1)
        epochs = {"epochs": self.sweep_.columns["epochs"]}
        self.cv_results_ = self._format_results(candidates, len(folds), outcomes, epochs)
        if self.refit or not self.multimetric_:
            self._choose(metric)
        if self.refit:
            self._fit_best(X, y, fitting)
        return self

    def _candidates(self) -> list[dict[str, Any]]:
        if self.n_iter is None:
            return list(ParameterGrid(self.param_grid))
        sampler = ParameterSampler(self.param_grid, self.n_iter, random_state=self.random_state)
        return list(sampler)

    def _choose(self, metric: Any) -> None:
        results = self.cv_results_
        self.best_index_ = int(self._select_best_index(self.refit, metric, results))
        self.best_params_ = results["params"][self.best_index_]
        if not callable(self.refit):
            self.best_score_ = float(results[f"mean_test_{metric}"][self.best_index_])

    def _fit_best(self, X: Any, y: Any, params: Mapping[str, Any]) -> None:
        start = time.perf_counter()
        self.best_estimator_ = clone(self.estimator)
        self.best_estimator_.set_params(**clone(self.best_params_, safe=False))
        self.best_estimator_.fit(X, y, **params)
        self.refit_time_ = time.perf_counter() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_
