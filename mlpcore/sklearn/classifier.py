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
from mlpcore.sklearn.base import BaseMLP, Given
from mlpcore.sklearn.labels import Labels
from mlpcore.sklearn.parameters import Parameters


@dataclass(eq=False, repr=False)
class MLPClassifier(ClassifierMixin, BaseMLP):
    """A multilayer perceptron that tells classes apart, with the interface of scikit-learn's.

    Two classes share one output under a sigmoid, more have one each under a softmax, and where an
    example may carry several labels each has a sigmoid of its own. The loss is the cross-entropy.
    Parameters, attributes, warnings and the course of training are those of
    `sklearn.neural_network.MLPClassifier`; those from ``backend`` on are further ones, and their
    defaults change nothing.

    Args:
        hidden_layer_sizes: the width of each hidden layer, or a single one.
        activation: of the hidden layers, one name or one for each; any of
            `mlpcore.functions.activations`.
        solver: ``"adam"``, ``"sgd"``, or ``"lbfgs"`` on all rows at once.
        alpha: strength of the penalty ``alpha/2 ||W||^2``, divided by the sum of a batch's weights.
        batch_size: rows a step; ``"auto"`` is ``min(200, n_samples)``.
        learning_rate: for SGD ``"constant"``; ``"invscaling"``, after each epoch
            ``learning_rate_init / (t_ + 1) ** power_t``; or ``"adaptive"``, a fifth whenever
            ``n_iter_no_change`` epochs bring no progress.
        learning_rate_init: the rate at the start.
        power_t: the exponent of ``"invscaling"``.
        max_iter: the most epochs, or iterations of L-BFGS.
        shuffle: a new order in each epoch.
        random_state: of weights, orders, dropout and held-out rows.
        tol: less progress than this is none; for L-BFGS the largest entry of the gradient at which
            it ends.
        verbose: print the loss of each epoch.
        warm_start: `fit` goes on from the weights that it finds; the network stays as it is.
        momentum: of SGD, at least 0 and below 1.
        nesterovs_momentum: whether it is Nesterov's.
        early_stopping: hold rows out, go by their score, and keep the best weights.
        validation_fraction: the share of rows that is held out, of two classes
            alike, of more where there are rows enough.
        beta_1, beta_2, epsilon: Adam's.
        n_iter_no_change: epochs without progress that are put up with.
        max_fun: the most evaluations of L-BFGS.
        backend: ``"cpu"``, ``"gpu"``, ``"gpu:1"`` or ``"auto"``; ``None`` is where ``X`` lies.
        precision: ``"float32"`` or ``"float64"``; ``"auto"`` is that of ``X``. On a GPU also
            ``"tf32"``, ``"bfloat16"`` and ``"float16"``: float32 but for what products multiply,
            see `MLP`.
        initializer: a name such as ``"he_normal"``, see `mlpcore.functions.initializers`; ``None``
            draws what scikit-learn draws, biases too.
        normalization: ``"batch"`` or ``"layer"``, in front of each activation.
        dropout: the rate in [0, 1), or a list with one for each hidden layer.
        weight_decay: decay of the weights outside of the gradient, as in AdamW.
        clip_norm: longer gradients are shortened to this norm.
        scoring: for early stopping, a scorer's name or ``scorer(estimator, X, y)``; ``None`` is
            accuracy.
        callbacks: each called with an `mlpcore.Epoch` after an epoch; ``True`` ends the training.
        progress: a bar always, never, or with ``"auto"`` where somebody watches.
        class_weight: ``"balanced"``, or a weight for each label; they multiply ``sample_weight``.
        label_smoothing: the share in [0, 1) of each label that is spread over all classes.

    Attributes:
        classes_: the labels, sorted.
        network_: the `mlpcore.MLP` itself, to be saved or trained further.
        coefs_, intercepts_: the weights ``(fan_in, fan_out)`` and biases of each layer; NumPy's are
            the network's own memory.
        n_iter_: epochs of the last call, and ``t_`` rows seen in all calls.
        n_layers_, n_outputs_, out_activation_: the shape of the network, and its last function.
        loss_: the last loss, penalty included, ``best_loss_`` the least, or with early stopping
            ``None``, and ``loss_curve_`` that of each epoch. A loss is the weighted mean over the
            epoch, the penalty that of its last weights.
        validation_loss_curve_: the loss on held-out rows, without penalty, where there are any.
        validation_scores_, best_validation_score_: their score, or ``None``.
        n_features_in_, feature_names_in_: the columns of ``X``, and their names where it had any.

    Source: as for the parts, see `mlpcore.functions` and `mlpcore.training.lbfgs`.

    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> X, y = load_iris(return_X_y=True)
    >>> names = np.array(["setosa", "versicolor", "virginica"])[y]
    >>> classifier = MLPClassifier((20,), solver="lbfgs", random_state=0).fit(scale(X), names)
    >>> classifier.predict(scale(X)[[0, 140]])
    array(['setosa', 'virginica'], dtype='<U10')
    >>> classifier.predict_proba(scale(X)).shape, classifier.score(scale(X), names) > 0.97
    ((150, 3), True)
    """

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
        validation_data: Given = None,
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
        own: np.ndarray = compute_sample_weight(self.class_weight, y)
        return own if weight is None else own * weight

    def _strata(self, target: np.ndarray) -> np.ndarray | None:
        if self._labels.multilabel:
            return None
        return (target[:, 0] > 0.5).astype(str) if self._labels.binary else target
