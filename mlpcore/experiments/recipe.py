"""A setting made ready: the network, the optimizer and the training that its names stand for."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from mlpcore.backend.checks import whole_number
from mlpcore.backend.names import check_parameters, choose
from mlpcore.mlp import MLP
from mlpcore.network.configuration import OWN, SHARED
from mlpcore.training import Optimizer
from mlpcore.training.optimizers import OPTIMIZERS
from mlpcore.training.optimizers import optimizer as find_optimizer

#: What `mlpcore.MLP` takes and a sweep does not decide itself, with its defaults.
NETWORK = {name: inspect.signature(MLP).parameters[name].default for name in (*OWN, *SHARED)}
#: What any of the optimizers takes.
OPTIMIZER = tuple(
    dict.fromkeys(
        field.name
        for kind in OPTIMIZERS.values()
        for field in dataclasses.fields(kind)
        if field.init and field.name != "_"
    )
)
TRAINING = ("batch_size", "epochs", "shuffle", "class_weight", "seed")
KNOWN = dict.fromkeys(("hidden", "optimizer", *TRAINING, *NETWORK, *OPTIMIZER))


@dataclass(frozen=True)
class Recipe:
    """One setting, its names told apart and its values checked.

    Attributes:
        hidden: the widths of the hidden layers.
        network: further arguments of `mlpcore.MLP`.
        optimizer: with all its hyperparameters.
        batch_size: rows a step.
        epochs: passes over the data.
        shuffle: whether each epoch has an order of its own.
        class_weight: see `mlpcore.MLP.fit`.
        seed: of weights, orders and dropout.

    >>> recipe = Recipe.of({"hidden": 8, "optimizer": "sgd", "learning_rate": 0.5, "dropout": 0.1})
    >>> recipe.hidden, recipe.network["dropout"], recipe.optimizer.learning_rate
    ((8,), 0.1, 0.5)
    >>> Recipe.of({"hiden": 8})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: got hyperparameter 'hiden', expected one of hidden, optimizer, ...
    """

    hidden: tuple[int, ...]
    network: dict[str, Any]
    optimizer: Optimizer
    batch_size: int
    epochs: int
    shuffle: bool
    class_weight: Any
    seed: int

    @classmethod
    def of(cls, setting: Mapping[str, Any]) -> Self:
        """From values by name; names that are missing have the defaults of `mlpcore.MLP.fit`.

        Raises:
            ValueError: for an unknown name, or one that the setting's optimizer does not take; the
                message lists the known ones. For values that do not fit, as `mlpcore.MLP` says.
        """
        for name in setting:
            choose("hyperparameter", name, KNOWN)
        hidden = _widths(setting.get("hidden", (100,)))
        recipe = cls(
            hidden,
            {name: _listed(setting.get(name, usual)) for name, usual in NETWORK.items()},
            _optimizer(setting),
            whole_number("batch_size", setting.get("batch_size", 256)),
            whole_number("epochs", setting.get("epochs", 20)),
            bool(setting.get("shuffle", True)),
            setting.get("class_weight"),
            whole_number("seed", setting.get("seed", 0), least=0),
        )
        recipe.optimizer.check_members(None)
        recipe.build((1, *(1 for _ in hidden), 2))  # refuses what it cannot build, before any runs
        return recipe

    def build(self, sizes: tuple[int, ...], backend: Any = "cpu") -> MLP:
        """The network of this setting, untrained."""
        return MLP(sizes, **self.network, backend=backend, seed=self.seed)


def _widths(hidden: Any) -> tuple[int, ...]:
    given = hidden if isinstance(hidden, (tuple, list)) else (hidden,)
    return tuple(whole_number("hidden", width) for width in given)


def _listed(value: Any) -> Any:
    """A tuple, which is one value in a space, as the list by layer that a network takes."""
    return list(value) if isinstance(value, tuple) else value


def _optimizer(setting: Mapping[str, Any]) -> Optimizer:
    optimizer = find_optimizer(setting.get("optimizer", "adam"))
    given = {name: setting[name] for name in OPTIMIZER if name in setting}
    check_parameters(type(optimizer).__name__, type(optimizer), given)
    return dataclasses.replace(optimizer, **given)
