"""Divergence: it is told, and the last finite parameters are kept.

``MLPCORE_TEST_RATES=all`` tries large rates in every setting, in place of a few.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from itertools import islice, product
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import schedules, training
from small_training import CLASSES, MEMBERS, ROWS, SIZE, STEPS, VALUES, X, Y, fit, network

pytestmark = pytest.mark.filterwarnings("error")

#: A rate that jumps in the third epoch.
JUMP = schedules.StepDecay(1e-3, factor=1e60, every=1.5)

DIVERGING: dict[str, tuple[Any, dict[str, Any]]] = {
    "a rate too large": (mc.SGD(1e6), {}),
    "a rate too large, with momentum": (mc.SGD(1e5, momentum=0.9), {}),
    "a rate that jumps": (mc.SGD(JUMP), {}),
    "an update that overflows": (mc.SGD(1e308), {}),
    "layer normalization": (mc.SGD(JUMP), {"normalization": "layer"}),
    "dropout": (mc.SGD(1e6), {"dropout": 0.2}),
}


@pytest.mark.parametrize(
    ("optimizer", "arguments"),
    [pytest.param(*case, id=name) for name, case in DIVERGING.items()],
)
def test_divergence_keeps_the_parameters_before_the_failing_step(
    optimizer: Any, arguments: dict[str, Any], steps_by_hand: Any
) -> None:
    net, twin = (network(output="identity", **arguments) for _ in range(2))
    with pytest.raises(mc.DivergenceError) as raised:
        fit(net, VALUES, optimizer=optimizer, epochs=500)
    error = raised.value
    assert f"epoch {error.epoch}, step {error.step}:" in str(error)
    assert "learning rate" in str(error)
    assert "standardise X" in str(error)
    assert np.all(np.isfinite(net.parameters))
    assert np.all(np.isfinite(net.statistics.flat))
    history = error.history
    assert (history.stopped, len(history)) == ("diverged", error.epoch)
    assert history.diverged == {0: error.epoch}
    with np.errstate(all="ignore"):
        steps = steps_by_hand(twin, optimizer, X, VALUES, SIZE)
        list(islice(steps, error.epoch * STEPS + error.step))
        np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-6)
        loss, _, _ = next(steps)
    assert not (np.isfinite(loss) and np.all(np.isfinite(twin.parameters)))


def test_the_divergences_above_differ_in_place() -> None:
    places = set()
    for optimizer, arguments in DIVERGING.values():
        with pytest.raises(mc.DivergenceError) as raised:
            fit(network(output="identity", **arguments), VALUES, optimizer=optimizer, epochs=500)
        places.add((raised.value.epoch > 0, raised.value.step))
    assert {(False, 0), (True, 0), (True, 1)} & places
    assert len(places) > 2


@pytest.mark.parametrize("members", [None, 1, MEMBERS])
def test_huge_targets_diverge_at_once(members: int | None) -> None:
    net = network(output="identity", dtype="float32", members=members)
    before = net.parameters.copy()
    with pytest.raises(mc.DivergenceError, match="epoch 0, step 0: the loss"):
        fit(net, np.full((ROWS, CLASSES), 1e30))
    np.testing.assert_array_equal(net.parameters, before)
    assert np.all(np.isfinite(fit(net, VALUES).loss))


@pytest.mark.parametrize("members", [None, MEMBERS])
def test_the_very_last_update_may_break_the_parameters(members: int | None) -> None:
    """No loss comes after it that could tell."""
    net = network(output="identity", members=members)
    before = net.parameters.copy()
    with pytest.raises(mc.DivergenceError, match="epoch 0, step 0: the loss or an update"):
        fit(net, 1e10 * VALUES, optimizer=mc.SGD(1e308), batch_size=ROWS, epochs=1)
    np.testing.assert_array_equal(net.parameters, before)


def test_the_statistics_are_those_before_the_failing_step() -> None:
    net, twin = (
        network(output="identity", normalization="batch", dtype="float32") for _ in range(2)
    )
    targets = VALUES.copy()
    targets[SIZE : 2 * SIZE] = 1e30
    with pytest.raises(mc.DivergenceError, match="epoch 0, step 1:"):
        fit(net, targets, shuffle=False)
    fit(twin, targets[:SIZE], X=X[:SIZE], shuffle=False, epochs=1)
    for name, value in twin.tensors().items():
        np.testing.assert_allclose(net.tensors()[name], value, rtol=1e-6, err_msg=name)
    assert np.all(net.statistics.views[1]["mean"] != 0)


def test_a_neighbour_of_a_diverging_member_does_not_notice() -> None:
    def run(rate: float) -> tuple[mc.MLP, mc.History]:
        net = network(
            output="identity", normalization="batch", dropout=0.1, members=MEMBERS, seed=3
        )
        optimizer = mc.SGD(np.array([0.01, rate, 0.02]), momentum=0.9)
        return net, fit(net, VALUES, optimizer=optimizer, epochs=6, validation_data=(X, VALUES))

    with pytest.warns(RuntimeWarning, match=r"members \[1\], training diverged in epoch \d"):
        net, history = run(1e300)
    alone, expected = run(0.0)
    for e in (0, 2):
        assert net.parameters[e].tobytes() == alone.parameters[e].tobytes()
        assert net.statistics.flat[e].tobytes() == alone.statistics.flat[e].tobytes()
        for name in ("loss", "validation_loss", "learning_rate"):
            ours, theirs = (np.array(getattr(h, name))[:, e] for h in (history, expected))
            np.testing.assert_array_equal(ours, theirs, err_msg=name)
    assert np.all(np.isfinite(net.parameters))
    [(member, epoch)] = history.diverged.items()
    assert member == 1
    assert history.stopped == "epochs"
    assert np.all(np.isnan(np.array(history.loss)[epoch + 1 :, 1]))


def test_a_neighbour_s_gradient_norm_is_its_own() -> None:
    def run(rate: float) -> mc.History:
        return training.fit(
            network(output="identity", members=2),
            X,
            VALUES,
            optimizer=mc.SGD(np.array([0.01, rate])),
            batch_size=SIZE,
            epochs=2,
            progress=False,
            recorded=False,
        )

    with pytest.warns(RuntimeWarning, match="diverged"):
        history = run(1e308)
    ours, theirs = (np.array(h.gradient_norm)[:, 0] for h in (history, run(0.0)))
    np.testing.assert_array_equal(ours, theirs)


def test_members_that_diverge_one_after_the_other() -> None:
    first, second = network(output="identity", seed=(0, 0)), network(output="identity", seed=(0, 1))
    places = []
    for net, rate in ((first, 1e308), (second, 1e6)):
        with pytest.raises(mc.DivergenceError) as raised:
            fit(net, VALUES, optimizer=mc.SGD(rate), epochs=500)
        places.append((raised.value.epoch, raised.value.step))
    assert places[0][0] < places[1][0]
    stack = network(output="identity", members=2)
    with pytest.raises(mc.DivergenceError) as raised, pytest.warns(RuntimeWarning, match=r"\[0\]"):
        fit(stack, VALUES, optimizer=mc.SGD(np.array([1e308, 1e6])), epochs=500)
    assert (raised.value.epoch, raised.value.step) == places[1]
    assert raised.value.history.diverged == {0: places[0][0], 1: places[1][0]}
    for e, net in enumerate((first, second)):
        np.testing.assert_allclose(stack.parameters[e], net.parameters, rtol=1e-6)


def test_early_stopping_survives_a_divergence() -> None:
    net = network(output="identity")
    seen: list[float] = []
    with pytest.raises(mc.DivergenceError) as raised:
        fit(
            net,
            VALUES,
            optimizer=mc.SGD(JUMP),
            validation_data=(X, VALUES),
            early_stopping=5,
            callbacks=[lambda epoch: seen.append(epoch.validation_loss)],
        )
    assert raised.value.history.best_epoch == int(np.argmin(seen))
    assert net.loss(X, VALUES) == pytest.approx(min(seen), rel=1e-12)


OPTIMIZERS: dict[str, Callable[[float], Any]] = {
    "SGD": mc.SGD,
    "momentum": lambda rate: mc.SGD(rate, momentum=0.9),
    "Nesterov": lambda rate: mc.SGD(rate, momentum=0.9, nesterov=True),
    "clipped": lambda rate: mc.SGD(rate, l2=0.1, clip_norm=1.0, clip_value=0.5),
    "RMSProp": mc.RMSProp,
    "Adagrad": mc.Adagrad,
    "Adam": mc.Adam,
    "AdamW": lambda rate: mc.AdamW(rate, weight_decay=1.0),
}
ALL = os.environ.get("MLPCORE_TEST_RATES") == "all"
NORMALIZATIONS = (None, "batch", "layer") if ALL else (None,)
DTYPES = ("float32", "float64") if ALL else ("float32",)
TARGETS = {
    "softmax": Y,
    "identity": VALUES,
    "exponential": np.abs(np.round(VALUES)),
    "sigmoid": (VALUES > 0).astype(float),
}


@pytest.mark.parametrize("recorded", [None, False], ids=["default", "functional"])
@pytest.mark.parametrize("members", [None, MEMBERS], ids=["single", "stacked"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_whatever_the_rate_it_ends_in_finite_numbers_or_in_an_error(
    optimizer: Callable[[float], Any], members: int | None, recorded: bool | None
) -> None:
    for (output, y), normalization, dtype, rate in product(
        TARGETS.items(), NORMALIZATIONS, DTYPES, (1.0, 1e3, 1e6)
    ):
        net = network(output=output, normalization=normalization, dtype=dtype, members=members)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "of members .* training diverged")
            try:
                history = training.fit(
                    net,
                    X,
                    y,
                    optimizer=optimizer(rate),
                    batch_size=SIZE,
                    epochs=12,
                    progress=False,
                    recorded=recorded,
                )
            except mc.DivergenceError as error:
                history, told = error.history, str(error)
            else:
                told = ""
        if history.stopped == "diverged":
            assert f"at learning rate {rate:g}; the last finite" in told
        else:
            assert not told
            left = np.isin(np.arange(members or 1), list(history.diverged))
            assert np.all(np.isfinite(np.reshape(history.loss[-1], -1)) != left)
        assert np.all(np.isfinite(net.parameters))
        assert np.all(np.isfinite(net.statistics.flat))
