"""The values that a new network starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcore.functions.initializers import initializer
from mlpcore.layers import Activation, Affine, Layer
from mlpcore.network.draws import Identity, WeightDraws
from mlpcore.network.parameters import Layout


def initial_parameters(
    layers: Sequence[Layer], layout: Layout, identity: Identity, init: str, link: str
) -> np.ndarray:
    """Weights by the initializer, biases and shifts 0, scales 1: the flat buffer in float64.

    They are drawn on the host, so that every backend starts from the same numbers. ``link`` is the
    name of the function behind the last layer.
    """
    flat = np.zeros((*identity.seeds.shape, layout.size))
    following = _activation_after(layers, link)
    for number, (layer, values) in enumerate(zip(layers, layout.views(flat))):
        if isinstance(layer, Affine):
            draw = WeightDraws(identity, number)
            name, parameters = following[number]
            fill = initializer(init, activation=name, **parameters)
            values["weight"][...] = fill(*layer.parameters["weight"], draw)
        elif "gamma" in values:
            values["gamma"][...] = 1
    return flat


def initial_statistics(layout: Layout, identity: Identity) -> np.ndarray:
    """Running means 0 and variances 1."""
    flat = np.zeros((*identity.seeds.shape, layout.size))
    for values in layout.views(flat):
        if "variance" in values:
            values["variance"][...] = 1
    return flat


def _activation_after(layers: Sequence[Layer], link: str) -> list[tuple[str, dict[str, Any]]]:
    """For each layer the next activation and its parameters; at the end the output's link."""
    found = []
    following: tuple[str, dict[str, Any]] = (link, {})
    for layer in reversed(layers):
        if isinstance(layer, Activation):
            following = (layer.function.name, layer.settings)
        found.append(following)
    return found[::-1]
