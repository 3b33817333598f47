"""Updates of the flat parameters, and what the gradient goes through before them."""

from mlpcore.functions.updates.adagrad import adagrad
from mlpcore.functions.updates.adam import adam
from mlpcore.functions.updates.clipping import clip_by_norm, clip_by_value, gradient_norm
from mlpcore.functions.updates.momentum import momentum
from mlpcore.functions.updates.nesterov import nesterov
from mlpcore.functions.updates.penalty import l2_gradient
from mlpcore.functions.updates.rmsprop import rmsprop
from mlpcore.functions.updates.rule import UpdateRule, update_rule
from mlpcore.functions.updates.sgd import sgd

__all__ = [
    "UpdateRule",
    "adagrad",
    "adam",
    "clip_by_norm",
    "clip_by_value",
    "gradient_norm",
    "l2_gradient",
    "momentum",
    "nesterov",
    "rmsprop",
    "sgd",
    "update_rule",
]
