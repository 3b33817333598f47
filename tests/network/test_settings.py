"""Settings by member: how they are read, selected, joined and kept, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.layers import Activation
from mlpcore.network import by_member

pytestmark = pytest.mark.filterwarnings("error")

#: A setting of a stack of three, that of its members 2 and 0, and that of its member 1.
SETTINGS: dict[str, tuple[Any, Any, Any]] = {
    "a number": (0.5, 0.5, 0.5),
    "an array": (np.array([0.1, 0.2, 0.3]), np.array([0.3, 0.1]), 0.2),
    "a list of layers": ([0.5, np.array([1, 2, 3])], [0.5, np.array([3, 1])], [0.5, 2]),
    "text": ("relu", "relu", "relu"),
    "text with a number": ("elu(alpha=0.5)", "elu(alpha=0.5)", "elu(alpha=0.5)"),
    "text with a list": ("f(a=[1, 2, 3], b='x')", "f(a=[3, 1], b='x')", "f(a=2, b='x')"),
    "texts": (np.array(["p", "q", "r"]), np.array(["r", "p"]), "q"),
}
each = pytest.mark.parametrize(("setting", "some", "one"), SETTINGS.values(), ids=SETTINGS)


def assert_equal(got: Any, expected: Any) -> None:
    assert type(got) is type(expected)
    if isinstance(expected, list):
        for a, b in zip(got, expected, strict=True):
            assert_equal(a, b)
    else:
        np.testing.assert_array_equal(got, expected)


@each
def test_a_selection_of_a_setting(setting: Any, some: Any, one: Any) -> None:
    assert_equal(by_member.select(setting, np.array([2, 0])), some)
    assert_equal(by_member.select(setting, np.int64(1)), one)


@each
def test_joining_undoes_selecting(setting: Any, some: Any, one: Any) -> None:
    assert_equal(by_member.join([by_member.select(setting, e) for e in range(3)]), setting)


@each
def test_a_setting_goes_through_json(setting: Any, some: Any, one: Any) -> None:
    assert_equal(by_member.revived(json.loads(json.dumps(by_member.plain(setting)))), setting)


@pytest.mark.parametrize(
    ("settings", "joined"),
    [
        (["relu", "tanh"], np.array(["relu", "tanh"])),
        (["elu", "elu(alpha=0.5)"], np.array(["elu", "elu(alpha=0.5)"])),
        (["f(a='x')", "f(a='y')"], np.array(["f(a='x')", "f(a='y')"])),
        ([0.1, [0.1, 0.2]], [0.1, np.array([0.1, 0.2])]),
        ([["relu", "tanh"], "relu"], ["relu", np.array(["tanh", "relu"])]),
    ],
    ids=str,
)
def test_settings_of_different_forms_are_joined(settings: list[Any], joined: Any) -> None:
    assert_equal(by_member.join(settings), joined)


def test_one_name_for_all_members_is_that_name() -> None:
    net = mc.MLP([4, 5, 5, 3], members=2, activation=["elu", np.array(["tanh", "tanh"])])
    assert net.settings.activation == ["elu", "tanh"]
    names = [layer.function.name for layer in net.layers if isinstance(layer, Activation)]
    assert names == ["elu", "tanh"]


def test_a_scale_multiplies_the_initial_weights_alone() -> None:
    scale = np.array([0.0, 0.5, 3.0])
    net = mc.MLP([4, 5, 3], members=3, init_scale=scale, normalization="batch", dtype="float64")
    plain = mc.MLP([4, 5, 3], members=3, normalization="batch", dtype="float64")
    for ours, theirs in zip(net.weights, plain.weights):
        np.testing.assert_array_equal(ours, scale[:, None, None] * theirs)
    np.testing.assert_array_equal(net.values.gammas[0], plain.values.gammas[0])


def test_initial_weights_are_those_of_the_layer_whatever_lies_between() -> None:
    """A member without dropout, or normalization, draws what it draws in a stack that has some."""
    plain = mc.MLP([4, 5, 5, 3])
    for arguments in ({"dropout": 0.5}, {"normalization": "batch"}):
        for ours, theirs in zip(mc.MLP([4, 5, 5, 3], **arguments).weights, plain.weights):
            np.testing.assert_array_equal(ours, theirs)


NAMES = np.array(["relu", "tanh"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"activation": NAMES}, "got activation with 2 values for members=3, expected one value"),
        ({"activation": NAMES, "members": None}, r"members=None, .*a list has one value per layer"),
        ({"activation": np.array(["relu", "tanh", "rleu"])}, "got activation 'rleu'.*'relu'"),
        ({"activation": np.array([["relu"] * 3] * 3)}, "got activation with 3x3 values"),
        (
            {"activation": np.array(["elu(alpha=[1, 2])", "relu", "relu"])},
            "got alpha with 2 values for members=None",
        ),
        ({"activation": "elu(alpha=[0.1, 0.2])"}, "got alpha with 2 values for members=3"),
        ({"activation": "elu(alpha=[0.1, -0.2, 1])"}, "got alpha=.*finite number of at least 0"),
        ({"init": "normal(std=[1, 2])"}, "got std with 2 values for members=3"),
        ({"init_scale": -1}, "got init_scale=-1, expected a finite number of at least 0"),
        ({"init_scale": [1.0, np.inf, 2.0]}, "got init_scale=.*expected a finite number"),
        ({"init_scale": "large"}, "got init_scale='large', expected a finite number"),
        ({"init_scale": np.ones(2)}, "got init_scale with 2 values for members=3"),
        (
            {"output": "identity", "loss": "huber(delta=[1.0, 2.0])"},
            "got delta with 2 values for members=3",
        ),
        (
            {"output": "identity", "loss": "huber(delta=[1.0, 2.0, 0.0])"},
            "got delta=.*expected a finite number above 0",
        ),
        (
            {"output": "identity", "loss": np.array(["huber", "huber", "squared_error"])},
            "got losses huber and huber and",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_impossible_settings_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mc.MLP(**{"sizes": [4, 5, 3], "members": 3, **arguments})
