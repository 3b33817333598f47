"""From the words of a configuration to the layers of a network."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcore.backend.checks import at_least_0, fractions
from mlpcore.backend.dispatch import Primitive
from mlpcore.backend.names import check_parameters, choose
from mlpcore.functions import activations
from mlpcore.functions.activations.by_member import activation_by_member, choices
from mlpcore.layers import Activation, Affine, BatchNorm, Dropout, Layer, LayerNorm, Mask
from mlpcore.network import by_member
from mlpcore.network.configuration import Configuration
from mlpcore.network.parameters import Layout
from mlpcore.network.sizes import own_widths, widest

NORMALIZATIONS: dict[str, Any] = {"batch": BatchNorm, "layer": LayerNorm}


class Structure:
    """The layers of a network, and where their values lie in its buffers.

    Attributes:
        layers: in order.
        layout: of the parameters.
        statistics_layout: of the running statistics.
        layouts: both.
    """

    def __init__(self, settings: Configuration):
        self.layers: tuple[Layer, ...] = tuple(build_layers(settings))
        self.layout = Layout(layer.parameters for layer in self.layers)
        self.statistics_layout = Layout(layer.statistics for layer in self.layers)
        self.layouts = self.layout, self.statistics_layout


def build_layers(settings: Configuration) -> list[Layer]:
    """The layers in order: for each hidden width affine, normalization, activation, dropout."""
    sizes, normalization = widest(settings.sizes), settings.normalization
    layers: list[Layer] = []
    hidden = settings.depth - 1
    if normalization is not None:
        choose("normalization", normalization, NORMALIZATIONS)
    for i, (spec, rate) in enumerate(
        zip(
            per_layer("activation", settings.activation, hidden),
            dropout_rates(settings.dropout, hidden),
        )
    ):
        layers.append(Affine(sizes[i], sizes[i + 1], first=i == 0))
        if normalization is not None:
            layers.append(NORMALIZATIONS[normalization](sizes[i + 1]))
        activation = activation_layer(spec)
        layers.append(activation)
        widths = own_widths(settings.sizes[i + 1])
        if widths is not None and not activation.keeps_0:
            layers.append(Mask(widths))
        if np.any(np.asarray(rate) > 0):
            layers.append(Dropout(rate, number=i, widths=widths))
    layers.append(Affine(sizes[-2], sizes[-1], first=hidden == 0))
    return layers


def activation_layer(spec: Any) -> Activation:
    """The activation that a string such as ``"leaky_relu(negative_slope=0.2)"`` describes.

    An array of strings gives each member its own.
    """
    if np.ndim(spec) == 0:
        function, parameters = _activation(spec)
        return Activation(function, **parameters)
    return Activation(activation_by_member, **choices([_activation(one) for one in spec.tolist()]))


def _activation(spec: Any) -> tuple[Primitive, dict[str, Any]]:
    name, parameters = by_member.read(spec) if isinstance(spec, str) else (spec, {})
    known = {key: getattr(activations, key) for key in activations.__all__}
    function = choose("activation", name, known)
    check_parameters(name, function.reference, parameters)
    for key, value in parameters.items():
        if key == "approximate":
            choose("approximate", value, dict.fromkeys(("none", "tanh")))
        else:
            parameters[key] = at_least_0(key, value)
    return function, parameters


def per_layer(what: str, value: Any, hidden: int) -> list[Any]:
    """One setting for all hidden layers, or a list with one for each."""
    names = value if isinstance(value, list) else [value] * hidden
    if len(names) != hidden:
        raise ValueError(
            f"got {len(names)} values of {what}, expected one, or one for each of the {hidden} "
            "hidden layers"
        )
    return names


def dropout_rates(dropout: Any, hidden: int) -> list[Any]:
    """The rate of each hidden layer: a number, or an array with one value per member.

    A number serves every layer, a list gives one entry a layer, and a NumPy array gives one value
    per member.
    """
    if not isinstance(dropout, list):
        return [fractions("dropout", dropout)] * hidden
    checked = [fractions("dropout", rate) for rate in dropout]
    if len(checked) != hidden:
        raise ValueError(
            f"got {len(checked)} dropout rates, expected one, or one for each of the {hidden} "
            "hidden layers (one per member goes into a NumPy array)"
        )
    return checked
