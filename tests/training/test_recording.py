"""What a recording consists of: symbols, and calls in the order of the mathematics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import functions, training
from mlpcore.backend.workspace import Symbol

pytestmark = pytest.mark.filterwarnings("error")


def test_the_calls_of_a_step_are_in_the_order_of_its_mathematics(
    tape: type, on_tape: Callable[[mc.MLP], mc.MLP], monkeypatch: pytest.MonkeyPatch
) -> None:
    tapes: list[Any] = []

    def plan(self: Any, steps: int = 1) -> Any:
        tapes.append(tape(self.stacked))
        return tapes[-1]

    net = on_tape(mc.MLP([4, 5, 3], normalization="batch", dropout=0.1))
    monkeypatch.setattr(type(net.backend), "plan", plan)
    training.fit(
        net,
        np.random.default_rng(0).normal(size=(11, 4)),
        np.arange(11) % 3,
        optimizer=mc.Adam(clip_norm=1.0),
        sample_weight=np.arange(1.0, 12.0),
        batch_size=4,
        epochs=2,
        progress=False,
        recorded=True,
    )
    names = [
        "gather_rows",
        "gather_values",
        "gather_values",
        "affine",
        "batch_norm",
        "relu",
        "dropout",
        "affine",
        "softmax_cross_entropy_value_and_gradient",
        "stop_if_not_finite",
        "running_average",
        "running_average",
        "affine_bias_gradient",
        "affine_weight_gradient",
        "affine_input_gradient",
        "dropout",
        "relu_backward",
        "batch_norm_backward",
        "affine_bias_gradient",
        "affine_weight_gradient",
        "gradient_norm",
        "adam",
    ]
    *steps, keep, measure = tapes
    assert [one.calls[0][2][0].shape for one in steps] == [(4, 4), (3, 4)]
    for one in steps:
        assert [p.name if p else "stop_if_not_finite" for p, *_ in one.calls] == names
    assert [p.name for p, *_ in keep.calls] == ["identity"] * 4
    assert [p.name if p else "stop_if_not_finite" for p, *_ in measure.calls] == [
        "gradient_norm",
        *("gradient_norm", "stop_if_not_finite") * 2,
    ]


def test_a_symbol_looks_like_its_array(tape: type) -> None:
    symbol = Symbol(np.zeros((2, 3), dtype=np.float32), tape(False), stride=4)
    assert (symbol.shape, symbol.ndim, symbol.dtype) == ((2, 3), 2, np.float32)


def test_a_primitive_that_meets_a_symbol_is_recorded_and_not_run(tape: type) -> None:
    plan = tape(False)
    x = np.array([[-1.0, 2.0]])
    y = functions.relu(Symbol(x, plan))
    assert isinstance(y, Symbol)
    assert np.all(np.isnan(y.array))
    out = Symbol(np.zeros((1, 2)), plan)
    assert functions.tanh(y, out=out) is out
    assert [primitive.name for primitive, *_ in plan.calls if primitive] == ["relu", "tanh"]
    plan.finish()
    plan.run(0, 1, np.ones(1, dtype=bool))
    np.testing.assert_array_equal(y.array, [[0.0, 2.0]])
    np.testing.assert_array_equal(out.array, np.tanh([[0.0, 2.0]]))
    x[...] = 3.0
    plan.run(0, 1, np.ones(1, dtype=bool))
    np.testing.assert_array_equal(out.array, np.tanh([[3.0, 3.0]]))


def test_some_results_may_be_told_their_place(tape: type) -> None:
    plan = tape(False)
    x, gamma, beta = (Symbol(a, plan) for a in (np.ones((4, 2)), np.ones(2), np.zeros(2)))
    mean = Symbol(np.zeros(2), plan)
    y, same, variance = functions.batch_norm(x, gamma, beta, out=(None, mean, None))
    assert same is mean
    assert (y.shape, variance.shape) == ((4, 2), (2,))


def test_a_stepped_symbol_moves_on(tape: type) -> None:
    plan = tape(False)
    rows, losses = np.arange(6.0).reshape(3, 2), np.zeros(3)
    functions.logsumexp(
        Symbol(rows[0, ...], plan, rows.strides[0]), out=Symbol(losses[0, ...], plan, 8)
    )
    plan.finish()
    plan.run(0, 3, np.ones(1, dtype=bool))
    np.testing.assert_allclose(losses, np.logaddexp(rows[:, 0], rows[:, 1]))
