"""Settings made ready, and many of them made one stack."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.experiments import stacking
from mlpcore.experiments.recipe import KNOWN, Recipe


def test_the_defaults_are_those_of_the_network_and_of_fit() -> None:
    recipe = Recipe.of({})
    assert (recipe.batch_size, recipe.epochs, recipe.shuffle, recipe.seed) == (256, 20, True, 0)
    assert recipe.optimizer == mc.Adam()
    network = recipe.build((4, *recipe.hidden, 3))
    assert network.configuration == mc.MLP([4, 100, 3]).configuration


def test_names_reach_the_network_and_the_optimizer() -> None:
    recipe = Recipe.of(
        {
            "hidden": [8, 4],
            "activation": ("tanh", "relu"),
            "dropout": (0.1, 0.0),
            "optimizer": "sgd(momentum=0.5)",
            "learning_rate": 0.3,
            "seed": 7,
        }
    )
    assert recipe.hidden == (8, 4)
    assert recipe.optimizer == mc.SGD(0.3, momentum=0.5)
    assert recipe.build((2, 8, 4, 2)).configuration == (
        mc.MLP([2, 8, 4, 2], activation=["tanh", "relu"], dropout=[0.1, 0.0], seed=7).configuration
    )


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="got hyperparameter 'learning_rat'") as raised:
        Recipe.of({"learning_rat": 0.1})
    for name in KNOWN:
        assert name in str(raised.value)
    assert {"hidden", "learning_rate", "beta1", "momentum", "init_scale", "seed"} <= set(KNOWN)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"momentum": 0.9}, "got parameter of Adam 'momentum', expected one of learning_rate"),
        ({"optimizer": "adan"}, "got optimizer 'adan'"),
        ({"learning_rate": [0.1, 0.2]}, "expected a number for a single network"),
        ({"learning_rate": -1.0}, "expected at least 0"),
        ({"hidden": (8, 0)}, "got hidden=0, expected a positive integer"),
        ({"epochs": 0}, "got epochs=0, expected a positive integer"),
        ({"batch_size": 1.5}, "got batch_size=1.5"),
        ({"seed": -1}, "got seed=-1"),
        ({"activation": "rleu"}, "got activation 'rleu'"),
        ({"hidden": (8, 8), "activation": ("relu",)}, "got 1 values of activation"),
        ({"dropout": 1.0}, "got dropout=1.0"),
        ({"output": "identity", "label_smoothing": 0.1}, "got label_smoothing"),
        ({"init": "he"}, "got initializer 'he'"),
    ],
)
def test_bad_values_are_refused_at_once(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe.of(setting)


ALIKE = {
    "learning_rate": 0.5,
    "beta1": 0.5,
    "clip_norm": 1.0,
    "l2": 0.1,
    "dropout": 0.5,
    "label_smoothing": 0.5,
    "activation": "tanh",
    "init": "zeros",
    "init_scale": 2.0,
    "hidden": (7,),
    "seed": 9,
}
APART = {
    "hidden": (5, 5),
    "optimizer": "rmsprop",
    "learning_rate": mc.schedules.Constant(0.1),
    "batch_size": 16,
    "epochs": 3,
    "shuffle": False,
    "class_weight": "balanced",
    "normalization": "batch",
    "dtype": "float64",
    "output": "identity",
}


@pytest.mark.parametrize(("name", "value"), ALIKE.items(), ids=ALIKE)
def test_these_may_differ_in_a_stack(name: str, value: Any) -> None:
    base = {"hidden": (5,)}
    recipes = [Recipe.of(base), Recipe.of({**base, name: value})]
    assert stacking.kind(recipes[0]) == stacking.kind(recipes[1])
    stack = stacking.network(recipes, 4, 3, "cpu")
    optimizer = stacking.optimizer(recipes)
    for member, recipe in enumerate(recipes):
        limit = recipe.optimizer.clip_norm or (np.inf if name == "clip_norm" else None)
        assert optimizer.select(member) == dataclasses.replace(recipe.optimizer, clip_norm=limit)
        alone = recipe.build((4, *recipe.hidden, 3))
        for key, values in alone.tensors().items():
            np.testing.assert_array_equal(stack[member].tensors()[key], values, err_msg=key)


@pytest.mark.parametrize(("name", "value"), APART.items(), ids=APART)
def test_these_may_not(name: str, value: Any) -> None:
    base = {"hidden": (5,)}
    assert stacking.kind(Recipe.of(base)) != stacking.kind(Recipe.of({**base, name: value}))


def test_widths_may_not_differ_under_layer_normalization() -> None:
    kinds = [
        stacking.kind(Recipe.of({"hidden": width, "normalization": "layer"})) for width in (4, 5)
    ]
    assert kinds[0] != kinds[1]


def test_momentum_of_its_own_rule() -> None:
    """Without momentum the update keeps no velocity: another rule, another stack."""
    recipes = [Recipe.of({"optimizer": "sgd", "momentum": m}) for m in (0.0, 0.5, 0.9)]
    kinds = list(map(stacking.kind, recipes))
    assert kinds[0] != kinds[1] == kinds[2]


def test_schedules_are_merged_by_their_numbers() -> None:
    schedules = [
        mc.schedules.WarmUp(mc.schedules.CosineDecay(rate, epochs=5), epochs=rise)
        for rate, rise in ((0.1, 2), (0.2, 3))
    ]
    recipes = [Recipe.of({"learning_rate": schedule}) for schedule in schedules]
    assert stacking.kind(recipes[0]) == stacking.kind(recipes[1])
    merged = stacking.optimizer(recipes).schedule
    for epoch in (0.0, 1.0, 2.5, 6.0):
        np.testing.assert_array_equal(merged(epoch), [s(epoch) for s in schedules])
