"""From the words of a configuration to the layers of a network."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcore.backend.checks import at_least_0, fractions
from mlpcore.backend.names import check_parameters, choose, parse_spec
from mlpcore.functions import activations
from mlpcore.layers import Activation, Affine, BatchNorm, Dropout, Layer, LayerNorm
from mlpcore.network.configuration import Configuration

NORMALIZATIONS: dict[str, Any] = {"batch": BatchNorm, "layer": LayerNorm}


def build_layers(settings: Configuration) -> list[Layer]:
    """The layers in order: for each hidden width affine, normalization, activation, dropout."""
    sizes, normalization = settings.sizes, settings.normalization
    layers: list[Layer] = []
    hidden = len(sizes) - 2
    if normalization is not None:
        choose("normalization", normalization, NORMALIZATIONS)
    for i, (name, rate) in enumerate(
        zip(
            per_layer("activation", settings.activation, hidden),
            dropout_rates(settings.dropout, hidden),
        )
    ):
        layers.append(Affine(sizes[i], sizes[i + 1], first=i == 0))
        if normalization is not None:
            layers.append(NORMALIZATIONS[normalization](sizes[i + 1]))
        layers.append(activation_layer(name))
        if np.any(np.asarray(rate) > 0):
            layers.append(Dropout(rate, number=i))
    layers.append(Affine(sizes[-2], sizes[-1], first=hidden == 0))
    return layers


def activation_layer(spec: str) -> Activation:
    """The activation that a string such as ``"leaky_relu(negative_slope=0.2)"`` describes."""
    name, parameters = parse_spec(spec) if isinstance(spec, str) else (spec, {})
    known = {key: getattr(activations, key) for key in activations.__all__}
    function = choose("activation", name, known)
    check_parameters(name, function.reference, parameters)
    for key, value in parameters.items():
        if key == "approximate":
            choose("approximate", value, dict.fromkeys(("none", "tanh")))
        else:
            at_least_0(key, value)
    return Activation(function, **parameters)


def per_layer(what: str, value: Any, hidden: int) -> list[Any]:
    """One name for all hidden layers, or a sequence with one for each."""
    names = list(value) if isinstance(value, (list, tuple)) else [value] * hidden
    if len(names) != hidden:
        raise ValueError(
            f"got {len(names)} values of {what}, expected one, or one for each of the {hidden} "
            "hidden layers"
        )
    return names


def dropout_rates(dropout: Any, hidden: int) -> list[Any]:
    """The rate of each hidden layer: a number, or an array with one value per member.

    A number serves every layer, a list or tuple gives one entry a layer, and a NumPy array gives
    one value per member.
    """
    if not isinstance(dropout, (list, tuple)):
        return [fractions("dropout", dropout)] * hidden
    checked = [fractions("dropout", rate) for rate in dropout]
    if len(checked) != hidden:
        raise ValueError(
            f"got {len(checked)} dropout rates, expected one, or one for each of the {hidden} "
            "hidden layers (one per member goes into a NumPy array)"
        )
    return checked
