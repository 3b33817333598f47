"""Networks as ONNX models, for the runtimes of other languages and machines."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np

from mlpcore.io.features import Feature, Number, standardised
from mlpcore.io.files import StrPath, write_atomically
from mlpcore.io.onnx_graph import TABLES, Graph, Value
from mlpcore.io.preprocessing import Preprocessing
from mlpcore.io.targets import Classes, Quantity, Target, in_own_unit
from mlpcore.layers import Pass
from mlpcore.network import Network

#: The length of an axis that each run chooses anew.
ROWS = "n"


def export_onnx(
    network: Network, path: StrPath, preprocessing: Preprocessing | None = None
) -> None:
    """Write what `Network.predict` computes to an ONNX file.

    Inputs:
        ``X``, ``(n, n_features)`` in the network's dtype; with ``preprocessing`` each column of the
        table by its name, ``(n, 1)``: float64 with NaN where a number is missing, or strings.

    Outputs:
        ``predictions``, ``(..., n, n_out)``; the members of a stack are the first axis. With a
        softmax also ``labels``, int64 ``(..., n)``, the place of the largest. With
        ``preprocessing`` the labels are those of the table's target, and a target of numbers is
        predicted in its own unit, float64 ``(..., n)``.

    Args:
        network: a single network or a stack, on any backend.
        path: the file; one that is there is replaced.
        preprocessing: what turned the table into the network's input.

    Raises:
        OSError: if the file cannot be written; what was there before is still there then.
        ValueError: for preprocessing of another network, or a network beyond 2 GB.
        ImportError: without onnx.
    """
    host = network.to("cpu")
    graph = Graph(host.named)
    x = graph.symbol(_features(graph, network, preprocessing))
    logits, _ = host.propagate(x, host.values.views, host.statistics.views, Pass())
    predictions = host.head.link(logits).array
    stack = () if network.members is None else (network.members,)
    target = preprocessing.target if preprocessing else None
    if isinstance(target, Quantity):
        values = in_own_unit(predictions, target.mean, target.deviation)
        graph.output("predictions", values, (*stack, ROWS))
    else:
        graph.output("predictions", predictions, (*stack, ROWS, network.sizes[-1]))
        if network.head.target == "labels":
            graph.output("labels", _labels(predictions, target), (*stack, ROWS))
    write_atomically(path, graph.model(repr(network), network.configuration))


def _features(graph: Graph, network: Network, preprocessing: Preprocessing | None) -> Value:
    """The network's input, ``(n, n_features)``."""
    if preprocessing is None:
        return graph.input("X", network.dtype, (ROWS, network.sizes[0]))
    preprocessing.check_fits(network.sizes)
    features = [feature for feature in preprocessing.features if feature.width]
    columns = [_column(graph, feature) for feature in features]
    parts: list[Any] = []
    for number, group in groupby(zip(features, columns), key=lambda pair: _is_number(pair[0])):
        pairs = list(group)
        parts += [_numbers(pairs)] if number else [_one_hot(*pair) for pair in pairs]
    x: Value = _joined(parts).astype(network.dtype)
    return x


def _is_number(feature: Feature) -> bool:
    return isinstance(feature, Number)


def _column(graph: Graph, feature: Feature) -> Value:
    return graph.input(feature.name, np.float64 if _is_number(feature) else object, (ROWS, 1))


def _numbers(pairs: list[Any]) -> Any:
    """Columns of numbers side by side, standardised in float64."""
    means = np.array([feature.mean for feature, _ in pairs])
    deviations = np.array([feature.deviation for feature, _ in pairs])
    values = _joined([column for _, column in pairs])
    return standardised(values, means, deviations).astype(np.float32)


def _one_hot(feature: Any, texts: Value) -> Value:
    """A column of texts as ones and zeros; an unknown text is a row of zeros."""
    example = np.zeros((1, 1, feature.width), dtype=np.float32)
    categories = list(feature.categories)
    found = texts.graph.node(
        "OneHotEncoder", example, texts, domain=TABLES, cats_strings=categories, zeros=1
    )
    return texts.graph.node("Squeeze", example[0], found, np.array([1]))


def _joined(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else np.concat(parts, axis=-1)


def _labels(predictions: Any, target: Target | None) -> Any:
    """The most probable class of each row: its label, or its number."""
    places: Any = np.argmax(predictions, axis=-1)
    if not isinstance(target, Classes):
        return places
    labels = np.array(target.labels)
    labels = labels.astype(object) if labels.dtype.kind == "U" else labels
    return places.graph.node("Gather", labels[places.example], labels, places)
