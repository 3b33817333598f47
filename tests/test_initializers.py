"""Initializers: variance, limits, orthogonality, and the choice by activation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mlpcore.functions import activations
from mlpcore.functions.initializers import INITIALIZERS, auto, initializer
from mlpcore.functions.initializers.auto import AUTO

FAN_IN, FAN_OUT = 300, 200

#: Name, parameters, and the variance that the weights shall have.
VARIANCES = [
    ("normal", {}, 0.01**2),
    ("normal", {"std": 0.5}, 0.5**2),
    ("uniform", {"limit": 0.3}, 0.3**2 / 3),
    ("lecun_normal", {}, 1 / 300),
    ("lecun_uniform", {}, 1 / 300),
    ("glorot_normal", {}, 2 / 500),
    ("glorot_uniform", {}, 2 / 500),
    ("he_normal", {}, 2 / 300),
    ("he_uniform", {}, 2 / 300),
    ("he_normal", {"negative_slope": 0.5}, 2 / (1.25 * 300)),
    ("he_uniform", {"negative_slope": 0.5}, 2 / (1.25 * 300)),
    ("orthogonal", {}, 1 / 300),
]

LIMITS = [
    ("uniform", {}, 0.05),
    ("uniform", {"limit": 0.3}, 0.3),
    ("lecun_uniform", {}, math.sqrt(3 / 300)),
    ("glorot_uniform", {}, math.sqrt(6 / 500)),
    ("he_uniform", {}, math.sqrt(6 / 300)),
]

PER_MEMBER = [
    ("constant", "value"),
    ("normal", "std"),
    ("uniform", "limit"),
    ("he_normal", "negative_slope"),
    ("he_uniform", "negative_slope"),
    ("orthogonal", "gain"),
]


class Draws:
    """Random numbers for ``members`` networks, from NumPy."""

    def __init__(self, members: tuple[int, ...] = (), seed: int = 5) -> None:
        self.members = members
        self.rng = np.random.default_rng(seed)

    def uniform(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.rng.uniform(size=(*self.members, *shape))

    def normal(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.rng.normal(size=(*self.members, *shape))


@pytest.mark.parametrize(("name", "parameters", "variance"), VARIANCES)
def test_mean_and_variance(name: str, parameters: dict[str, Any], variance: float) -> None:
    weights = INITIALIZERS[name](FAN_IN, FAN_OUT, Draws(), **parameters)
    assert weights.shape == (FAN_IN, FAN_OUT)
    assert weights.dtype == np.float64
    count = FAN_IN * FAN_OUT
    assert abs(weights.mean()) < 5 * math.sqrt(variance / count)
    assert weights.var() == pytest.approx(variance, rel=5 * math.sqrt(2 / count))


@pytest.mark.parametrize(("name", "parameters", "limit"), LIMITS)
def test_uniform_fills_its_limits(name: str, parameters: dict[str, Any], limit: float) -> None:
    weights = INITIALIZERS[name](FAN_IN, FAN_OUT, Draws(), **parameters)
    assert 0.999 * limit < weights.max() < limit
    assert -limit < weights.min() < -0.999 * limit


@pytest.mark.parametrize("name", INITIALIZERS)
def test_a_stack_has_a_leading_axis(name: str) -> None:
    parameters = {"value": 0.5} if name == "constant" else {}
    weights = INITIALIZERS[name](4, 3, Draws((2,)), **parameters)
    if name in ("zeros", "constant"):
        assert weights.shape == (4, 3)
    else:
        assert weights.shape == (2, 4, 3)
        assert np.all(weights[0] != weights[1])


@pytest.mark.parametrize(("name", "parameter"), PER_MEMBER)
def test_one_value_per_member(name: str, parameter: str) -> None:
    values = np.array([0.5, 2.0])
    stacked = INITIALIZERS[name](4, 3, Draws((2,)), **{parameter: values})
    for member, value in enumerate(values):
        alike = INITIALIZERS[name](4, 3, Draws((2,)), **{parameter: float(value)})
        alike = np.broadcast_to(alike, (2, 4, 3))
        np.testing.assert_allclose(stacked[member], alike[member], rtol=1e-15)


def test_a_parameter_that_has_no_default() -> None:
    with pytest.raises(ValueError, match=r'without value, expected for example "constant\(value='):
        initializer("constant")


def test_zeros_and_constant() -> None:
    np.testing.assert_array_equal(INITIALIZERS["zeros"](2, 3, Draws()), np.zeros((2, 3)))
    np.testing.assert_array_equal(
        INITIALIZERS["constant"](2, 3, Draws(), value=0.5), np.full((2, 3), 0.5)
    )


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (1, 4)])
@pytest.mark.parametrize("members", [(), (2,)])
def test_orthogonal(shape: tuple[int, ...], members: tuple[int, ...]) -> None:
    weights = INITIALIZERS["orthogonal"](*shape, Draws(members), gain=2.0)
    assert weights.shape == (*members, *shape)
    tall = weights if shape[0] >= shape[1] else weights.mT
    expected = np.broadcast_to(4.0 * np.eye(min(shape)), (*members, min(shape), min(shape)))
    np.testing.assert_allclose(tall.mT @ tall, expected, atol=1e-13)


def test_orthogonal_signs_make_it_unique() -> None:
    weights = INITIALIZERS["orthogonal"](6, 6, Draws())
    r = weights.T @ Draws().normal((6, 6))
    np.testing.assert_allclose(r, np.triu(r), atol=1e-13)
    assert np.all(np.diag(r) > 0)


def test_auto_knows_every_activation() -> None:
    assert set(activations.__all__) <= set(AUTO)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("relu", "he_normal"),
        ("gelu", "he_normal"),
        ("selu", "lecun_normal"),
        ("tanh", "glorot_uniform"),
        ("sigmoid", "glorot_uniform"),
        ("softmax", "glorot_uniform"),
        ("identity", "glorot_uniform"),
    ],
)
def test_auto_by_activation(activation: str, expected: Any) -> None:
    ours = initializer("auto", activation)(4, 3, Draws())
    np.testing.assert_array_equal(ours, INITIALIZERS[expected](4, 3, Draws()))


def test_auto_takes_the_slope_of_a_leaky_relu() -> None:
    he = INITIALIZERS["he_normal"]
    steep = initializer("auto", "leaky_relu", negative_slope=0.5)(4, 3, Draws())
    np.testing.assert_array_equal(steep, he(4, 3, Draws(), negative_slope=0.5))
    usual = auto("leaky_relu")(4, 3, Draws())
    np.testing.assert_array_equal(usual, he(4, 3, Draws(), negative_slope=0.01))


def test_initializer_by_name() -> None:
    ours = initializer("normal(std=0.5)")(4, 3, Draws())
    np.testing.assert_array_equal(ours, INITIALIZERS["normal"](4, 3, Draws(), std=0.5))
    with pytest.raises(ValueError, match=r"got initializer 'he', .*auto.*nearest is 'he_"):
        initializer("he")
    with pytest.raises(ValueError, match="parameter of normal 'sd', expected one of std"):
        initializer("normal(sd=1.0)")
    with pytest.raises(ValueError, match="parameter of zeros 'std', expected none"):
        initializer("zeros(std=1.0)")
    with pytest.raises(ValueError, match=r"got activation 'rleu'.*nearest is 'relu'"):
        auto("rleu")
