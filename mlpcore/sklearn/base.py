"""What both estimators do: take data in, train from any state, and give results back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from scipy.sparse import issparse
from sklearn import get_config
from sklearn.base import _fit_context
from sklearn.metrics import get_scorer
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from mlpcore.backend.checks import whole_number
from mlpcore.backend.dispatch import Array, namespace
from mlpcore.mlp import MLP
from mlpcore.sklearn.arrays import Home, backend_for, carry, on_host
from mlpcore.sklearn.convergence import Convergence
from mlpcore.sklearn.descent import Descent
from mlpcore.sklearn.examples import Examples, row_weights
from mlpcore.sklearn.held_out import HeldOut, split_rows
from mlpcore.sklearn.initial import initial_values
from mlpcore.sklearn.monitor import warn_of_haste
from mlpcore.sklearn.parameters import Parameters
from mlpcore.sklearn.quasi_newton import minimise
from mlpcore.training.data import given_validation

#: ``(X, y)`` or ``(X, y, sample_weight)`` that the user holds out, or nothing.
Given = tuple[Any, ...] | None

#: The network's outputs under scikit-learn's names.
OUT_ACTIVATIONS = {"sigmoid": "logistic", "exponential": "exp"}


@dataclass(eq=False, repr=False)
class BaseMLP(Parameters):
    """An estimator around one `mlpcore.MLP`, which is its attribute ``network_``."""

    #: The score of held-out examples where ``scoring`` names no other.
    _metric: ClassVar[str]

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, validation_data: Given = None) -> Self:
        """Train; with ``warm_start`` from where the last call ended.

        Args:
            X: features ``(n_samples, n_features)``: an array, a data frame, or a sparse matrix,
                which is made dense.
            y: labels or values ``(n_samples,)``, or ``(n_samples, n_outputs)``.
            sample_weight: not negative, ``(n_samples,)``.
            validation_data: ``(X, y)`` or ``(X, y, sample_weight)``, measured after each epoch of
                SGD and Adam, and what early stopping goes by, in place of a part of ``X``.

        Returns:
            The estimator.

        Raises:
            ValueError: for parameters or data that do not fit, and for training that left the
                finite numbers.
        """
        return self._train(X, y, sample_weight, validation_data)

    # The fitted network as scikit-learn names it

    @property
    def coefs_(self) -> list[Array]:
        """The weights ``(fan_in, fan_out)`` of each layer.

        Assign a whole list to change them; the list itself is a new one each time.
        """
        return [self._home.bring(weight) for weight in self.network_.weights]

    @coefs_.setter
    def coefs_(self, weights: Iterable[Any]) -> None:
        self._write(self.network_.weights, weights)

    @property
    def intercepts_(self) -> list[Array]:
        """The biases ``(fan_out,)`` of each layer, likewise."""
        return [self._home.bring(bias) for bias in self.network_.biases]

    @intercepts_.setter
    def intercepts_(self, biases: Iterable[Any]) -> None:
        self._write(self.network_.biases, biases)

    def _write(self, parameters: list[Array], values: Iterable[Any]) -> None:
        for parameter, value in zip(parameters, values, strict=True):
            parameter[...] = self.network_.backend.asarray(value, self.network_.dtype)

    @property
    def _no_improvement_count(self) -> int:
        return int(self._convergence.waited)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = True
        return tags

    # What the estimators decide for themselves

    @abstractmethod
    def _encode(self, y: Any, *, first: bool, classes: Any, incremental: bool) -> np.ndarray:
        """``y`` as the loss takes it."""

    @abstractmethod
    def _output(self) -> tuple[int, dict[str, Any]]:
        """The number of outputs, and the network's settings that depend on ``y``."""

    def _row_weight(self, y: Any, sample_weight: Any) -> np.ndarray | None:
        """The weight of each row in the loss."""
        return row_weights(sample_weight, y.shape[0])

    def _strata(self, target: np.ndarray) -> np.ndarray | None:
        """What a split keeps the shares of."""
        return None

    def _loss_report(self, examples: Examples) -> Callable[[float], float]:
        """From the network's loss on these examples to the figure that scikit-learn gives."""
        return float

    # Training

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_data: Given,
        *,
        classes: Any = None,
        incremental: bool = False,
    ) -> Self:
        if incremental and self.early_stopping and validation_data is None:
            raise ValueError(
                "partial_fit does not support early_stopping=True without validation_data, since "
                "each call would hold out other examples; pass validation_data=(X, y)"
            )
        examples, held_out = self._prepare(
            X, y, sample_weight, validation_data, classes=classes, incremental=incremental
        )
        if self._is_stochastic:
            self._descend(examples, held_out, incremental)
        else:
            minimise(self, examples)
        return self

    def _prepare(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_data: Given = None,
        *,
        classes: Any = None,
        incremental: bool = False,
    ) -> tuple[Examples, HeldOut | None]:
        """What is trained on and what is held out; in a first call also the network.

        The generator is drawn from in scikit-learn's order: weights, split, orders.
        """
        first = not hasattr(self, "network_") or not (self.warm_start or incremental)
        random = check_random_state(self.random_state)
        x, y_checked = self._checked(X, y, reset=first)
        target = self._encode(y_checked, first=first, classes=classes, incremental=incremental)
        examples = Examples(x, target, self._row_weight(y_checked, sample_weight))
        outputs, settings = self._output()
        sizes = [int(x.shape[1]), *self._hidden(), outputs]
        own = first and self.initializer is None
        values = initial_values(sizes, self.activation, random) if own else []
        held_out = None
        if validation_data is not None:
            held_out = self._given_out(*given_validation(validation_data))
        elif self.early_stopping and self._is_stochastic:
            held_out, examples = self._split(examples, self._for_scorer(X, x), y_checked, random)
        if first:
            network = self._network(sizes, settings, x, int(random.randint(2**31 - 1)))
            self._start(network, values, Home.of(X))
        return examples, held_out

    def _descend(self, examples: Examples, held_out: HeldOut | None, incremental: bool) -> None:
        if held_out is not None and self.validation_scores_ is None:
            self._expect_scores()
        if not (incremental and hasattr(self, "_optimizer")):
            self._optimizer = Descent(self)
        descent = self._optimizer
        if descent.finished:
            return
        monitor = descent.run(self, examples, held_out, 1 if incremental else self.max_iter)
        if self.early_stopping and (monitor.converged or not incremental):
            descent.give_back()
            descent.finished = incremental
        if not (incremental or monitor.ended):
            warn_of_haste(self.max_iter)

    def _start(self, network: MLP, values: list[Any], home: Home) -> None:
        """Take a new network on, with the attributes of one that has not been trained."""
        for weight, bias, (first_weight, first_bias) in zip(
            network.weights, network.biases, values
        ):
            weight[...] = network.backend.asarray(first_weight, network.dtype)
            bias[...] = network.backend.asarray(first_bias, network.dtype)
        self.network_, self._home = network, home
        self._convergence = Convergence()
        self.__dict__.pop("_optimizer", None)
        self.n_layers_, self.n_outputs_ = len(network.sizes), network.sizes[-1]
        self.out_activation_ = OUT_ACTIVATIONS.get(network.head.name, network.head.name)
        self.t_ = 0
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] = []
        self.validation_scores_: list[float] | None = None
        self.best_validation_score_: float | None = None
        self.best_loss_: float | None = np.inf
        if self.early_stopping and self._is_stochastic:
            self._expect_scores()
            self.best_loss_ = None

    def _expect_scores(self) -> None:
        self.validation_scores_, self.best_validation_score_ = [], -np.inf

    def _network(self, sizes: list[int], settings: dict[str, Any], x: Array, seed: int) -> MLP:
        """The network that the parameters describe."""
        single = x.dtype == namespace(x).float32
        return MLP(
            sizes,
            activation=self.activation,
            init=self.initializer or "zeros",
            normalization=self.normalization,
            dropout=self.dropout,
            dtype="float32" if single else "float64",
            backend=backend_for(x, self.backend),
            precision=self.precision,
            seed=seed,
            **settings,
        )

    def _hidden(self) -> list[int]:
        """The hidden widths."""
        sizes = np.atleast_1d(self.hidden_layer_sizes)
        if np.any(sizes <= 0):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes.tolist()}.")
        return [whole_number("hidden_layer_sizes", size) for size in sizes.tolist()]

    @property
    def _is_stochastic(self) -> bool:
        return bool(self.solver != "lbfgs")

    def _check_solver(self) -> bool:
        if not self._is_stochastic:
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. "
                f"{self.solver} is not stochastic."
            )
        return True

    # Data

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[Array, Any]:
        """Features and targets, checked by scikit-learn; ``y`` on the host, where it is small."""
        x, y = validate_data(
            self,
            X,
            on_host(y),
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=self._metric == "r2",
            dtype=self._dtypes(X),
            reset=reset,
        )
        return carry(_dense(x), backend_for(x, self.backend)), y

    def _dtypes(self, X: Any) -> list[Any]:
        """What ``X`` may be; the first is taken where it is something else."""
        xp = Home.of(X).xp
        if self.precision == "auto":
            return [xp.float64, xp.float32]
        return [xp.float64 if self.precision == "float64" else xp.float32]

    def _split(
        self, examples: Examples, X: Any, y: Any, random: np.random.RandomState
    ) -> tuple[HeldOut, Examples]:
        """A part of the examples held out, and the rest."""
        strata = self._strata(examples.target)
        training, rows = split_rows(len(examples), self.validation_fraction, strata, random)
        part = examples.part(rows)
        given = (X, y)
        if self.scoring is not None:
            given = (_safe_indexing(X, rows), _safe_indexing(y, rows))
        return HeldOut(part, self._metric, self._scorer(), given), examples.part(training)

    def _given_out(self, X: Any, y: Any, sample_weight: Any = None) -> HeldOut:
        """Examples that the user held out."""
        x, y = self._checked(X, y, reset=False)
        target = self._encode(y, first=False, classes=None, incremental=True)
        examples = Examples(x, target, self._row_weight(y, sample_weight))
        return HeldOut(examples, self._metric, self._scorer(), (self._for_scorer(X, x), y))

    def _scorer(self) -> Any:
        return None if self.scoring is None else get_scorer(self.scoring)

    def _for_scorer(self, X: Any, x: Array) -> Any:
        """Features as `predict` takes them: with the names, or the kind, that they came with."""
        return X if hasattr(self, "feature_names_in_") or not Home.of(X).is_host else x

    # Results

    def _logits(self, X: Any, method: str) -> Array:
        """The network's logits for new examples, where the network computes."""
        check_is_fitted(self)
        home = Home.of(X)
        if get_config()["array_api_dispatch"] and not home.meets(self._home):
            raise ValueError(
                f"Inputs to {type(self).__name__}.{method}() must use the same namespace and "
                f"device as those of fit(): got {home}, expected {self._home}"
            )
        x = validate_data(self, X, accept_sparse=["csr", "csc"], dtype=self._dtypes(X), reset=False)
        return self.network_.forward(carry(_dense(x), self.network_.backend))


def _dense(x: Any) -> Array:
    return x.toarray() if issparse(x) else x
