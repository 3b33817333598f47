"""Members that left leave the computation, and nobody else notices."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import schedules, training
from mlpcore.training.crew import Crew

pytestmark = pytest.mark.filterwarnings("error")

ROWS, FEATURES, OUTPUTS, MEMBERS = 14, 4, 3, 8

numbers = np.random.default_rng(0)
X = numbers.normal(size=(ROWS, FEATURES))
OWN = numbers.normal(size=(MEMBERS, ROWS, FEATURES))
LABELS = numbers.integers(0, OUTPUTS, ROWS)
VALUES = numbers.normal(size=(ROWS, OUTPUTS))
WEIGHTS = numbers.uniform(0.1, 2.0, (MEMBERS, ROWS))
LOTTERY = (numbers.normal(size=(ROWS, FEATURES)), np.roll(LABELS, 1))
FOLDS = np.array([np.roll(np.arange(ROWS), 2 * e) for e in range(MEMBERS)])

RATES = np.geomspace(0.003, 0.3, MEMBERS)

each_step = pytest.mark.parametrize("recorded", [None, False], ids=["default", "functional"])


@pytest.fixture
def crews(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The members of each crew that is formed after the first."""
    formed: list[list[int]] = []

    class Watched(Crew):
        def __init__(self, state: Any, job: Any, places: np.ndarray):
            if len(places) < MEMBERS:
                formed.append(places.tolist())
            super().__init__(state, job, places)

    monkeypatch.setattr("mlpcore.training.trainer.Crew", Watched)
    return formed


def network(**arguments: Any) -> mc.MLP:
    sizes = [FEATURES, 6, OUTPUTS]
    return mc.MLP(**({"sizes": sizes, "dtype": "float64", "activation": "tanh"} | arguments))


def fit(net: mc.MLP, **arguments: Any) -> mc.History:
    defaults: dict[str, Any] = {
        "X": X,
        "y": LABELS,
        "batch_size": 4,
        "epochs": 40,
        "progress": False,
        "early_stopping": 2,
    }
    return training.fit(net, **(defaults | arguments))


CASES: dict[str, tuple[dict[str, Any], Any, dict[str, Any]]] = {
    "validation": ({}, mc.Adam(RATES), {"validation_data": LOTTERY, "metrics": "accuracy"}),
    "dropout by member": (
        {"dropout": np.linspace(0.0, 0.5, MEMBERS), "normalization": "batch"},
        mc.SGD(RATES, momentum=np.linspace(0.0, 0.9, MEMBERS)),
        {"validation_data": LOTTERY},
    ),
    "seeds": ({"seed": range(MEMBERS)}, mc.RMSProp(RATES), {"validation_data": LOTTERY}),
    "schedule by member": (
        {},
        mc.Adam(schedules.WarmUp(schedules.CosineDecay(RATES, epochs=40), epochs=3)),
        {"validation_data": LOTTERY},
    ),
    "plateau": (
        {},
        mc.Adam(schedules.ReduceOnPlateau(RATES, factor=0.5, patience=0)),
        {"validation_data": LOTTERY, "early_stopping": 3},
    ),
    "widths": (
        {"sizes": [FEATURES, tuple(range(9, 1, -1)), 5, OUTPUTS], "normalization": "batch"},
        mc.Adam(RATES[::-1], epsilon=1e-2),
        {"validation_data": LOTTERY},
    ),
    "folds": (
        {},
        mc.Adam(RATES),
        {"rows": FOLDS[:, :10], "validation_rows": FOLDS[:, 10:], "metrics": "accuracy"},
    ),
    "data by member": (
        {"label_smoothing": np.linspace(0.0, 0.3, MEMBERS)},
        mc.Adagrad(RATES),
        {"X": OWN, "sample_weight": WEIGHTS, "validation_data": LOTTERY},
    ),
}


@each_step
@pytest.mark.parametrize(("arguments", "optimizer", "settings"), CASES.values(), ids=CASES)
def test_each_member_trains_as_it_does_alone(
    arguments: dict[str, Any],
    optimizer: Any,
    settings: dict[str, Any],
    recorded: bool | None,
    crews: list[list[int]],
) -> None:
    stack = network(members=MEMBERS, **arguments)
    singles = [stack[e] for e in range(MEMBERS)]
    history = fit(stack, optimizer=optimizer, recorded=recorded, **settings)
    assert len(crews) > 1
    assert all(set(later) < set(earlier) for earlier, later in pairwise(crews))
    for e, single in enumerate(singles):
        own = {name: own_part(name, value, e) for name, value in settings.items()}
        expected = fit(single, optimizer=optimizer.select(e), recorded=recorded, **own)
        close = {"rtol": 1e-10, "atol": 1e-12}
        for name, value in stack[e].tensors().items():
            np.testing.assert_allclose(value, single.tensors()[name], **close, err_msg=name)
        assert history.best_epoch[e] == expected.best_epoch
        for name in ("loss", "gradient_norm", "learning_rate", "validation_loss"):
            ours, theirs = np.array(getattr(history, name))[:, e], getattr(expected, name)
            np.testing.assert_allclose(ours[: len(theirs)], theirs, **close, err_msg=name)
            left = theirs[-1] if name == "validation_loss" else np.nan
            np.testing.assert_allclose(ours[len(theirs) :], left, **close, err_msg=name)


