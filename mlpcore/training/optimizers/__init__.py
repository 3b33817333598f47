"""Optimizers: an update rule, its hyperparameters and a schedule of the learning rate."""

from __future__ import annotations

from mlpcore.backend.names import check_parameters, choose, parse_spec
from mlpcore.training.optimizers.adagrad import Adagrad
from mlpcore.training.optimizers.adam import Adam, AdamW
from mlpcore.training.optimizers.optimizer import Optimizer
from mlpcore.training.optimizers.rmsprop import RMSProp
from mlpcore.training.optimizers.sgd import SGD

#: Every optimizer by its name.
OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "rmsprop": RMSProp,
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
}


def optimizer(spec: str | Optimizer) -> Optimizer:
    """Return the optimizer that a string such as ``"adam(learning_rate=0.01)"`` describes.

    Args:
        spec: a name, with hyperparameters in brackets where wanted; an `Optimizer` is returned as
            it is.

    Raises:
        ValueError: for an unknown name or hyperparameter; the message lists the known ones.

    >>> optimizer("adam").learning_rate
    0.001
    >>> optimizer("sgd(learning_rate=0.1, momentum=0.9)").momentum
    0.9
    """
    if isinstance(spec, Optimizer):
        return spec
    name, hyperparameters = parse_spec(spec)
    chosen = choose("optimizer", name, OPTIMIZERS)
    check_parameters(name, chosen, hyperparameters)
    return chosen(**hyperparameters)


__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSProp",
    "optimizer",
]
