"""Training: the loop against one by hand, what it reports, and all the ways in which it ends."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import schedules, training
from mlpcore.backend.random import permutation
from mlpcore.training.batches import batches
from mlpcore.training.crew import Job, whole_crew
from mlpcore.training.data import Data

pytestmark = pytest.mark.filterwarnings("error")

ROWS, FEATURES, CLASSES, MEMBERS = 11, 4, 3, 3
SIZE, EPOCHS = 4, 3
STEPS = 3

X = np.random.default_rng(0).normal(size=(ROWS, FEATURES))
Y = np.array([0, 1, 2, 1, 0, 2, 1, 1, 0, 2, 0])
VALUES = np.random.default_rng(1).normal(size=(ROWS, CLASSES))
WEIGHTS = np.random.default_rng(2).uniform(0.2, 2.0, ROWS)

#: Validation rows whose labels are drawn by lot: what is learned soon hurts there.
LOTTERY = (np.random.default_rng(8).normal(size=(ROWS, FEATURES)), np.roll(Y, 1))

either = pytest.mark.parametrize("members", [None, MEMBERS], ids=["single", "stacked"])


def network(**arguments: Any) -> mc.MLP:
    """A small network in float64."""
    return mc.MLP([FEATURES, 6, 5, CLASSES], **({"dtype": "float64"} | arguments))


def fit(net: mc.MLP, y: Any = Y, **arguments: Any) -> mc.History:
    """A short training with a last, shorter batch in each epoch."""
    defaults = {"batch_size": SIZE, "epochs": EPOCHS, "progress": False}
    return net.fit(arguments.pop("X", X), y, **(defaults | arguments))


def steps_by_hand(
    net: mc.MLP,
    optimizer: Any,
    y: np.ndarray = Y,
    *,
    shuffle: bool = True,
    sample_weight: np.ndarray | None = None,
    seed: int = 0,
) -> Iterator[tuple[float, float, np.ndarray]]:
    """Train a single network with its gradients and the optimizer's rule, and nothing else.

    Yields:
        After each step the loss before it, the norm of its gradient, and its rows.
    """
    mask = net.layout.mask(("weight",))
    state = [np.zeros(net.parameters.shape) for _ in range(optimizer.rule.states)]
    count = epoch = 0
    while True:
        rows = np.arange(ROWS)
        order = permutation(rows, seed=seed, epoch=epoch) if shuffle else rows
        for start in range(0, ROWS, SIZE):
            rate = optimizer.schedule(epoch + start // SIZE / STEPS)
            count += 1
            batch = order[start : start + SIZE]
            weight = None if sample_weight is None else sample_weight[batch]
            loss, g = net.loss_and_gradients(X[batch], y[batch], sample_weight=weight, step=count)
            ready = g.flat + optimizer.l2 * mask * net.parameters
            if optimizer.clip_value is not None:
                ready = np.clip(ready, -optimizer.clip_value, optimizer.clip_value)
            net.parameters[...], *state = optimizer.rule(
                net.parameters,
                g.flat,
                mask,
                np.asarray(np.linalg.norm(ready)),
                *state,
                learning_rate=rate,
                step=count,
                **optimizer.common,
                **optimizer.hyperparameters,
            )
            yield float(loss), float(np.linalg.norm(g.flat)), batch
        epoch += 1


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
def test_every_optimizer_equals_its_rule_by_hand(optimizer: Any) -> None:
    net, twin = (network(dropout=0.2, normalization="layer", seed=7) for _ in range(2))
    history = fit(net, optimizer=optimizer)
    taken = list(islice(steps_by_hand(twin, optimizer, seed=7), EPOCHS * STEPS))
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-10, atol=1e-14)
    assert len(taken) == EPOCHS * STEPS
    for epoch in range(EPOCHS):
        losses, norms, rows = zip(*taken[epoch * STEPS : (epoch + 1) * STEPS], strict=True)
        assert [len(r) for r in rows] == [4, 4, 3]
        assert history.loss[epoch] == pytest.approx(np.dot(losses, [4, 4, 3]) / 11, rel=1e-10)
        assert history.gradient_norm[epoch] == pytest.approx(norms[-1], rel=1e-10)


@pytest.mark.parametrize("shuffle", [True, False])
def test_weighted_rows_equal_the_loop_by_hand(shuffle: bool) -> None:
    net, twin = network(), network()
    history = fit(net, sample_weight=WEIGHTS, shuffle=shuffle, optimizer="sgd")
    by_hand = steps_by_hand(twin, mc.SGD(), sample_weight=WEIGHTS, shuffle=shuffle)
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
    timetable = whole_crew(state, job).timetable
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


# What is reported


@either
def test_the_shapes_of_the_history(members: int | None) -> None:
    history = fit(network(members=members), validation_data=(X, Y), metrics="accuracy")
    shape = (EPOCHS,) if members is None else (EPOCHS, members)
    figures: list[Any] = [
        history.loss,
        history.validation_loss,
        history.learning_rate,
        history.gradient_norm,
        history.metrics["accuracy"],
        history.validation_metrics["accuracy"],
    ]
    for figure in figures:
        assert np.shape(figure) == shape
        kind = float if members is None else np.ndarray
        assert all(isinstance(value, kind) for value in figure)
    assert np.shape(history.seconds) == (EPOCHS,)
    assert all(seconds > 0 for seconds in history.seconds)
    assert len(history) == EPOCHS
    assert (history.stopped, history.diverged) == ("epochs", {})
    assert np.shape(history.best_epoch) == shape[1:]
    np.testing.assert_array_equal(history.best_epoch, np.argmin(history.validation_loss, axis=0))


def test_without_validation_there_are_no_such_figures() -> None:
    history = fit(network())
    assert history.validation_loss == []
    assert history.metrics == {}
    assert history.validation_metrics == {}
    assert history.best_epoch == int(np.argmin(history.loss))


@either
@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["alike", "weighted"])
def test_validation_and_accuracy_are_those_of_the_predictions(
    weight: np.ndarray | None, members: int | None
) -> None:
    net = network(members=members, normalization="batch", dropout=0.2)
    data = (X, Y) if weight is None else (X, Y, weight)
    history = fit(net, validation_data=data, metrics=["accuracy"])
    share = np.full(ROWS, 1 / ROWS) if weight is None else weight / weight.sum()
    right = net.predict(X).argmax(axis=-1) == Y
    np.testing.assert_allclose(
        history.validation_loss[-1], net.loss(X, Y, sample_weight=weight), rtol=1e-12
    )
    np.testing.assert_allclose(history.validation_metrics["accuracy"][-1], right @ share)
    np.testing.assert_allclose(history.metrics["accuracy"][-1], right.mean(axis=-1))


@either
def test_accuracy_of_probabilities_and_of_independent_outputs(members: int | None) -> None:
    net = network(members=members)
    history = fit(net, np.eye(CLASSES)[Y], metrics="accuracy")
    right = net.predict(X).argmax(axis=-1) == Y
    np.testing.assert_allclose(history.metrics["accuracy"][-1], right.mean(axis=-1))
    net = network(members=members, output="sigmoid")
    history = fit(net, (VALUES > 0).astype(float), metrics="accuracy", epochs=20)
    right = np.all((net.predict(X) > 0.5) == (VALUES > 0), axis=-1)
    np.testing.assert_allclose(history.metrics["accuracy"][-1], right.mean(axis=-1))


@either
def test_r2_is_the_share_of_the_variance(members: int | None) -> None:
    net = network(members=members, output="identity")
    history = fit(net, VALUES, metrics="r2", validation_data=(X, VALUES))
    left = np.mean((net.predict(X) - VALUES) ** 2, axis=-2)
    expected = np.mean(1 - left / np.var(VALUES, axis=0), axis=-1)
    np.testing.assert_allclose(history.metrics["r2"][-1], expected, rtol=1e-10)
    np.testing.assert_allclose(history.validation_metrics["r2"][-1], expected, rtol=1e-10)


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
def test_schedules_drive_the_rate_of_every_step(schedule: schedules.Schedule) -> None:
    net, twin = network(), network()
    history = fit(net, optimizer=mc.SGD(schedule))
    list(islice(steps_by_hand(twin, mc.SGD(schedule)), EPOCHS * STEPS))
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


# Callbacks


def test_callbacks_see_every_epoch() -> None:
    seen: list[mc.Epoch] = []
    net = network()
    history = fit(net, callbacks=[seen.append], validation_data=(X, Y), metrics="accuracy")
    assert [epoch.index for epoch in seen] == [0, 1, 2]
    assert [epoch.loss for epoch in seen] == history.loss
    assert [epoch.validation_loss for epoch in seen] == history.validation_loss
    assert [epoch.metrics["accuracy"] for epoch in seen] == history.metrics["accuracy"]
    assert all(epoch.network is net for epoch in seen)


def test_a_callback_ends_the_training() -> None:
    seen: list[int] = []

    def note(epoch: mc.Epoch) -> None:
        seen.append(epoch.index)

    def stop(epoch: mc.Epoch) -> bool:
        return epoch.index == 1

    history = fit(network(), callbacks=[stop, note], epochs=10)
    assert history.stopped == "callback"
    assert len(history) == 2
    assert seen == [0, 1]


def test_only_true_ends_the_training() -> None:
    history = fit(network(), callbacks=[lambda epoch: 1, lambda epoch: "go on"])
    assert len(history) == EPOCHS


# Early stopping


def watched(net: mc.MLP, **arguments: Any) -> tuple[mc.History, list[np.ndarray]]:
    """Train, and keep the parameters and statistics after each epoch."""
    kept: list[np.ndarray] = []

    def keep(epoch: mc.Epoch) -> None:
        flat = [epoch.network.parameters, epoch.network.statistics.flat]
        kept.append(np.concatenate(flat, axis=-1))

    return fit(net, callbacks=[keep], **arguments), kept


@either
@pytest.mark.parametrize("normalization", [None, "batch"])
def test_early_stopping_gives_the_best_parameters_back(
    normalization: str | None, members: int | None
) -> None:
    rate = 0.05 if members is None else np.array([0.002, 0.05, 0.3])
    net = network(members=members, normalization=normalization)
    history, kept = watched(
        net, optimizer=mc.Adam(rate), epochs=60, validation_data=LOTTERY, early_stopping=3
    )
    assert history.stopped == "early stopping"
    assert len(history) < 60
    now = np.atleast_2d(np.concatenate([net.parameters, net.statistics.flat], axis=-1))
    losses = np.reshape(history.validation_loss, (len(history), -1))
    ends = []
    for e in range(members or 1):
        best, end = best_of(losses[:, e], patience=3)
        ends.append(end)
        assert np.atleast_1d(history.best_epoch)[e] == best
        np.testing.assert_array_equal(now[e], np.atleast_2d(kept[best])[e])
        for later in kept[end:]:
            np.testing.assert_array_equal(np.atleast_2d(later)[e], np.atleast_2d(kept[end])[e])
        reported = np.reshape(history.loss, (len(history), -1))[:, e]
        assert np.all(np.isfinite(reported[: end + 1]))
        assert np.all(np.isnan(reported[end + 1 :]))
    assert len(history) == max(ends) + 1
    assert members is None or len(set(ends)) > 1
    np.testing.assert_allclose(
        net.loss(*LOTTERY), np.min(losses, axis=0) if members else np.min(losses), rtol=1e-12
    )


def best_of(losses: np.ndarray, patience: int, min_delta: float = 0.0) -> tuple[int, int]:
    """The best epoch, and the one in which patience ends."""
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best] - min_delta:
            best = epoch
        elif epoch - best == patience:
            return best, epoch
    return best, len(losses) - 1


def test_early_stopping_on_a_metric_waits_for_its_rise() -> None:
    rule = mc.EarlyStopping(patience=4, monitor="validation_accuracy")
    history, kept = watched(
        net := network(),
        optimizer=mc.Adam(0.02),
        epochs=40,
        validation_data=(X, Y),
        early_stopping=rule,
    )
    accuracy = np.array(history.validation_metrics["accuracy"])
    best, end = best_of(-accuracy, patience=4)
    assert (history.best_epoch, len(history)) == (best, end + 1)
    assert accuracy[best] > accuracy[0]
    np.testing.assert_array_equal(net.parameters, kept[best][: net.parameters.size])


def test_early_stopping_counts_only_what_is_beyond_the_least_change() -> None:
    rule = mc.EarlyStopping(patience=2, min_delta=0.2, monitor="loss")
    history, _ = watched(network(), optimizer=mc.SGD(0.1), epochs=40, early_stopping=rule)
    best, end = best_of(np.array(history.loss), patience=2, min_delta=0.2)
    assert (history.best_epoch, len(history)) == (best, end + 1)
    assert np.argmin(history.loss) != best


def test_patience_alone_watches_the_loss_where_there_is_no_validation() -> None:
    history = fit(network(), optimizer=mc.SGD(0.0), early_stopping=2, epochs=9, shuffle=False)
    assert (history.stopped, len(history), history.best_epoch) == ("early stopping", 3, 0)


@pytest.mark.parametrize("ending", ["epochs", "callback", "interrupted"])
def test_the_best_parameters_come_back_however_training_ends(ending: str) -> None:
    def end(epoch: mc.Epoch) -> bool:
        if ending == "interrupted" and epoch.index == 11:
            raise KeyboardInterrupt
        return ending == "callback" and epoch.index == 11

    net = network()
    history = fit(
        net,
        optimizer=mc.Adam(0.1),
        epochs=12,
        validation_data=LOTTERY,
        early_stopping=50,
        callbacks=[end],
    )
    assert (history.stopped, len(history)) == (ending, 12)
    assert history.best_epoch < 11
    assert net.loss(*LOTTERY) == pytest.approx(min(history.validation_loss), rel=1e-12)


# Ctrl-C


def test_an_interrupt_returns_the_history_so_far() -> None:
    def interrupt(epoch: mc.Epoch) -> None:
        if epoch.index == 1:
            raise KeyboardInterrupt

    net, twin = network(), network()
    history = fit(net, callbacks=[interrupt], epochs=10)
    fit(twin, epochs=2)
    assert history.stopped == "interrupted"
    assert len(history) == 2
    np.testing.assert_array_equal(net.parameters, twin.parameters)
    assert len(fit(net)) == EPOCHS


@contextmanager
def interrupted_in(net: mc.MLP, seconds: float) -> Iterator[None]:
    """Press Ctrl-C so many seconds after the training has moved the first parameter."""
    start = net.parameters.copy()
    over = threading.Event()

    def press() -> None:
        while np.array_equal(net.parameters, start) and not over.wait(0.002):
            pass
        if not over.wait(seconds):
            signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield
    except KeyboardInterrupt:
        pytest.fail("Ctrl-C went through")
    finally:
        over.set()
        thread.join()


@either
def test_ctrl_c_between_epochs(members: int | None) -> None:
    net = network(members=members)
    with interrupted_in(net, seconds=0.1):
        history = fit(net, epochs=10**7, optimizer=mc.SGD(1e-6))
    assert history.stopped == "interrupted"
    assert 0 < len(history) < 10**7
    assert np.all(np.isfinite(net.parameters))
    assert len(fit(net)) == EPOCHS


def test_ctrl_c_in_a_long_epoch() -> None:
    net = mc.MLP([1, 2, 1], output="identity")
    rows = np.zeros((1_500_000, 1), dtype=np.float32)
    start = net.parameters.copy()
    with interrupted_in(net, seconds=0.05):
        began = time.perf_counter()
        history = net.fit(rows, rows + 1, batch_size=1, epochs=50, shuffle=False, progress=False)
    assert history.stopped == "interrupted"
    assert time.perf_counter() - began < 20
    assert len(history) < 50
    assert np.all(np.isfinite(net.parameters))
    assert not np.array_equal(net.parameters, start)


# Divergence

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
    optimizer: Any, arguments: dict[str, Any]
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
        steps = steps_by_hand(twin, optimizer, VALUES)
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


# Stacks

#: Hyperparameters that differ by member: arguments of the network, the optimizer, those of `fit`.
STACKS: dict[str, tuple[dict[str, Any], Any, dict[str, Any]]] = {
    "seed": ({"seed": [5, 2, 5]}, mc.Adam(0.01), {}),
    "numbered members": ({"seed": 4}, mc.Adam(0.01), {}),
    "learning rate": ({}, mc.SGD([0.1, 0.0, 0.3]), {}),
    "schedule": ({}, mc.SGD(schedules.WarmUp([0.1, 0.2, 0.3], epochs=[1.0, 2.0, 3.0])), {}),
    "cosine": ({}, mc.SGD(schedules.CosineDecay([0.1, 0.2, 0.3], epochs=[1.0, 2.0, 3.0])), {}),
    "plateau": ({}, mc.SGD(schedules.ReduceOnPlateau([0.1, 1e-9, 0.3], patience=0)), {}),
    "l2": ({}, mc.SGD(0.1, l2=[0.0, 0.1, 0.5]), {}),
    "weight decay": ({}, mc.AdamW(0.01, weight_decay=[0.0, 0.1, 0.5]), {}),
    "clip norm": ({}, mc.SGD(0.1, clip_norm=[0.01, 0.5, np.inf]), {}),
    "clip value": ({}, mc.SGD(0.1, clip_value=[0.01, 0.5, np.inf]), {}),
    "both clips and l2": (
        {},
        mc.Adam(0.01, clip_norm=[0.1, 0.5, 1.0], clip_value=[0.1, 0.05, 0.01], l2=[0.5, 0.1, 0.0]),
        {},
    ),
    "momentum": ({}, mc.SGD(0.1, momentum=[0.0, 0.5, 0.9]), {}),
    "Nesterov": ({}, mc.SGD(0.1, momentum=[0.1, 0.5, 0.9], nesterov=True), {}),
    "rho": ({}, mc.RMSProp(0.01, rho=[0.5, 0.9, 0.99], epsilon=[1e-8, 1e-4, 1e-2]), {}),
    "epsilon": ({}, mc.Adagrad(0.1, epsilon=[1e-8, 1e-4, 1e-2]), {}),
    "betas": ({}, mc.Adam(0.01, beta1=[0.0, 0.9, 0.5], beta2=[0.9, 0.99, 0.999], epsilon=1e-4), {}),
    "dropout": ({"dropout": np.array([0.1, 0.5, 0.0])}, mc.Adam(0.01), {}),
    "dropout by layer": ({"dropout": [0.2, np.array([0.1, 0.5, 0.3])]}, mc.Adam(0.01), {}),
    "label smoothing": ({"label_smoothing": np.array([0.0, 0.1, 0.5])}, mc.Adam(0.01), {}),
    "sample weight": (
        {},
        mc.Adam(0.01),
        {"sample_weight": np.random.default_rng(3).uniform(0.1, 2.0, (MEMBERS, ROWS))},
    ),
    "features": (
        {},
        mc.Adam(0.01),
        {"X": np.random.default_rng(4).normal(size=(MEMBERS, ROWS, FEATURES))},
    ),
    "targets": (
        {"output": "identity", "loss": "huber(delta=0.5)"},
        mc.Adam(0.01),
        {"y": np.random.default_rng(5).normal(size=(MEMBERS, ROWS, CLASSES))},
    ),
    "early stopping": (
        {},
        mc.Adam([0.002, 0.1, 0.3]),
        {"epochs": 40, "validation_data": LOTTERY, "early_stopping": 2},
    ),
}


@pytest.mark.parametrize("normalization", [None, "batch"])
@pytest.mark.parametrize(("arguments", "optimizer", "settings"), STACKS.values(), ids=STACKS)
def test_each_member_trains_as_it_does_alone(
    arguments: dict[str, Any], optimizer: Any, settings: dict[str, Any], normalization: str | None
) -> None:
    arguments = {"normalization": normalization, "activation": "tanh"} | arguments
    stack = network(members=MEMBERS, **arguments)
    singles = [stack[e] for e in range(MEMBERS)]
    data = {"X": X, "y": Y if stack.head.target == "labels" else VALUES}
    history = fit(stack, optimizer=optimizer, **(data | settings))
    for e, single in enumerate(singles):
        own = {
            name: value[e] if name in ("X", "y", "sample_weight") else value
            for name, value in settings.items()
        }
        expected = fit(single, optimizer=optimizer.select(e), **(data | own))
        np.testing.assert_allclose(stack.parameters[e], single.parameters, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(
            stack.statistics.flat[e], single.statistics.flat, rtol=1e-10, atol=1e-13
        )
        epochs = len(expected)
        np.testing.assert_allclose(np.array(history.loss)[:epochs, e], expected.loss, rtol=1e-10)
        np.testing.assert_allclose(
            np.array(history.learning_rate)[:epochs, e], expected.learning_rate, rtol=1e-14
        )
        np.testing.assert_array_equal(np.asarray(history.best_epoch)[e], expected.best_epoch)


def test_the_values_of_the_stacks_above_matter() -> None:
    for name, (arguments, optimizer, settings) in STACKS.items():
        stack = network(members=MEMBERS, **({"seed": [1, 1, 1]} | arguments))
        y = Y if stack.head.target == "labels" else VALUES
        fit(stack, optimizer=optimizer, **({"y": y} | settings))
        assert not np.allclose(stack.parameters[0], stack.parameters[1], rtol=1e-8), name


# Progress


@pytest.mark.parametrize("progress", [False, "auto"])
def test_nothing_is_shown_where_nobody_watches(
    progress: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(network(), progress=progress)
    assert capsys.readouterr() == ("", "")


@either
def test_a_bar_shows_epochs_and_losses(
    members: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tqdm")
    fit(network(members=members), progress=True, validation_data=(X, Y), metrics="accuracy")
    out, err = capsys.readouterr()
    assert out == ""
    for word in ("3/3", "epoch", "loss=", "validation_loss=", "validation_accuracy="):
        assert word in err


def test_a_bar_appears_where_somebody_watches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    fit(network())
    fit(network(), progress="auto")
    assert "3/3" in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_a_bar_is_closed_however_training_ends(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    monkeypatch.setattr("mlpcore.training.trainer.Bar.close", lambda self: closed.append("bar"))

    def end(epoch: mc.Epoch) -> None:
        raise error

    with suppress(ZeroDivisionError):
        fit(network(), callbacks=[end])
    assert closed == ["bar"]


def test_the_last_member_may_diverge_after_the_others_stopped() -> None:
    """Those that stopped early keep what they learned, and nothing is raised over their heads."""
    net = network(output="identity", members=2)
    jump = schedules.StepDecay(np.array([0.0, 1e-3]), factor=1e60, every=2.5)
    patience = mc.EarlyStopping(patience=1, monitor="loss")
    with pytest.warns(RuntimeWarning, match="of members"):
        history = fit(
            net, VALUES, optimizer=mc.SGD(jump), epochs=9, shuffle=False, early_stopping=patience
        )
    assert list(history.diverged) == [1]
    assert history.diverged[1] > 1  # after the other had stopped
    assert history.stopped == "early stopping"
    assert np.all(np.isfinite(net.parameters))
