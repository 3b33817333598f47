"""Loss and metrics of a network on a data set, as in prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from mlpcore.backend.names import choose
from mlpcore.functions.metrics import accuracy, r2
from mlpcore.network import Network
from mlpcore.network.arrays import PIECE_BYTES
from mlpcore.training.data import Data, features_of, gather_targets, gather_weights

#: From a network's logits, the targets and the weights to a figure.
Metric = Callable[[Network, Any, Any, Any], Any]


def _accuracy(network: Network, logits: Any, target: Any, weight: Any) -> Any:
    """The share of right labels; of right decisions for independent outputs."""
    xp = network.backend.xp
    if network.head.target == "labels":
        labels = xp.isdtype(target.dtype, "integral")
        wanted = target if labels else xp.argmax(target, axis=-1)
        return accuracy(xp.argmax(logits, axis=-1), wanted, weight)
    right = xp.all((logits > 0) == (target > 0.5), axis=-1)
    return accuracy(right, xp.ones_like(right), weight)


def _r2(network: Network, logits: Any, target: Any, weight: Any) -> Any:
    return r2(network.head.link(logits), target, weight)


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
    logits, target, weight = _logits(network, data)
    loss = network.loss_function(logits, target, weight, **network.loss_settings)
    figures = {name: METRICS[name](network, logits, target, weight) for name in metrics}
    return _figure(network, loss), {name: _figure(network, v) for name, v in figures.items()}


def _logits(network: Network, data: Data) -> tuple[Any, Any, Any]:
    """The logits of the rows in use, with their targets and weights."""
    if data.rows is None:
        return network.infer(data.x), data.target, data.weight
    backend = network.backend
    row = data.x.shape[-1] * (network.members or 1) * np.dtype(network.dtype).itemsize
    piece = max(PIECE_BYTES // row, 1)
    logits = [
        network.infer(features_of(network, data, data.rows[..., i : i + piece]))
        for i in range(0, data.count, piece)
    ]
    index = backend.asarray(data.rows, "int64")
    return (
        logits[0] if len(logits) == 1 else backend.xp.concat(logits, axis=-2),
        gather_targets(data.target, index),
        gather_weights(data.weight, index),
    )


def _figure(network: Network, value: Any) -> Any:
    host = np.asarray(network.backend.to_numpy(value), dtype=np.float64)
    return float(host) if host.ndim == 0 else host
