"""The values that a new network starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcore.functions.initializers import initializer
from mlpcore.functions.shapes import per_member
from mlpcore.layers import Activation, Affine, Layer
from mlpcore.network.build import Structure
from mlpcore.network.configuration import Configuration
from mlpcore.network.draws import WeightDraws
from mlpcore.network.heads import HEADS
from mlpcore.network.padding import Buffers, assembled


def initial_values(settings: Configuration, structure: Structure) -> Buffers:
    """The flat parameters and the running statistics, in float64.

    Weights come from the initializer, biases and shifts are 0, scales 1, running means 0 and
    variances 1. They are drawn on the host, so that every backend starts from the same numbers.
    """
    return assembled(_drawn, settings, structure)


def _drawn(settings: Configuration, structure: Structure) -> Buffers:
    lead = settings.identity.seeds.shape
    parameters, statistics = (np.zeros((*lead, layout.size)) for layout in structure.layouts)
    following = _activation_after(structure.layers, HEADS[settings.output].link.name)
    number = 0
    for layer, values, (name, own) in zip(
        structure.layers, structure.layout.views(parameters), following
    ):
        if isinstance(layer, Affine):
            fill = initializer(settings.init, activation=name, **own)
            weight = fill(*layer.parameters["weight"], WeightDraws(settings.identity, number))
            values["weight"][...] = per_member(settings.init_scale, weight, axes=2) * weight
            number += 1
        elif "gamma" in values:
            values["gamma"][...] = 1
    for values in structure.statistics_layout.views(statistics):
        if "variance" in values:
            values["variance"][...] = 1
    return parameters, statistics


def _activation_after(layers: Sequence[Layer], link: str) -> list[tuple[str, dict[str, Any]]]:
    """For each layer the next activation and its parameters; at the end the output's link."""
    found = []
    following: tuple[str, dict[str, Any]] = (link, {})
    for layer in reversed(layers):
        if isinstance(layer, Activation):
            following = (layer.function.name, layer.settings)
        found.append(following)
    return found[::-1]
