"""Many recipes as one stack: what differs becomes an array with one value a member."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any, TypeVar

import numpy as np

from mlpcore.experiments.recipe import Recipe
from mlpcore.mlp import MLP
from mlpcore.training import Optimizer
from mlpcore.training.values import Values

V = TypeVar("V", bound=Values)

#: Arguments of the network that members of one stack may have each their own of.
FREE = ("dropout", "label_smoothing")


def kind(recipe: Recipe) -> Hashable:
    """What recipes must have in common to train in one stack; their widths are left aside."""
    shared = {name: value for name, value in recipe.network.items() if name not in FREE}
    return (
        len(recipe.hidden),
        repr(sorted(shared.items())),
        # A layer that drops is a layer more, so that the ones behind it draw other weights.
        tuple(rate > 0 for rate in recipe.network["dropout"]),
        recipe.optimizer.rule.name,
        structure(recipe.optimizer),
        recipe.batch_size,
        recipe.epochs,
        recipe.shuffle,
        repr(recipe.class_weight),
    )


def structure(values: Values) -> Hashable:
    """What `merged` cannot make an array of: the types, and what is no number.

    >>> import mlpcore as mc
    >>> structure(mc.Adam(0.1)) == structure(mc.Adam(0.2, clip_norm=1.0))
    True
    >>> structure(mc.Adam(0.1)) == structure(mc.Adam(mc.schedules.CosineDecay(0.1, epochs=5)))
    False
    """
    found: list[Hashable] = [type(values)]
    for name, value, is_number in _fields(values):
        if isinstance(value, Values):
            found.append((name, structure(value)))
        elif not is_number:
            found.append((name, value))
    return tuple(found)


def merged(values: Sequence[V]) -> V:
    """Hyperparameters of one `structure` as one object; its `member` takes them apart again.

    >>> import mlpcore as mc
    >>> both = merged([mc.Adam(0.1), mc.Adam(0.2, clip_norm=1.0)])
    >>> both.learning_rate, both.clip_norm, both.beta1
    (array([0.1, 0.2]), array([inf, 1. ]), 0.9)
    """
    names = [name for name, *_ in _fields(values[0])]
    columns = {name: [getattr(value, name) for value in values] for name in names}
    return dataclasses.replace(
        values[0], **{name: _merged_column(column) for name, column in columns.items()}
    )


def optimizer(recipes: Sequence[Recipe]) -> Optimizer:
    """The optimizer of a stack."""
    return merged([recipe.optimizer for recipe in recipes])


def network(recipes: Sequence[Recipe], inputs: int, outputs: int, backend: Any) -> MLP:
    """The stack of some recipes of one `kind`, narrow members padded to the widest."""
    arguments: dict[str, Any] = dict(recipes[0].network)
    arguments["dropout"] = [
        np.array(rates) for rates in zip(*(recipe.network["dropout"] for recipe in recipes))
    ]
    arguments["label_smoothing"] = np.array(
        [recipe.network.get("label_smoothing", 0.0) for recipe in recipes]
    )
    return MLP(
        [inputs, *map(max, zip(*(recipe.hidden for recipe in recipes))), outputs],
        **arguments,
        members=len(recipes),
        backend=backend,
        seed=[recipe.seed for recipe in recipes],
    )


def _fields(values: Values) -> list[tuple[str, Any, bool]]:
    """Name, value, and whether a value is a number, of all that a constructor takes."""
    return [
        (field.name, getattr(values, field.name), field.name in values._ranges)
        for field in dataclasses.fields(values)
        if field.init
    ]


def _merged_column(column: list[Any]) -> Any:
    first = column[0]
    if isinstance(first, Values):
        return merged(column)
    if all(value == first for value in column):
        return first
    return np.array([np.inf if value is None else value for value in column])
