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
from mlpcore.sklearn.base import BaseMLP
from mlpcore.sklearn.examples import Examples
from mlpcore.sklearn.parameters import Parameters

#: Under each loss's name the network's output.
OUTPUTS = dict.fromkeys(("squared_error", "absolute_error", "huber"), "identity") | {
    "poisson": "exponential"
}


@dataclass(eq=False, repr=False)
class MLPRegressor(RegressorMixin, BaseMLP):
    """docstring"""

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
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation_data: tuple[Any, ...] | None = None,
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
