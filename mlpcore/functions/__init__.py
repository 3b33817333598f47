"""Floor 1, the mathematics: every formula under its own name, its derivative right beneath it.

Each function takes arrays of any library that follows the array API standard.
"""

from mlpcore.functions import activations, initializers, losses, metrics, normalization, updates
from mlpcore.functions.activations import *  # noqa: F403
from mlpcore.functions.affine import (
    affine,
    affine_bias_gradient,
    affine_input_gradient,
    affine_weight_gradient,
)
from mlpcore.functions.class_weights import balanced_class_weight, row_weights
from mlpcore.functions.dropout import dropout
from mlpcore.functions.gather import gather_rows, gather_values
from mlpcore.functions.log_softmax import log_softmax
from mlpcore.functions.logsumexp import logsumexp
from mlpcore.functions.losses import *  # noqa: F403
from mlpcore.functions.normalization import *  # noqa: F403
from mlpcore.functions.one_hot import one_hot
from mlpcore.functions.softmax import softmax

__all__ = [
    *activations.__all__,
    *losses.__all__,
    *normalization.__all__,
    "activations",
    "affine",
    "affine_bias_gradient",
    "affine_input_gradient",
    "affine_weight_gradient",
    "balanced_class_weight",
    "dropout",
    "gather_rows",
    "gather_values",
    "initializers",
    "log_softmax",
    "logsumexp",
    "losses",
    "metrics",
    "normalization",
    "one_hot",
    "row_weights",
    "softmax",
    "updates",
]
