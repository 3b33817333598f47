"""Training that goes on from a state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import schedules, training
from mlpcore.training import State

pytestmark = pytest.mark.filterwarnings("error")

ROWS, FEATURES, CLASSES, MEMBERS = 11, 4, 3, 3

X = np.random.default_rng(0).normal(size=(ROWS, FEATURES))
Y = np.array([0, 1, 2, 1, 0, 2, 1, 1, 0, 2, 0])

either = pytest.mark.parametrize("members", [None, MEMBERS], ids=["single", "stacked"])
each_step = pytest.mark.parametrize("recorded", [None, False], ids=["default", "functional"])


def network(**arguments: Any) -> mc.MLP:
    settings = {"normalization": "batch", "dropout": 0.2, "seed": 3} | arguments
    return mc.MLP([FEATURES, 6, CLASSES], **settings)


def fit(net: mc.MLP, epochs: int, **arguments: Any) -> mc.History:
    defaults = {"batch_size": 4, "epochs": epochs, "progress": False}
    return training.fit(net, X, Y, **(defaults | arguments))


OPTIMIZERS = [
    mc.SGD(0.1),
    mc.SGD(0.1, momentum=0.9),
    mc.RMSProp(0.01),
    mc.Adagrad(0.1),
    mc.AdamW(0.01, clip_norm=0.5),
    mc.Adam(schedules.WarmUp(schedules.CosineDecay(0.1, epochs=5), epochs=2)),
    mc.Adam(schedules.ReduceOnPlateau(0.5, factor=0.5, patience=0)),
]


@either
@each_step
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_epochs_in_parts_give_the_bits_of_epochs_at_once(
    optimizer: Any, recorded: bool | None, members: int | None
) -> None:
    once, parts = network(members=members), network(members=members)
    whole = fit(once, 5, optimizer=optimizer, validation_data=(-X, Y), recorded=recorded)
    state = State(parts, optimizer)
    settings: dict[str, Any] = {"validation_data": (-X, Y), "recorded": recorded, "state": state}
    histories = [fit(parts, epochs, **settings) for epochs in (3, 2)]
    assert once.parameters.tobytes() == parts.parameters.tobytes()
    assert once.statistics.flat.tobytes() == parts.statistics.flat.tobytes()
    for name in ("loss", "validation_loss", "learning_rate", "gradient_norm"):
        joined = getattr(histories[0], name) + getattr(histories[1], name)
        np.testing.assert_array_equal(joined, getattr(whole, name), err_msg=name)
    assert (state.epochs, state.updates) == (5, 15)


def test_a_plateau_is_remembered() -> None:
    """The rates of the test above tell a schedule that goes on from one that starts anew."""
    optimizer = mc.SGD(schedules.ReduceOnPlateau(1e-12, factor=0.5, patience=1))
    state = State(network(normalization=None, dropout=0.0, dtype="float64"), optimizer)
    rates = [fit(state.network, 3, state=state).learning_rate for _ in range(2)]
    np.testing.assert_allclose(np.ravel(rates), 1e-12 * np.array([1, 1, 1, 0.5, 0.5, 0.25]))


def test_members_that_stopped_stay_so() -> None:
    net = network(members=2, dropout=0.0)
    state = State(net, mc.SGD([0.0, 0.1]))
    fit(net, 3, state=state, early_stopping=mc.EarlyStopping(1, monitor="loss"), shuffle=False)
    assert state.active.tolist() == [False, True]
    before = net.parameters.copy()
    history = fit(net, 2, state=state)
    assert np.all(np.isnan(np.array(history.loss)[:, 0]))
    np.testing.assert_array_equal(net.parameters[0], before[0])
    assert not np.array_equal(net.parameters[1], before[1])


def test_epochs_are_counted_on_and_the_history_is_of_its_own() -> None:
    net = network()
    state = State(net, mc.Adam(0.05))
    seen: list[int] = []
    for epochs in (3, 2):
        history = fit(
            net,
            epochs,
            state=state,
            early_stopping=9,
            validation_data=(X, Y),
            callbacks=[lambda epoch: seen.append(epoch.index)],
        )
        assert len(history) == epochs
        assert history.best_epoch == int(np.argmin(history.validation_loss))
    assert seen == [0, 1, 2, 3, 4]


def test_divergence_is_found_among_those_that_still_trained() -> None:
    net = mc.MLP([FEATURES, 6, CLASSES], output="identity", members=2)
    y = np.random.default_rng(1).normal(size=(ROWS, CLASSES))
    state = State(net, mc.SGD(schedules.StepDecay([1e-3, 1e30], factor=1e30, every=2)))
    settings: dict[str, Any] = {"batch_size": 4, "progress": False, "state": state}
    with pytest.warns(RuntimeWarning, match=r"members \[0\]|members \[1\]"):
        assert training.fit(net, X, y, epochs=2, **settings).diverged == {1: 0}
    with pytest.raises(mc.DivergenceError) as raised:
        training.fit(net, X, y, epochs=2, **settings)
    assert raised.value.epoch == 2
    assert raised.value.history.diverged == {0: 0}
    with pytest.raises(ValueError, match="every member has stopped or diverged"):
        training.fit(net, X, y, epochs=2, **settings)


def test_what_a_state_does_not_fit_is_refused() -> None:
    net = network()
    state = State(net, mc.Adam())
    with pytest.raises(ValueError, match="got optimizer and state"):
        fit(net, 1, state=state, optimizer="adam")
    with pytest.raises(ValueError, match="state of another network"):
        fit(network(), 1, state=state)
    with pytest.raises(ValueError, match="2 values for Adam"):
        State(network(members=3), mc.Adam([0.1, 0.2]))


def test_a_network_goes_on_from_a_state() -> None:
    once, parts = network(), network()
    once.fit(X, Y, epochs=4, optimizer=mc.Adam(0.01), progress=False)
    state = State(parts, mc.Adam(0.01))
    for _ in range(2):
        parts.fit(X, Y, epochs=2, state=state, progress=False)
    assert once.parameters.tobytes() == parts.parameters.tobytes()
