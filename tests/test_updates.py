"""Updates: against Torch and plain loops, alone and stacked, and what the gradient goes through."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from mlpcore.functions.updates import (
    UpdateRule,
    adagrad,
    adam,
    clip_by_norm,
    clip_by_value,
    gradient_norm,
    l2_gradient,
    momentum,
    nesterov,
    rmsprop,
    sgd,
)

STEPS = 20
SIZE = 7


@dataclass
class Case:
    """A rule with arguments; Torch's class and arguments for the same; the rule in plain Python.

    `plain(g, state, t, h)` returns the direction of one number and changes its state in place.
    """

    rule: UpdateRule
    plain: Callable[[float, list[float], int, dict[str, float]], float]
    own: dict[str, float] = field(default_factory=dict)
    torch: tuple[str, dict[str, Any]] = ("", {})
    common: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.torch[0], *self.torch[1], *self.common])


def plain_sgd(g: float, state: list[float], t: int, h: dict[str, float]) -> float:
    return g


def plain_momentum(g: float, state: list[float], t: int, h: dict[str, float]) -> float:
    state[0] = h["momentum"] * state[0] + g
    return state[0]


def plain_nesterov(g: float, state: list[float], t: int, h: dict[str, float]) -> float:
    state[0] = h["momentum"] * state[0] + g
    return g + h["momentum"] * state[0]


def plain_rmsprop(g: float, state: list[float], t: int, h: dict[str, float]) -> float:
    state[0] = h["rho"] * state[0] + (1 - h["rho"]) * g**2
    return g / (math.sqrt(state[0]) + h["epsilon"])


def plain_adagrad(g: float, state: list[float], t: int, h: dict[str, float]) -> float:
    state[0] += g**2
    return g / (math.sqrt(state[0]) + h["epsilon"])


def plain_adam(g: float, state: list[float], t: int, h: dict[str, float]) -> float:
    state[0] = h["beta1"] * state[0] + (1 - h["beta1"]) * g
    state[1] = h["beta2"] * state[1] + (1 - h["beta2"]) * g**2
    m_hat = state[0] / (1 - h["beta1"] ** t)
    v_hat = state[1] / (1 - h["beta2"] ** t)
    return m_hat / (math.sqrt(v_hat) + h["epsilon"])


HALF = {"momentum": 0.8}
RHO = {"rho": 0.9, "epsilon": 1e-8}
SUM = {"epsilon": 1e-10}
BETAS = {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-8}
ADAM = {"betas": (0.8, 0.95)}
L2 = {"l2": 0.1}
DECAY = {"weight_decay": 0.1}

CASES = [
    Case(sgd, plain_sgd, {}, ("SGD", {})),
    Case(sgd, plain_sgd, {}, ("SGD", DECAY), L2),
    Case(momentum, plain_momentum, HALF, ("SGD", HALF)),
    Case(momentum, plain_momentum, HALF, ("SGD", HALF | DECAY), L2),
    Case(nesterov, plain_nesterov, HALF, ("SGD", HALF | {"nesterov": True})),
    Case(nesterov, plain_nesterov, HALF, ("SGD", HALF | {"nesterov": True} | DECAY), L2),
    Case(rmsprop, plain_rmsprop, RHO, ("RMSprop", {"alpha": 0.9})),
    Case(rmsprop, plain_rmsprop, RHO, ("RMSprop", {"alpha": 0.9} | DECAY), L2),
    Case(adagrad, plain_adagrad, SUM, ("Adagrad", {})),
    Case(adagrad, plain_adagrad, SUM, ("Adagrad", DECAY), L2),
    Case(adam, plain_adam, BETAS, ("Adam", ADAM)),
    Case(adam, plain_adam, BETAS, ("Adam", ADAM | DECAY), L2),
    Case(adam, plain_adam, BETAS, ("AdamW", ADAM | DECAY), DECAY),
]
ONE_PER_RULE = [case for case in CASES if not case.common]


def gradients(rng: np.random.Generator, *leading: int) -> np.ndarray:
    return rng.normal(size=(STEPS, *leading, SIZE)) * 2.0


def run(
    case: Case, library: Any, theta: Any, gs: np.ndarray, mask: Any = None, **overrides: Any
) -> tuple[np.ndarray, list[np.ndarray]]:
    """All steps of a case; the parameters after each, and the state at the end."""
    arguments = {"learning_rate": 0.05} | case.own | case.common | overrides
    theta = library.array(theta)
    state = [library.array(np.zeros(theta.shape)) for _ in range(case.rule.states)]
    mask = None if mask is None else library.array(mask)
    path = []
    for step, g in enumerate(gs, start=1):
        g = library.array(g)
        theta, *state = case.rule(theta, g, mask, None, *state, step=step, **arguments)
        path.append(library.numpy(theta))
    return np.stack(path), [library.numpy(s) for s in state]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_agrees_with_torch_step_by_step(case: Case, library: Any, rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    start, gs = rng.normal(size=SIZE), gradients(rng)
    path, _ = run(case, library, start, gs)
    parameter = torch.nn.Parameter(torch.tensor(start))
    name, arguments = case.torch
    optimizer = getattr(torch.optim, name)([parameter], lr=0.05, **arguments)
    for ours, g in zip(path, gs):
        parameter.grad = torch.tensor(g)
        optimizer.step()
        np.testing.assert_allclose(ours, parameter.detach().numpy(), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_agrees_with_a_plain_loop(case: Case, library: Any, rng: np.random.Generator) -> None:
    start, gs = rng.normal(size=(2, SIZE)), gradients(rng, 2)[:5]
    mask = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0])
    path, _ = run(case, library, start, gs, mask)
    l2, decay = case.common.get("l2", 0.0), case.common.get("weight_decay", 0.0)
    for e in range(2):
        for p in range(SIZE):
            theta, state = float(start[e, p]), [0.0] * case.rule.states
            for t in range(1, 6):
                g = float(gs[t - 1, e, p]) + l2 * mask[p] * theta
                d = case.plain(g, state, t, case.own) + decay * mask[p] * theta
                theta -= 0.05 * d
                assert path[t - 1, e, p] == pytest.approx(theta, rel=1e-12)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_value_per_member_equals_single_runs(
    case: Case, library: Any, rng: np.random.Generator
) -> None:
    start, gs = rng.normal(size=(3, SIZE)), gradients(rng, 3)[:5]
    factors = np.array([1.0, 0.9, 0.5])
    single = {"learning_rate": 0.05} | case.own | case.common
    arrays = {name: library.array(value * factors) for name, value in single.items()}
    stacked, states = run(case, library, start, gs, **arrays)
    for e, factor in enumerate(factors):
        numbers = {name: float(value * factor) for name, value in single.items()}
        alone, state = run(case, library, start[e], gs[:, e], **numbers)
        np.testing.assert_allclose(stacked[:, e], alone, rtol=1e-12)
        for ours, theirs in zip(states, state, strict=True):
            np.testing.assert_allclose(ours[e], theirs, rtol=1e-12)


@pytest.mark.parametrize("case", ONE_PER_RULE, ids=str)
def test_float32_stays_float32(case: Case, library: Any) -> None:
    ones = library.array(np.ones((2, SIZE)), "float32")
    norm = library.array(np.ones(2), "float32")
    state = [ones] * case.rule.states
    for value in (0.5, library.array([0.5, 0.25])):
        names = ("learning_rate", "l2", "weight_decay", "clip_value", "clip_norm", *case.own)
        arguments = dict.fromkeys(names, value)
        results = case.rule(ones, ones, None, norm, *state, **arguments, step=1)
        assert [library.numpy(r).dtype for r in results] == [np.float32] * (1 + case.rule.states)


@pytest.mark.parametrize("case", ONE_PER_RULE, ids=str)
def test_writes_in_place_where_told(case: Case) -> None:
    theta, g = np.ones(SIZE), np.full(SIZE, 2.0)
    state = tuple(np.zeros(SIZE) for _ in range(case.rule.states))
    arrays = (theta, *state)
    arguments = {"learning_rate": 0.5, "step": 1, **case.own}
    expected = case.rule(theta, g, None, None, *state, **arguments)
    got = case.rule(theta, g, None, None, *state, **arguments, out=arrays)
    assert all(a is b for a, b in zip(got, arrays, strict=True))
    np.testing.assert_array_equal(np.stack(arrays), np.stack(expected))
    assert case.rule.shapes(theta, g) == (theta.shape,)


def test_clipping_comes_after_the_penalty_and_before_the_moments() -> None:
    theta, g = np.array([2.0, 1.0]), np.array([1.0, -4.0])
    ready = np.array([1.5, -1.5])
    norm = gradient_norm(g, theta, l2=0.5, clip_value=1.5)
    assert float(norm) == pytest.approx(np.linalg.norm(ready))
    limits = {"l2": 0.5, "clip_value": 1.5, "clip_norm": 1.0}
    _, v = momentum(theta, g, None, norm, np.zeros(2), learning_rate=0.1, **limits)
    np.testing.assert_allclose(v, ready / np.linalg.norm(ready))


def test_infinity_clips_nothing_for_one_member(library: Any) -> None:
    g = np.array([[30.0, 40.0], [30.0, 40.0], [0.3, 0.4]])
    zero = library.array(np.zeros((3, 2)))
    norm = gradient_norm(library.array(g), zero)
    np.testing.assert_allclose(library.numpy(norm), [50.0, 50.0, 0.5])
    limit = library.array([np.inf, 1.0, 1.0])
    [theta] = sgd(zero, library.array(g), None, norm, learning_rate=1.0, clip_norm=limit)
    np.testing.assert_allclose(library.numpy(theta), [[-30.0, -40.0], [-0.6, -0.8], [-0.3, -0.4]])
    [theta] = sgd(zero, library.array(g), learning_rate=1.0, clip_value=limit)
    np.testing.assert_allclose(library.numpy(theta), [[-30.0, -40.0], [-1.0, -1.0], [-0.3, -0.4]])


def test_a_norm_without_a_limit_clips_nothing(library: Any) -> None:
    zero, g, norm = map(library.array, ([0.0, 0.0], [3.0, 4.0], 5.0))
    [theta] = sgd(zero, g, None, norm, learning_rate=1.0)
    np.testing.assert_array_equal(library.numpy(theta), [-3.0, -4.0])


def test_clip_by_value(library: Any) -> None:
    g = library.array([-3.0, -0.5, 0.0, 2.0, np.nan, np.inf, -np.inf])
    clipped = library.numpy(clip_by_value(g, limit=1.5))
    np.testing.assert_array_equal(clipped, [-1.5, -0.5, 0.0, 1.5, np.nan, 1.5, -1.5])
    np.testing.assert_array_equal(library.numpy(clip_by_value(g, limit=math.inf)), library.numpy(g))


def test_clip_by_norm(library: Any) -> None:
    g = [[0.0, 0.0], [3.0, 4.0], [0.3, 0.4]]
    norm = library.array([[0.0], [5.0], [0.5]])
    clipped = library.numpy(clip_by_norm(library.array(g), norm, limit=2.0))
    np.testing.assert_allclose(clipped, [[0.0, 0.0], [1.2, 1.6], [0.3, 0.4]])
    unclipped = clip_by_norm(library.array(g), norm, limit=math.inf)
    np.testing.assert_array_equal(library.numpy(unclipped), g)


def test_gradient_norm_of_weights_with_penalty(library: Any, rng: np.random.Generator) -> None:
    g, theta = rng.normal(size=(2, 3, SIZE))
    mask = np.array([1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0])
    l2, limit = np.array([0.0, 0.1, 1.0]), np.array([np.inf, 0.5, 1.0])
    arrays = map(library.array, (g, theta, mask))
    norm = gradient_norm(*arrays, l2=library.array(l2), clip_value=library.array(limit))
    ready = np.clip(g + l2[:, None] * mask * theta, -limit[:, None], limit[:, None])
    np.testing.assert_allclose(library.numpy(norm), np.linalg.norm(ready, axis=-1), rtol=1e-14)
    assert gradient_norm.shapes(g, theta) == (3,)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([0.0, 0.0], 0.0),
        ([3e30, 4e30], 5e30),
        ([3e-30, 4e-30], 5e-30),
        ([1e38, -1e38], math.sqrt(2) * 1e38),
        ([1e38, -math.inf], math.inf),
        ([1.0, math.nan], math.nan),
        ([math.inf, math.nan], math.nan),
    ],
)
@pytest.mark.filterwarnings("error")
def test_gradient_norm_neither_overflows_nor_hides(entries: list[float], expected: Any) -> None:
    g = np.array(entries, dtype=np.float32)
    norm = gradient_norm(g, np.zeros_like(g))
    assert norm.dtype == np.float32
    assert float(norm) == pytest.approx(expected, rel=1e-6, nan_ok=True)


def test_the_penalty_leaves_biases_alone(library: Any) -> None:
    g, theta, mask = map(library.array, ([1.0, 1.0], [2.0, 2.0], [1.0, 0.0]))
    np.testing.assert_array_equal(library.numpy(l2_gradient(g, theta, mask, l2=0.5)), [2.0, 1.0])
    np.testing.assert_array_equal(library.numpy(l2_gradient(g, theta, None, l2=0.5)), [2.0, 2.0])
    assert l2_gradient(g, theta, mask, l2=0.0) is g


def test_rules_say_who_they_are() -> None:
    assert [(case.rule.name, case.rule.states) for case in ONE_PER_RULE] == [
        ("sgd", 0),
        ("momentum", 1),
        ("nesterov", 1),
        ("rmsprop", 1),
        ("adagrad", 1),
        ("adam", 2),
    ]
    assert "Kingma & Ba" in (adam.__doc__ or "")
