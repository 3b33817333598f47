"""The classifier."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if

from mlpcore.backend.dispatch import Array, namespace
from mlpcore.mlp import MLP
from mlpcore.sklearn.arrays import Home
from mlpcore.sklearn.base import BaseMLP
from mlpcore.sklearn.labels import Labels
from mlpcore.sklearn.parameters import Parameters


@dataclass(eq=False, repr=False)
class MLPClassifier(ClassifierMixin, BaseMLP):
    """docstring"""

    hidden_layer_sizes: Any = (100,)
    activation: Any = "relu"
    _: KW_ONLY
    class_weight: Any = None
    label_smoothing: float = 0.0

    _metric: ClassVar[str] = "accuracy"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Parameters._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }

    @available_if(lambda estimator: estimator._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        classes: Any = None,
        validation_data: tuple[Any, ...] | None = None,
    ) -> Self:
        """Train one epoch more, from where the last call ended.

        As many calls on the same data end in the same weights as one `fit` of as many epochs.

        Args:
            X: features ``(n_samples, n_features)``, as for `fit`.
            y: labels ``(n_samples,)``, or an indicator matrix ``(n_samples, n_outputs)``.
            sample_weight: not negative, ``(n_samples,)``.
            classes: every label that may ever come; needed in the first call only.
            validation_data: ``(X, y)`` or ``(X, y, sample_weight)``; needed for early stopping,
                which in the end gives the best weights back and lets further calls change nothing.

        Returns:
            The estimator.

        Raises:
            ValueError: for a label that ``classes`` lacks, and as `fit` does.
        """
        return self._train(X, y, sample_weight, validation_data, classes=classes, incremental=True)

    def predict(self, X: Any) -> Any:
        """The most probable label of each row.

        Args:
            X: features ``(n_samples, n_features)``.

        Returns:
            Labels ``(n_samples,)``; where several may hold, an indicator matrix
            ``(n_samples, n_outputs)``.
        """
        logits = self._logits(X, "predict")
        predicted = self._labels.predicted(self.network_.backend.to_numpy(logits))
        return predicted if self._labels.sparse else self._home.bring(predicted)

    def predict_proba(self, X: Any) -> Array:
        """The probability of each label.

        Args:
            X: features ``(n_samples, n_features)``.

        Returns:
            ``(n_samples, n_classes)``, columns as in ``classes_``.
        """
        logits = self._logits(X, "predict_proba")
        return self._home.bring(self._labels.probabilities(logits))

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of each label's probability; minus infinity where that rounds to 0.

        Args:
            X: features ``(n_samples, n_features)``.

        Returns:
            ``(n_samples, n_classes)``, columns as in ``classes_``.
        """
        logits = self._logits(X, "predict_log_proba")
        with np.errstate(divide="ignore"):
            logs = namespace(logits).log(self._labels.probabilities(logits))
        return self._home.bring(logs)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _encode(self, y: Any, *, first: bool, classes: Any, incremental: bool) -> np.ndarray:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if first:
            if incremental and classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            self._labels = Labels.of(y, classes)
        else:
            self._check_classes(y, classes, incremental)
        target = self._labels.target(y)
        if self._labels.binary or self._labels.multilabel:
            target = (1 - self.label_smoothing) * target + self.label_smoothing / 2
        return target

    def _check_classes(self, y: Any, classes: Any, incremental: bool) -> None:
        known = self._labels.classes
        if classes is not None and not np.array_equal(known, np.unique(column_or_1d(classes))):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                f"{known!r}"
            )
        if self.warm_start and not incremental:
            found = self._labels.found(y)
            if not np.array_equal(found, known):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the "
                    f"previous call to fit. Previously got {known}, `y` has {found}"
                )

    def _output(self) -> tuple[int, dict[str, Any]]:
        labels = self._labels
        smoothing = self.label_smoothing if labels.head == "softmax" else 0.0
        return labels.outputs, {"output": labels.head, "label_smoothing": smoothing}

    def _start(self, network: MLP, values: list[Any], home: Home) -> None:
        super()._start(network, values, home)
        self.classes_ = home.bring(self._labels.classes)

    def _row_weight(self, y: Any, sample_weight: Any) -> np.ndarray | None:
        weight = super()._row_weight(y, sample_weight)
        if self.class_weight is None:
            return weight
        own = compute_sample_weight(self.class_weight, y)
        return own if weight is None else own * weight

    def _strata(self, target: np.ndarray) -> np.ndarray | None:
        if self._labels.multilabel:
            return None
        return (target[:, 0] > 0.5).astype(str) if self._labels.binary else target
