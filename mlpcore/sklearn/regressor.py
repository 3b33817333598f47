"""The regressor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Self

import numpy as np
from scipy.special import xlogy
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if

from mlpcore.backend.dispatch import Array
from mlpcore.backend.names import choose, parse_spec
from mlpcore.sklearn.base import BaseMLP, Given
from mlpcore.sklearn.examples import Examples
from mlpcore.sklearn.parameters import Parameters

#: Under each loss's name the network's output.
OUTPUTS = dict.fromkeys(("squared_error", "absolute_error", "huber"), "identity") | {
    "poisson": "exponential"
}


@dataclass(eq=False, repr=False)
class MLPRegressor(RegressorMixin, BaseMLP):
    """A multilayer perceptron that predicts values, with the interface of scikit-learn's.

    Parameters, attributes, warnings and the course of training are those of
    `sklearn.neural_network.MLPRegressor`; those from ``backend`` on, and the further losses, are
    beyond it, and their defaults change nothing.

    Args:
        loss: ``"squared_error"``, ``"poisson"`` for counts, ``"absolute_error"``, or ``"huber"``,
            also ``"huber(delta=2.0)"``. The reported loss is half the squared error, the absolute
            error or Huber's, as a mean over the outputs, or half of Poisson's deviance, as a sum.
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
        validation_fraction: the share of rows that is held out.
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
            R^2.
        callbacks: each called with an `mlpcore.Epoch` after an epoch; ``True`` ends the training.
        progress: a bar always, never, or with ``"auto"`` where somebody watches.

    Attributes:
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
    >>> X = np.linspace(-3, 3, 100)[:, None]
    >>> regressor = MLPRegressor(hidden_layer_sizes=20, solver="lbfgs", random_state=0)
    >>> regressor.fit(X, np.sin(X[:, 0])).score(X, np.sin(X[:, 0])) > 0.99
    True
    """

    loss: str = "squared_error"
    hidden_layer_sizes: Any = (100,)
    activation: Any = "relu"
    _: KW_ONLY

    _metric: ClassVar[str] = "r2"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Parameters._parameter_constraints,
        "loss": [str],
    }

    @available_if(lambda estimator: estimator._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, validation_data: Given = None
    ) -> Self:
        """Train one epoch more, from where the last call ended.

        As many calls on the same data end in the same weights as one `fit` of as many epochs.

        Args:
            X: features ``(n_samples, n_features)``, as for `fit`.
            y: values ``(n_samples,)``, or ``(n_samples, n_outputs)``.
            sample_weight: not negative, ``(n_samples,)``.
            validation_data: ``(X, y)`` or ``(X, y, sample_weight)``; needed for early stopping,
                which in the end gives the best weights back and lets further calls change nothing.

        Returns:
            The estimator.

        Raises:
            ValueError: as `fit` does.
        """
        return self._train(X, y, sample_weight, validation_data, incremental=True)

    def predict(self, X: Any) -> Array:
        """The predicted values.

        Args:
            X: features ``(n_samples, n_features)``.

        Returns:
            ``(n_samples,)``, or ``(n_samples, n_outputs)`` for several outputs.
        """
        logits = self._logits(X, "predict")
        values = self._home.bring(self.network_.head.link(logits))
        return values[:, 0] if self.n_outputs_ == 1 else values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags

    def _encode(self, y: Any, *, first: bool, classes: Any, incremental: bool) -> np.ndarray:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        target = np.asarray(y, dtype=np.float64)
        target = target[:, None] if target.ndim == 1 else target
        if first:
            self._columns = target.shape[1]
        elif target.shape[1] != self._columns:
            raise ValueError(
                f"got y with {target.shape[1]} columns, expected {self._columns} as in the "
                "first call"
            )
        return target

    def _output(self) -> tuple[int, dict[str, Any]]:
        output = choose("loss", parse_spec(self.loss)[0], OUTPUTS)
        loss = "auto" if output == "exponential" else self.loss
        return self._columns, {"output": output, "loss": loss}

    def _loss_report(self, examples: Examples) -> Callable[[float], float]:
        """The mean over the outputs; for counts half of Poisson's deviance, as a sum."""
        if self.out_activation_ != "exp":
            return lambda loss: loss / self.n_outputs_
        y = examples.target
        constant = float(np.sum(np.average(xlogy(y, y) - y, axis=0, weights=examples.weight)))
        return lambda loss: loss + constant
