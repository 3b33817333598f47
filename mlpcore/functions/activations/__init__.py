"""Activations: one file a function, its derivative right beneath it."""

from __future__ import annotations

from mlpcore.functions.activations.elu import elu
from mlpcore.functions.activations.exponential import exponential
from mlpcore.functions.activations.gelu import gelu
from mlpcore.functions.activations.hard_sigmoid import hard_sigmoid
from mlpcore.functions.activations.hard_tanh import hard_tanh
from mlpcore.functions.activations.identity import identity
from mlpcore.functions.activations.leaky_relu import leaky_relu
from mlpcore.functions.activations.mish import mish
from mlpcore.functions.activations.relu import relu
from mlpcore.functions.activations.selu import selu
from mlpcore.functions.activations.sigmoid import sigmoid
from mlpcore.functions.activations.silu import silu
from mlpcore.functions.activations.softplus import softplus
from mlpcore.functions.activations.step import step
from mlpcore.functions.activations.tanh import tanh

linear = identity
logistic = sigmoid
swish = silu

__all__ = [
    "elu",
    "exponential",
    "gelu",
    "hard_sigmoid",
    "hard_tanh",
    "identity",
    "leaky_relu",
    "linear",
    "logistic",
    "mish",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "step",
    "swish",
    "tanh",
]