def own_part(name: str, value: Any, member: int) -> Any:
    by_member = name in ("X", "sample_weight", "rows", "validation_rows")
    return value[member] if by_member else value


@each_step
def test_the_state_is_that_of_the_whole_stack(
    recorded: bool | None, crews: list[list[int]]
) -> None:
    """What left and what stayed go on from where they stand."""
    nets = [network(members=MEMBERS) for _ in range(2)]
    states = [training.State(net, mc.Adam(RATES)) for net in nets]
    settings: dict[str, Any] = {"validation_data": LOTTERY, "recorded": recorded, "epochs": 25}
    fit(nets[0], state=states[0], **settings)
    formed = len(crews)
    assert formed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlpcore.training.crew.WORTH_FORMING", 0.0)
        fit(nets[1], state=states[1], **settings)
    assert len(crews) == formed
    ours, theirs = states
    for one, other in zip(ours.buffers.arrays, theirs.buffers.arrays, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
    assert ours.active.tolist() == theirs.active.tolist()
    assert (ours.epochs, ours.updates) == (theirs.epochs, theirs.updates)


@each_step
def test_the_diverged_leave_too(recorded: bool | None, crews: list[list[int]]) -> None:
    rates = np.array([0.01, 1e200, 0.02, 1e150, 0.03, 0.01, 1e100, 0.02])
    calm = np.where(rates < 1, rates, 0.0)
    nets = [network(members=MEMBERS, output="identity") for _ in range(2)]
    with pytest.warns(RuntimeWarning, match=r"members \[1, 3, 6\], training diverged"):
        history = fit(
            nets[0],
            y=VALUES,
            optimizer=mc.SGD(rates),
            validation_data=(X, VALUES),
            early_stopping=None,
            epochs=4,
            recorded=recorded,
        )
    assert crews == [[0, 2, 4, 5, 7]]
    fit(nets[1], y=VALUES, optimizer=mc.SGD(calm), early_stopping=None, epochs=4, recorded=recorded)
    for e in crews[0]:
        assert nets[0].parameters[e].tobytes() == nets[1].parameters[e].tobytes()
    assert sorted(history.diverged) == [1, 3, 6]
    assert np.all(np.isfinite(nets[0].parameters))
    np.testing.assert_array_equal(np.isnan(history.loss), np.tile(calm == 0, (4, 1)))


def test_a_callback_may_answer_with_what_numpy_gives() -> None:
    net = mc.MLP([2, 3, 2], members=3)
    X, y = np.zeros((4, 2)), np.zeros(4, dtype=int)
    history = net.fit(X, y, callbacks=[lambda epoch: np.all(epoch.loss < 50)], progress=False)
    assert (len(history), history.stopped) == (1, "callback")
    with pytest.raises(TypeError, match="got callbacks=None"):
        net.fit(X, y, callbacks=None, progress=False)


def test_callbacks_see_the_whole_stack(crews: list[list[int]]) -> None:
    net = network(members=MEMBERS)
    seen: list[float] = []

    def look(epoch: mc.Epoch) -> None:
        assert epoch.network is net
        now = np.asarray(net.loss(*LOTTERY))
        np.testing.assert_allclose(epoch.validation_loss, now, rtol=1e-10)
        seen.append(float(now[0]))

    history = fit(net, optimizer=mc.Adam(RATES), validation_data=LOTTERY, callbacks=[look])
    assert crews
    assert len(seen) == len(history)


def test_an_interrupt_hands_the_work_over(crews: list[list[int]]) -> None:
    def interrupt(epoch: mc.Epoch) -> None:
        if epoch.index == 12:
            raise KeyboardInterrupt

    net, twin = network(members=MEMBERS), network(members=MEMBERS)
    settings: dict[str, Any] = {"optimizer": mc.Adam(RATES), "validation_data": LOTTERY}
    assert fit(net, callbacks=[interrupt], **settings).stopped == "interrupted"
    assert crews
    fit(twin, epochs=13, **settings)
    assert net.parameters.tobytes() == twin.parameters.tobytes()


@each_step
def test_who_diverges_is_named_by_the_number_in_the_whole_stack(
    recorded: bool | None, crews: list[list[int]]
) -> None:
    rates = np.where(np.isin(np.arange(MEMBERS), [0, 3, 6]), 1e200, 0.01)
    jump = schedules.StepDecay(rates, factor=np.where(np.arange(MEMBERS) == 4, 1e200, 0.5), every=2)
    net = network(members=MEMBERS, output="identity")
    with pytest.warns(RuntimeWarning) as warned:
        history = fit(
            net,
            y=VALUES,
            optimizer=mc.SGD(jump),
            early_stopping=None,
            epochs=4,
            recorded=recorded,
        )
    assert [str(w.message)[:30] for w in warned] == [
        "of members [0, 3, 6], training",
        "of members [4], training diver",
    ]
    assert crews == [[1, 2, 4, 5, 7]]
    assert history.diverged == {0: 0, 3: 0, 6: 0, 4: 2}
