"""The parameters that both estimators have: scikit-learn's, and the further ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, Options, StrOptions

from mlpcore.backend.devices import PRECISIONS
from mlpcore.training import Callback
from mlpcore.training.progress import Progress

_POSITIVE_INTEGER = Interval(Integral, 1, None, closed="left")
_POSITIVE = Interval(Real, 0, None, closed="neither")
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
_DECAY = Interval(Real, 0, 1, closed="left")


@dataclass(eq=False, repr=False)
class Parameters(BaseEstimator):
    """See `mlpcore.sklearn.MLPClassifier` and `mlpcore.sklearn.MLPRegressor`."""

    _: KW_ONLY
    solver: str = "adam"
    alpha: float = 0.0001
    batch_size: int | str = "auto"
    learning_rate: str = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: bool | int = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: float = 10
    max_fun: int = 15000
    backend: Any = None
    precision: str = "auto"
    initializer: str | None = None
    normalization: str | None = None
    dropout: Any = 0.0
    weight_decay: float = 0.0
    clip_norm: float | None = None
    scoring: Any = None
    callbacks: Iterable[Callback] = ()
    progress: Progress = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", _POSITIVE_INTEGER],
        "activation": [str, "array-like"],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [_NOT_NEGATIVE],
        "batch_size": [StrOptions({"auto"}), _POSITIVE_INTEGER],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [_POSITIVE],
        "power_t": [_NOT_NEGATIVE],
        "max_iter": [_POSITIVE_INTEGER],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [_NOT_NEGATIVE],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [_DECAY],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [_DECAY],
        "beta_1": [_DECAY],
        "beta_2": [_DECAY],
        "epsilon": [_POSITIVE],
        "n_iter_no_change": [_POSITIVE_INTEGER, Options(Real, {np.inf})],
        "max_fun": [_POSITIVE_INTEGER],
        "precision": [StrOptions(set(PRECISIONS))],
        "initializer": [str, None],
        "normalization": [StrOptions({"batch", "layer"}), None],
        "weight_decay": [_NOT_NEGATIVE],
        "clip_norm": [_POSITIVE, None],
        "scoring": [str, callable, None],
        "progress": ["boolean", StrOptions({"auto"})],
    }
