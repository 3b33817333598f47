"""Many recipes as one stack: what differs becomes an array with one value a member."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any, TypeVar

import numpy as np

from mlpcore.experiments.recipe import Recipe
from mlpcore.mlp import MLP
from mlpcore.network import by_member
from mlpcore.network.configuration import OWN, SHARED
from mlpcore.training import Optimizer
from mlpcore.training.values import Values

V = TypeVar("V", bound=Values)


def kind(recipe: Recipe) -> Hashable:
    """What recipes must have in common to train in one stack."""
    own = recipe.network
    return (
        len(recipe.hidden),
        tuple(own[name] for name in SHARED),
        by_member.read(own["loss"])[0],
        recipe.hidden if own["normalization"] == "layer" else None,
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
    found: list[Hashable] = [type(values).__name__]
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
    (array([0.1, 0.2]), array([inf,  1.]), 0.9)
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
    """The stack of recipes of one `kind`."""
    return MLP(
        by_member.join([[inputs, *recipe.hidden, outputs] for recipe in recipes]),
        **{name: by_member.join([recipe.network[name] for recipe in recipes]) for name in OWN},
        **{name: recipes[0].network[name] for name in SHARED},
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
