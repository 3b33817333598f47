"""Losses from logits, one file each; the name says which link a loss assumes."""

from mlpcore.functions.losses.absolute_error import absolute_error
from mlpcore.functions.losses.huber import huber
from mlpcore.functions.losses.loss import Loss
from mlpcore.functions.losses.poisson_nll import poisson_nll
from mlpcore.functions.losses.sigmoid_binary_cross_entropy import sigmoid_binary_cross_entropy
from mlpcore.functions.losses.softmax_cross_entropy import softmax_cross_entropy
from mlpcore.functions.losses.squared_error import squared_error

__all__ = [
    "Loss",
    "absolute_error",
    "huber",
    "poisson_nll",
    "sigmoid_binary_cross_entropy",
    "softmax_cross_entropy",
    "squared_error",
]
