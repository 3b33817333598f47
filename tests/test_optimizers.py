"""Optimizers: their rules, schedules and checks, alone and for stacks."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mlpcore.functions import updates
from mlpcore.training.optimizers import (
    OPTIMIZERS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Optimizer,
    RMSProp,
    optimizer,
)
from mlpcore.training.schedules import Constant, CosineDecay

#: Optimizer, its rule and the rule's own parameters.
RULES = [
    (SGD(), updates.sgd, {}),
    (SGD(momentum=0.8), updates.momentum, {"momentum": 0.8}),
    (SGD(momentum=0.8, nesterov=True), updates.nesterov, {"momentum": 0.8}),
    (RMSProp(), updates.rmsprop, {"rho": 0.9, "epsilon": 1e-8}),
    (Adagrad(), updates.adagrad, {"epsilon": 1e-10}),
    (Adam(beta1=0.5), updates.adam, {"beta1": 0.5, "beta2": 0.999, "epsilon": 1e-8}),
    (AdamW(), updates.adam, {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
]


def name(value: object) -> str | None:
    return type(value).__name__ if isinstance(value, Optimizer) else None


def step(chosen: Optimizer, theta: Any, g: Any, rate: Any) -> Any:
    state = [np.zeros_like(theta)] * chosen.rule.states
    return chosen.rule(
        theta,
        g,
        None,
        updates.gradient_norm(g, theta),
        *state,
        learning_rate=rate,
        step=1,
        **chosen.common,
        **chosen.hyperparameters,
    )[0]


@pytest.mark.parametrize(("chosen", "rule", "own"), RULES, ids=name)
def test_rule_and_hyperparameters(
    chosen: Optimizer, rule: updates.UpdateRule, own: dict[str, float]
) -> None:
    assert chosen.rule is rule
    assert chosen.hyperparameters == own
    decay = 0.01 if isinstance(chosen, AdamW) else 0.0
    assert chosen.common == {
        "l2": 0.0,
        "weight_decay": decay,
        "clip_value": None,
        "clip_norm": None,
    }
    theta, g = np.array([2.0, 1.0]), np.array([0.5, -0.5])
    assert np.all(np.sign(theta - step(chosen, theta, g, 0.1)) == np.sign(g))


def test_a_number_becomes_a_constant_schedule() -> None:
    assert Adam(0.1).schedule == Constant(0.1)
    fall = CosineDecay(0.1, epochs=10)
    assert Adam(fall).schedule is fall


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(-0.1), r"got -0.1 for SGD\(learning_rate=...\), expected at least 0; give"),
        (lambda: SGD(math.nan), "expected at least 0"),
        (lambda: SGD(None), "got None"),
        (lambda: SGD([0.1, -0.1]), "one number for each member"),
        (lambda: SGD([]), "one number for each member"),
        (lambda: SGD(momentum=1.0), "momentum=...*expected at least 0 and below 1"),
        (lambda: SGD(nesterov=True), "got nesterov=True with momentum=0.*momentum=0.9"),
        (lambda: RMSProp(rho=1.5), "rho=...*below 1"),
        (lambda: Adagrad(epsilon=0.0), "epsilon=...*expected above 0"),
        (lambda: Adam(beta1=-0.1), "beta1=...*below 1"),
        (lambda: Adam(beta2=math.nan), "beta2=...*below 1"),
        (lambda: Adam(l2=-1e-4), "l2=...*at least 0"),
        (lambda: Adam(weight_decay=math.inf), "weight_decay"),
        (lambda: Adam(clip_norm=0.0), "clip_norm=...*expected None or above 0"),
        (lambda: Adam(clip_value=math.nan), "clip_value=...*expected None or above 0"),
        (lambda: AdamW(weight_decay=-0.1), "weight_decay=...*at least 0"),
    ],
)
def test_bad_values(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_no_limit_is_none_or_infinity() -> None:
    assert Adam(clip_norm=None).common["clip_norm"] is None
    assert Adam(clip_norm=math.inf).common["clip_norm"] == math.inf
    assert Adam(clip_norm=[1.0, math.inf]).common["clip_norm"].tolist() == [1.0, math.inf]


def test_numbers_become_floats_that_never_promote() -> None:
    chosen = Adam(np.float64(0.1), beta1=np.float32(0.5), epsilon=np.array(1e-3), l2=1)
    values = (chosen.learning_rate, chosen.beta1, chosen.epsilon, chosen.l2)
    assert [type(value) for value in values] == [float] * 4


def test_arrays_are_copies_that_nobody_writes_to() -> None:
    rates = np.array([0.1, 0.2])
    chosen = Adam(rates)
    rates[0] = 9.0
    assert chosen.learning_rate.tolist() == [0.1, 0.2]
    with pytest.raises(ValueError, match="read-only"):
        chosen.learning_rate[0] = 9.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        chosen.learning_rate = 0.1  # type: ignore[misc]


def test_one_value_per_member() -> None:
    fall = CosineDecay([0.1, 0.2], epochs=10)
    chosen = Adam(fall, beta1=range(2, 4) / np.array(4.0), clip_norm=[1.0, np.inf], l2=0.5)
    chosen.check_members(2)
    for members in (3, None):
        with pytest.raises(ValueError, match=r"got 2 values for CosineDecay\(learning_rate=...\)"):
            chosen.check_members(members)
    with pytest.raises(ValueError, match=r"Adam\(l2=...\), expected a number or 2 values, one"):
        Adam(l2=[0.1]).check_members(2)
    alone = Adam(CosineDecay(0.2, epochs=10), beta1=0.75, clip_norm=np.inf, l2=0.5)
    assert chosen.select(1) == alone
    assert chosen.select(-1) == alone
    alone.check_members(None)
    alone.check_members(5)


def test_a_member_of_a_stack_steps_as_it_does_alone() -> None:
    chosen = AdamW(
        beta1=[0.5, 0.9], l2=[0.0, 0.1], weight_decay=[0.1, 0.0], clip_norm=[0.1, np.inf]
    )
    rng = np.random.default_rng(1)
    theta, g = rng.normal(size=(2, 2, 5))
    stacked = step(chosen, theta, g, np.array([0.1, 0.2]))
    for e, rate in enumerate((0.1, 0.2)):
        np.testing.assert_allclose(stacked[e], step(chosen.select(e), theta[e], g[e], rate))


def test_one_momentum_per_member_keeps_the_velocity() -> None:
    chosen = SGD(momentum=[0.0, 0.9], nesterov=True)
    assert chosen.rule is updates.nesterov
    assert chosen.hyperparameters["momentum"].tolist() == [0.0, 0.9]


def test_equality_and_hash() -> None:
    assert Adam([0.1, 0.2]) == Adam([0.1, 0.2])
    assert len({Adam([0.1, 0.2]), Adam([0.1, 0.2]), Adam([0.1, 0.3]), AdamW([0.1, 0.2])}) == 3
    assert Adam(0.1) != AdamW(0.1, weight_decay=0.0)
    assert Adam(0.1) != 0.1


def test_optimizer_by_name() -> None:
    assert {type(optimizer(key)) for key in OPTIMIZERS} == {SGD, RMSProp, Adagrad, Adam, AdamW}
    assert optimizer("adam(learning_rate=[0.1, 0.2], l2=0.5)") == Adam([0.1, 0.2], l2=0.5)
    chosen = Adam(0.1)
    assert optimizer(chosen) is chosen
    with pytest.raises(ValueError, match=r"got optimizer 'Adan', expected one of .*'adam'"):
        optimizer("Adan")
    with pytest.raises(ValueError, match=r"got parameter of adam 'rate', .*'learning_rate'"):
        optimizer("adam(rate=0.1)")


def test_the_base_has_no_rule() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Optimizer(0.1)
