"""L-BFGS: SciPy's optimizer over the flat parameters, the whole data set at every step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mlpcore.backend.checks import at_least_0, whole_number
from mlpcore.backend.extras import require
from mlpcore.layers import BatchNorm, Dropout, Pass
from mlpcore.network import Network
from mlpcore.network.parameters import Parameters
from mlpcore.training.callbacks import is_yes


def lbfgs(
    network: Network,
    X: Any,
    y: Any,
    *,
    l2: float = 0.0,
    iterations: int = 200,
    evaluations: int = 15000,
    tolerance: float = 1e-4,
    sample_weight: Any = None,
    callback: Callable[[int, float, float], bool | None] | None = None,
) -> Any:
    """Minimise ``L + l2/2 ||W||^2`` over the whole data set by L-BFGS.

    The parameters are the network's own; SciPy sees them in float64, whatever the network's dtype.
    Dropout and batch normalization are refused: their loss belongs to one batch, and is no
    function of the parameters alone.

    Args:
        network: a single network.
        X: features ``(n, n_features)``.
        y: labels ``(n,)`` from 0, probabilities or values ``(n, n_out)``.
        l2: strength of the penalty; weights only.
        iterations: at most so many.
        evaluations: at most so many of the loss and its gradient.
        tolerance: the largest entry of the gradient at which the search ends.
        sample_weight: not negative, ``(n,)``; the loss is the weighted mean.
        callback: called after each iteration with its number from 0, the penalised loss and the
            2-norm of its gradient; ``True`` ends the search.

    Returns:
        SciPy's ``OptimizeResult``: ``fun`` the penalised loss, ``nit`` the iterations, ``status``
        0 where it converged, ``message`` why it ended.

    Raises:
        ValueError: for a stack, dropout, batch normalization, or data that do not fit.

    Source: Liu & Nocedal (1989), "On the limited memory BFGS method for large scale optimization",
    algorithm 2.1; SciPy's ``L-BFGS-B`` without bounds.

    >>> import numpy as np
    >>> import mlpcore as mc
    >>> X, y = np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [3.0], [5.0]])
    >>> line = mc.MLP([1, 1], output="identity", dtype="float64")
    >>> result = lbfgs(line, X, y, tolerance=1e-9)
    >>> line.predict(np.array([[10.0]])).round(6), result.status
    (array([[21.]]), 0)
    """
    _check(network)
    objective = Objective(network, X, y, sample_weight, at_least_0("l2", l2))
    number = 0

    def each(intermediate_result: Any) -> None:
        nonlocal number
        norm = float(np.linalg.norm(objective.slope))
        if callback is not None and is_yes(callback(number, float(intermediate_result.fun), norm)):
            raise StopIteration
        number += 1

    result = require("scipy.optimize", "fast").minimize(
        objective,
        objective.start(),
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": whole_number("iterations", iterations),
            "maxfun": whole_number("evaluations", evaluations),
            "gtol": at_least_0("tolerance", tolerance),
        },
        callback=each,
    )
    objective.place(result.x)
    return result


class Objective:
    """The penalised loss of a network as a function of its flat parameters, and its gradient.

    Attributes:
        slope: the gradient where it was asked for last, float64 ``(P,)``.
    """

    def __init__(self, network: Network, X: Any, y: Any, sample_weight: Any, l2: float):
        self._network = network
        self._l2 = l2
        self._mask = network.layout.mask(("weight",))
        self._data = network.prepare(X, y, sample_weight)
        backend = network.backend
        self._gradient = backend.zeros(tuple(network.parameters.shape), network.dtype)
        self._loss = backend.zeros((), network.dtype)
        self._plan = self._record() if backend.records else None
        self.slope = np.zeros(network.layout.size)

    def __call__(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Loss and gradient at ``theta``; whatever is not finite is for the line search to see."""
        to_numpy = self._network.backend.to_numpy
        self.place(theta)
        with np.errstate(all="ignore"):
            if self._plan is None:
                p, s, g = self._views()
                self._differentiate(self._data, p, s, g, self._loss)
            else:
                self._plan.run(0, 1)
            weights = self._mask * theta
            loss = float(to_numpy(self._loss)) + 0.5 * self._l2 * float(weights @ weights)
            self.slope = to_numpy(self._gradient).astype(np.float64) + self._l2 * weights
        return loss, self.slope

    def start(self) -> np.ndarray:
        """The network's parameters as SciPy takes them."""
        return np.array(self._network.backend.to_numpy(self._network.parameters), dtype=np.float64)

    def place(self, theta: np.ndarray) -> None:
        """Give the network these parameters."""
        network = self._network
        with np.errstate(over="ignore"):
            network.parameters[...] = network.backend.asarray(theta, network.dtype)

    def _views(self) -> tuple[Any, Any, Any]:
        network = self._network
        gradient = Parameters(self._gradient, network.layout)
        return network.values.views, network.statistics.views, gradient.views

    def _record(self) -> Any:
        """The whole evaluation as one native call."""
        plan = self._network.backend.plan()
        data = tuple(plan.symbol(array) for array in self._data)
        p, s, g = map(plan.symbols, self._views())
        self._differentiate(data, p, s, g, plan.symbol(self._loss))
        plan.finish()
        return plan

    def _differentiate(self, data: Any, p: Any, s: Any, g: Any, loss: Any) -> None:
        network = self._network
        x, target, weight = data
        run = Pass(training=True)
        logits, saved = network.propagate(x, p, s, run)
        _, dz = network.loss_function.value_and_gradient(
            logits, target, weight, out=(loss, None), **network.loss_settings
        )
        network.backpropagate(dz, saved, p, g, run)


def _check(network: Network) -> None:
    if network.members is not None:
        raise ValueError(
            f"got a stack of {network.members} for L-BFGS, expected a single network; train each "
            "of its members by itself, stack[i]"
        )
    for kind, setting in ((BatchNorm, 'normalization="batch"'), (Dropout, "dropout")):
        if any(isinstance(layer, kind) for layer in network.layers):
            raise ValueError(
                f"got L-BFGS for a network with {setting}, whose loss changes from batch to "
                "batch; leave it out, or train with SGD or Adam"
            )
