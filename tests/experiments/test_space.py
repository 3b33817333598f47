"""Grids, lists of settings and distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlpcore.experiments.space import settings


def test_a_grid_is_every_combination_the_last_name_fastest() -> None:
    grid = {"learning_rate": [0.1, 0.01], "hidden": [(4,), (8, 8)], "epochs": 3}
    assert settings(grid) == [
        {"learning_rate": 0.1, "hidden": (4,), "epochs": 3},
        {"learning_rate": 0.1, "hidden": (8, 8), "epochs": 3},
        {"learning_rate": 0.01, "hidden": (4,), "epochs": 3},
        {"learning_rate": 0.01, "hidden": (8, 8), "epochs": 3},
    ]


def test_an_empty_grid_is_one_setting() -> None:
    assert settings({}) == [{}]


def test_numpy_numbers_become_plain_ones() -> None:
    grid = {"l2": np.array([0.5, 1.0]), "seed": [np.int64(3)], "activation": np.array(["relu"])}
    found = settings(grid)
    assert found == [
        {"l2": 0.5, "seed": 3, "activation": "relu"},
        {"l2": 1.0, "seed": 3, "activation": "relu"},
    ]
    assert {type(value) for setting in found for value in setting.values()} == {float, int, str}


def test_distributions_are_drawn_from_and_the_draws_repeat() -> None:
    stats = pytest.importorskip("scipy.stats")
    space = {"learning_rate": stats.loguniform(1e-4, 1e-1), "hidden": [(4,), (8,)], "epochs": 2}
    found = settings(space, n_iter=50, random_state=3)
    assert len(found) == 50
    assert found == settings(space, n_iter=50, random_state=3)
    assert found != settings(space, n_iter=50, random_state=4)
    rates = [setting["learning_rate"] for setting in found]
    assert 1e-4 <= min(rates) < 1e-3 < 1e-2 < max(rates) <= 1e-1
    assert {type(rate) for rate in rates} == {float}
    assert {setting["hidden"] for setting in found} == {(4,), (8,)}


def test_several_spaces_of_distributions_are_all_drawn_from() -> None:
    stats = pytest.importorskip("scipy.stats")
    spaces = [{"optimizer": "sgd", "momentum": stats.uniform(0, 0.9)}, {"optimizer": "adam"}]
    found = settings(spaces, n_iter=30)
    assert {setting["optimizer"] for setting in found} == {"sgd", "adam"}
    assert all(("momentum" in setting) == (setting["optimizer"] == "sgd") for setting in found)


def test_draws_from_choices_alone_are_all_different() -> None:
    space = [{"seed": range(5)}, {"l2": [0.0, 0.1], "epochs": [1, 2, 3]}]
    whole = settings(space)
    assert settings(space, n_iter=99) == whole
    for seed in range(20):
        found = settings(space, n_iter=6, random_state=seed)
        places = [whole.index(setting) for setting in found]
        assert places == sorted(set(places))
        assert len(places) == 6


def test_a_vast_grid_is_drawn_from_without_listing_it() -> None:
    space = {name: range(1000) for name in "abcdef"}
    found = settings(space, n_iter=4)
    assert len({tuple(setting.values()) for setting in found}) == 4


@pytest.mark.parametrize(
    ("space", "arguments", "fault", "message"),
    [
        ([], {}, ValueError, "got an empty space"),
        ({"l2": []}, {}, ValueError, "got no values for l2"),
        ([3], {}, TypeError, "got 3 in the space, expected a mapping"),
        ({3: [1]}, {}, TypeError, "expected a mapping of values by name"),
        ({"l2": [0.1]}, {"n_iter": 0}, ValueError, "got n_iter=0, expected a positive integer"),
    ],
)
def test_bad_spaces(space: Any, arguments: Any, fault: type[Exception], message: str) -> None:
    with pytest.raises(fault, match=message):
        settings(space, **arguments)


def test_a_distribution_needs_n_iter() -> None:
    stats = pytest.importorskip("scipy.stats")
    with pytest.raises(ValueError, match="got a distribution for l2 but no n_iter"):
        settings({"l2": stats.uniform()})
