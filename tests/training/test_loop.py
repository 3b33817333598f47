"""The loop against one by hand, and the order in which the rows come."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import schedules, training
from mlpcore.training.batches import batches
from mlpcore.training.crew import Crew, Job
from mlpcore.training.data import Data
from small_training import (
    CLASSES,
    EPOCHS,
    FEATURES,
    LOTTERY,
    ROWS,
    SIZE,
    STEPS,
    WEIGHTS,
    X,
    Y,
    either,
    fit,
    network,
)

pytestmark = pytest.mark.filterwarnings("error")

OPTIMIZERS = [
    mc.SGD(0.1),
    mc.SGD(0.1, l2=0.1, weight_decay=0.2, clip_value=0.05),
    mc.SGD(0.1, momentum=0.9, clip_norm=0.1),
    mc.SGD(0.1, momentum=0.9, nesterov=True, l2=0.1),
    mc.RMSProp(0.01, clip_norm=0.1, clip_value=0.05),
    mc.Adagrad(0.1, weight_decay=0.1),
    mc.Adam(0.01, l2=0.1, clip_norm=0.1),
    mc.AdamW(0.01, weight_decay=0.5),
    mc.Adam(schedules.Constant(0.01)),
]


# The loop


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_every_optimizer_equals_its_rule_by_hand(optimizer: Any, steps_by_hand: Any) -> None:
    net, twin = (network(dropout=0.2, normalization="layer", seed=7) for _ in range(2))
    history = fit(net, optimizer=optimizer)
    taken = list(islice(steps_by_hand(twin, optimizer, X, Y, SIZE, seed=7), EPOCHS * STEPS))
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-10, atol=1e-14)
    assert len(taken) == EPOCHS * STEPS
    for epoch in range(EPOCHS):
        losses, norms, rows = zip(*taken[epoch * STEPS : (epoch + 1) * STEPS], strict=True)
        assert [len(r) for r in rows] == [4, 4, 3]
        assert history.loss[epoch] == pytest.approx(np.dot(losses, [4, 4, 3]) / 11, rel=1e-10)
        assert history.gradient_norm[epoch] == pytest.approx(norms[-1], rel=1e-10)


@pytest.mark.parametrize("shuffle", [True, False])
def test_weighted_rows_equal_the_loop_by_hand(shuffle: bool, steps_by_hand: Any) -> None:
    net, twin = network(), network()
    history = fit(net, sample_weight=WEIGHTS, shuffle=shuffle, optimizer="sgd")
    by_hand = steps_by_hand(twin, mc.SGD(), X, Y, SIZE, sample_weight=WEIGHTS, shuffle=shuffle)
    taken = list(islice(by_hand, EPOCHS * STEPS))
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-10, atol=1e-14)
    for epoch in range(EPOCHS):
        part = taken[epoch * STEPS : (epoch + 1) * STEPS]
        expected = sum(loss * WEIGHTS[rows].sum() for loss, _, rows in part) / WEIGHTS.sum()
        assert history.loss[epoch] == pytest.approx(expected, rel=1e-10)


@either
def test_class_weights_are_weights_of_the_rows(members: int | None) -> None:
    by_class, by_row = (network(members=members) for _ in range(2))
    fit(by_class, class_weight={0: 2.0, 2: 0.5}, sample_weight=WEIGHTS)
    fit(by_row, sample_weight=WEIGHTS * np.array([2.0, 1.0, 0.5])[Y])
    np.testing.assert_allclose(by_class.parameters, by_row.parameters, rtol=1e-12)


@either
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_falls(dtype: str, members: int | None) -> None:
    net = network(dtype=dtype, members=members)
    history = fit(net, optimizer=mc.Adam(0.05), epochs=60)
    assert np.all(np.asarray(history.loss[-1]) < 0.3 * np.asarray(history.loss[0]))
    assert history.stopped == "epochs"


def test_a_batch_beyond_the_data_is_all_of_them() -> None:
    nets = [network() for _ in range(2)]
    for net, size in zip(nets, (ROWS, 10 * ROWS), strict=True):
        fit(net, batch_size=size)
    np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)


def test_a_name_stands_for_the_optimizer() -> None:
    nets = [network() for _ in range(3)]
    for net, optimizer in zip(nets, ("adam", None, mc.Adam(1e-3)), strict=True):
        fit(net, optimizer=optimizer)
    np.testing.assert_array_equal(nets[0].parameters, nets[2].parameters)
    np.testing.assert_array_equal(nets[1].parameters, nets[2].parameters)


def test_no_epochs_change_nothing() -> None:
    net = network(normalization="batch")
    before = net.tensors()
    history = fit(net, epochs=0, validation_data=(X, Y), metrics="accuracy")
    assert len(history) == 0
    assert history.best_epoch is None
    assert history.stopped == "epochs"
    for name, value in net.tensors().items():
        np.testing.assert_array_equal(value, before[name])


def test_the_running_statistics_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    net = mc.MLP([FEATURES, 5, CLASSES], normalization="batch", dtype="float64")
    fit(net, optimizer=mc.SGD(0.0), shuffle=False, epochs=2)
    norm = torch.nn.BatchNorm1d(5, dtype=torch.float64)
    for _ in range(2):
        for start in range(0, ROWS, SIZE):
            norm(torch.tensor(X[start : start + SIZE] @ net.weights[0]))
    tensors = net.tensors()
    np.testing.assert_allclose(tensors["layers.0.mean"], norm.running_mean, rtol=1e-12)
    np.testing.assert_allclose(tensors["layers.0.variance"], norm.running_var, rtol=1e-12)


# Order and repetition


def orders(epochs: int, *, shuffle: bool = True, **arguments: Any) -> list[np.ndarray]:
    """The order of the rows in each epoch."""
    net = network(**arguments)
    data = Data(*net.prepare(X, Y))
    state = training.State(net, mc.SGD())
    job = Job(data, None, batches(ROWS, SIZE), shuffle, recorded=False)
    timetable = Crew(state, job, np.arange(net.members or 1)).timetable
    found = []
    for epoch in range(epochs):
        state.epochs, state.updates = epoch, epoch * STEPS
        timetable.lay_out(state)
        found.append(timetable.order.copy())
    return found


@either
def test_every_epoch_has_an_order_of_its_own(members: int | None) -> None:
    found = orders(4, members=members)
    for order in found:
        rows = np.broadcast_to(np.arange(ROWS), order.shape)
        np.testing.assert_array_equal(np.sort(order, axis=-1), rows)
    every = [tuple(row) for order in found for row in np.atleast_2d(order)]
    assert len(set(every)) == 4 * (members or 1)


@either
def test_the_order_is_the_seed_s(members: int | None) -> None:
    np.testing.assert_array_equal(orders(3, members=members), orders(3, members=members))
    other = orders(3, members=members, seed=1)
    assert not np.array_equal(orders(3, members=members), other)
    in_order = orders(2, members=members, shuffle=False)
    np.testing.assert_array_equal(in_order, np.broadcast_to(np.arange(ROWS), np.shape(in_order)))


@either
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_the_same_seed_gives_the_same_bits(
    normalization: str, dtype: str, members: int | None
) -> None:
    def run(seed: int) -> tuple[mc.MLP, mc.History]:
        net = network(
            dtype=dtype, members=members, normalization=normalization, dropout=0.3, seed=seed
        )
        return net, fit(net, validation_data=(X, Y), metrics="accuracy")

    (first, its), (second, other) = run(5), run(5)
    assert first.parameters.tobytes() == second.parameters.tobytes()
    assert first.statistics.flat.tobytes() == second.statistics.flat.tobytes()
    for name in ("loss", "validation_loss", "learning_rate", "gradient_norm"):
        np.testing.assert_array_equal(getattr(its, name), getattr(other, name))
    assert first.parameters.tobytes() != run(6)[0].parameters.tobytes()


# Schedules

SCHEDULES = [
    schedules.Constant(0.1),
    schedules.StepDecay(0.1, factor=0.5, every=1),
    schedules.StepDecay(0.1, factor=0.5, every=0.5),
    schedules.ExponentialDecay(0.1, factor=0.5),
    schedules.InverseScaling(0.1, decay=2.0),
    schedules.CosineDecay(0.1, epochs=2),
    schedules.OneCycle(0.1, epochs=EPOCHS),
    schedules.WarmUp(0.1, epochs=2),
    schedules.WarmUp(schedules.CosineDecay(0.1, epochs=3), epochs=1),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_schedules_drive_the_rate_of_every_step(
    schedule: schedules.Schedule, steps_by_hand: Any
) -> None:
    net, twin = network(), network()
    history = fit(net, optimizer=mc.SGD(schedule))
    list(islice(steps_by_hand(twin, mc.SGD(schedule), X, Y, SIZE), EPOCHS * STEPS))
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-10, atol=1e-14)
    last = [float(schedule(epoch + (STEPS - 1) / STEPS)) for epoch in range(EPOCHS)]
    np.testing.assert_allclose(history.learning_rate, last, rtol=1e-14)


def test_a_plateau_lowers_the_rate() -> None:
    schedule = schedules.ReduceOnPlateau(1e-12, factor=0.5, patience=1)
    history = fit(network(), optimizer=mc.SGD(schedule), epochs=6)
    expected = 1e-12 * np.array([1, 1, 1, 0.5, 0.5, 0.25])
    np.testing.assert_allclose(history.learning_rate, expected)
    assert schedule.state is None


def test_each_member_meets_its_own_plateau() -> None:
    schedule = schedules.ReduceOnPlateau([1e-30, 0.1], factor=0.5, patience=0, threshold=0)
    net = network(members=2)
    history = fit(net, optimizer=mc.SGD(schedule), epochs=4, validation_data=(X, Y))
    still, moving = np.transpose(history.learning_rate)
    assert np.all(np.diff(np.transpose(history.validation_loss)[1]) < 0)
    np.testing.assert_allclose(moving, 0.1)
    np.testing.assert_allclose(still, 1e-30 * np.array([1, 1, 0.5, 0.25]))


def test_a_plateau_is_one_of_the_validation_loss_where_there_is_one() -> None:
    schedule = schedules.ReduceOnPlateau(0.1, factor=0.5, patience=2, threshold=0)
    settings: dict[str, Any] = {"optimizer": mc.Adam(schedule), "epochs": 20}
    assert fit(network(), **settings).learning_rate[-1] == 0.1
    history = fit(network(), validation_data=LOTTERY, **settings)
    assert history.learning_rate[-1] < 0.1


def test_an_epoch_of_one_batch_needs_no_order() -> None:
    ordered, shuffled = network(seed=3), network(seed=3)
    fit(ordered, batch_size=ROWS, shuffle=False)
    fit(shuffled, batch_size=ROWS, shuffle=True)
    np.testing.assert_array_equal(shuffled.parameters, ordered.parameters)
