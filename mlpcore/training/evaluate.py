"""Loss and metrics of a network on a data set, as in prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from mlpcore.backend.names import choose
from mlpcore.functions.metrics import accuracy, r2
from mlpcore.network import Network
from mlpcore.training.data import Data

Metric = Callable[[Network, Any, Data], Any]


def _accuracy(network: Network, logits: Any, data: Data) -> Any:
    """The share of right labels; of right decisions for independent outputs."""
    xp = network.backend.xp
    if network.head.target == "labels":
        target = data.target if data.target.ndim < 2 else xp.argmax(data.target, axis=-1)
        return accuracy(xp.argmax(logits, axis=-1), target, data.weight)
    right = xp.all((logits > 0) == (data.target > 0.5), axis=-1)
    return accuracy(right, xp.ones_like(right), data.weight)


def _r2(network: Network, logits: Any, data: Data) -> Any:
    return r2(network.head.link(logits), data.target, data.weight)


METRICS: dict[str, Metric] = {"accuracy": _accuracy, "r2": _r2}


def metric_names(network: Network, metrics: Iterable[str]) -> tuple[str, ...]:
    """Check the names of metrics; one string counts as one name."""
    names = (metrics,) if isinstance(metrics, str) else tuple(metrics)
    for name in names:
        choose("metric", name, METRICS)
        fitting = "accuracy" if network.head.target in ("labels", "shares") else "r2"
        if name != fitting:
            raise ValueError(
                f'got metric "{name}" with output="{network.head.name}", expected "{fitting}"'
            )
    return names


def evaluate(network: Network, data: Data, metrics: Iterable[str]) -> tuple[Any, dict[str, Any]]:
    """The loss and each metric: numbers, or ``(E,)`` for a stack."""
    logits = network.forward(data.x)
    loss = network.loss_function(logits, data.target, data.weight, **network.loss_settings)
    figures = {name: METRICS[name](network, logits, data) for name in metrics}
    return _figure(network, loss), {name: _figure(network, v) for name, v in figures.items()}


def _figure(network: Network, value: Any) -> Any:
    host = np.asarray(network.backend.to_numpy(value), dtype=np.float64)
    return float(host) if host.ndim == 0 else host
