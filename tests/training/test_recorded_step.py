"""The recorded step, replayed by the kernels and by plain Python, against the functional one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import training
from training_cases import (
    ACTIVATIONS,
    FEATURES,
    LABELS,
    LOSSES,
    MEMBERS,
    OPTIMIZERS,
    OUTPUTS,
    RATES,
    ROWS,
    STACKED_OPTIMIZERS,
    VALUES,
    WEIGHTS,
    X,
)

pytestmark = pytest.mark.filterwarnings("error")

either = pytest.mark.parametrize("members", [None, 3], ids=["single", "stacked"])
each_way = pytest.mark.parametrize(
    ("replayed", "dtype"),
    [("kernels", "float32"), ("kernels", "float64"), ("tape", "float64")],
    indirect=["replayed"],
)
each_replay = pytest.mark.parametrize("replayed", ["kernels", "tape"], indirect=True)

Replayed = Callable[[mc.MLP], mc.MLP]

TOLERANCE: dict[str, dict[str, Any]] = {
    "float32": {"rtol": 5e-5, "atol": 2e-5},
    "float64": {"rtol": 1e-10, "atol": 1e-12},
}


def network(**arguments: Any) -> mc.MLP:
    return mc.MLP([FEATURES, 6, 5, OUTPUTS], **({"dtype": "float64"} | arguments))


def fit(net: mc.MLP, recorded: bool, y: Any = LABELS, **arguments: Any) -> mc.History:
    """Train with a last, shorter batch in each epoch."""
    settings: dict[str, Any] = {
        "batch_size": 4,
        "epochs": 3,
        "progress": False,
        "optimizer": mc.SGD(0.1),
    }
    data = arguments.pop("X", X)
    return training.fit(net, data, y, recorded=recorded, **(settings | arguments))


def assert_equal_steps(recorded: mc.MLP, functional: mc.MLP, **arguments: Any) -> None:
    """Train both, and compare parameters, running statistics and history."""
    histories = fit(recorded, True, **arguments), fit(functional, False, **arguments)
    assert_same(recorded, functional)
    tolerance = TOLERANCE[functional.dtype]
    for name in ("loss", "gradient_norm", "learning_rate"):
        ours, theirs = (getattr(history, name) for history in histories)
        np.testing.assert_allclose(ours, theirs, **tolerance, err_msg=name)


def assert_same(recorded: mc.MLP, functional: mc.MLP) -> None:
    expected = functional.tensors()
    for name, value in recorded.tensors().items():
        np.testing.assert_allclose(
            value, expected[name], **TOLERANCE[functional.dtype], err_msg=name
        )


def twins(replayed: Replayed, **arguments: Any) -> tuple[mc.MLP, mc.MLP]:
    """A network whose steps are recorded and replayed, and the same for the functional step."""
    return replayed(network(**arguments)), network(**arguments)


@either
@each_way
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(
    activation: str, normalization: str | None, dtype: str, members: int | None, replayed: Replayed
) -> None:
    assert_equal_steps(
        *twins(
            replayed,
            activation=activation,
            normalization=normalization,
            dtype=dtype,
            members=members,
        )
    )


@either
@each_way
@pytest.mark.parametrize("weighted", ["alike", "weighted", "weighted by member"])
@pytest.mark.parametrize(("arguments", "y"), LOSSES.values(), ids=LOSSES)
def test_every_loss(
    arguments: dict[str, Any],
    y: Any,
    weighted: str,
    dtype: str,
    members: int | None,
    replayed: Replayed,
) -> None:
    by_member = WEIGHTS if members else WEIGHTS[1]
    weight = {"alike": None, "weighted": WEIGHTS[0], "weighted by member": by_member}[weighted]
    nets = twins(replayed, activation="tanh", dtype=dtype, members=members, **arguments)
    assert_equal_steps(*nets, y=y, sample_weight=weight)


@either
@each_way
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_every_optimizer(
    optimizer: Any, normalization: str | None, dtype: str, members: int | None, replayed: Replayed
) -> None:
    nets = twins(
        replayed, activation="tanh", normalization=normalization, dtype=dtype, members=members
    )
    assert_equal_steps(*nets, optimizer=optimizer)


@each_way
@pytest.mark.parametrize("optimizer", STACKED_OPTIMIZERS, ids=repr)
def test_every_optimizer_with_values_by_member(
    optimizer: Any, dtype: str, replayed: Replayed
) -> None:
    own: dict[str, Any] = {"dropout": RATES, "label_smoothing": RATES, "members": MEMBERS}
    nets = twins(replayed, activation="tanh", dtype=dtype, **own)
    assert_equal_steps(*nets, optimizer=optimizer)


@either
@each_way
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("dropout", [0.3, [0.0, 0.5], "by member", "by layer and member"], ids=str)
def test_dropout(
    dropout: Any, normalization: str | None, dtype: str, members: int | None, replayed: Replayed
) -> None:
    if isinstance(dropout, str):
        rates = RATES if members else 0.5
        dropout = rates if dropout == "by member" else [0.2, rates]
    nets = twins(
        replayed,
        dropout=dropout,
        normalization=normalization,
        dtype=dtype,
        members=members,
        seed=2**33 + 1,
    )
    assert_equal_steps(*nets)


@either
@each_way
@pytest.mark.parametrize("size", [1, 2, 4, 5, 10, 11, 50])
def test_every_kind_of_last_batch(
    size: int, dtype: str, members: int | None, replayed: Replayed
) -> None:
    nets = twins(replayed, activation="tanh", normalization="layer", dtype=dtype, members=members)
    assert_equal_steps(*nets, batch_size=size)


@each_way
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("sizes", [[4, 3], [4, 1, 3], [4, 17, 3], [4, 5, 6, 7, 3]], ids=str)
def test_other_depths_and_widths(
    sizes: list[int], shuffle: bool, dtype: str, replayed: Replayed
) -> None:
    for members in (None, 1, MEMBERS):
        nets = [mc.MLP(sizes, dtype=dtype, members=members) for _ in range(2)]
        assert_equal_steps(replayed(nets[0]), nets[1], shuffle=shuffle)


@each_way
def test_members_with_data_of_their_own(dtype: str, replayed: Replayed) -> None:
    numbers = np.random.default_rng(6)
    own = numbers.normal(size=(MEMBERS, ROWS, FEATURES))
    values = numbers.normal(size=(MEMBERS, ROWS, OUTPUTS))
    for y, output in ((LABELS, "softmax"), (values, "identity"), (VALUES, "identity")):
        nets = twins(replayed, dtype=dtype, members=MEMBERS, output=output, normalization="batch")
        assert_equal_steps(*nets, X=own, y=y, sample_weight=WEIGHTS)
    nets = twins(replayed, dtype=dtype, members=MEMBERS, label_smoothing=RATES, seed=[4, 4, 9])
    assert_equal_steps(*nets)


@either
@each_way
def test_a_replay_gives_the_same_bits_again(
    dtype: str, members: int | None, replayed: Replayed
) -> None:
    settings = {"normalization": "batch", "dropout": 0.2}
    nets = [replayed(network(dtype=dtype, members=members, **settings)) for _ in range(2)]
    for net in nets:
        fit(net, True, optimizer="adam")
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()
    assert nets[0].statistics.flat.tobytes() == nets[1].statistics.flat.tobytes()


@either
@each_replay
def test_a_replay_diverges_in_the_same_place(members: int | None, replayed: Replayed) -> None:
    recorded, functional = twins(
        replayed, output="identity", normalization="layer", members=members
    )
    places = []
    for net, how in ((recorded, True), (functional, False)):
        with pytest.raises(mc.DivergenceError) as raised:
            fit(net, how, VALUES, optimizer=mc.SGD(1e100), epochs=20)
        places.append((raised.value.epoch, raised.value.step))
        assert np.all(np.isfinite(net.parameters))
    assert places[0] == places[1]
    for name, value in recorded.tensors().items():
        np.testing.assert_allclose(value, functional.tensors()[name], rtol=1e-6, err_msg=name)


@each_replay
def test_a_replay_leaves_the_neighbours_of_a_diverging_member_alone(replayed: Replayed) -> None:
    recorded, functional = twins(replayed, output="identity", members=MEMBERS, dropout=0.1)
    histories = []
    for net, how in ((recorded, True), (functional, False)):
        optimizer = mc.SGD([0.01, 1e200, 0.02])
        with pytest.warns(RuntimeWarning, match=r"members \[1\], training diverged"):
            histories.append(fit(net, how, VALUES, optimizer=optimizer, epochs=4))
    ours, theirs = histories
    assert ours.diverged == theirs.diverged
    np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-6)
    np.testing.assert_allclose(recorded.parameters, functional.parameters, rtol=1e-6)
    for e in (0, 2):
        np.testing.assert_allclose(recorded.parameters[e], functional.parameters[e], rtol=1e-10)


@each_replay
def test_a_replay_lets_stopped_members_rest(replayed: Replayed) -> None:
    recorded, functional = twins(replayed, members=MEMBERS)
    validation = (-X, np.roll(LABELS, 1))
    settings: dict[str, Any] = {"validation_data": validation, "early_stopping": 2, "epochs": 60}
    optimizer = mc.Adam([0.001, 0.1, 0.3], epsilon=1e-2)
    ours = fit(recorded, True, optimizer=optimizer, **settings)
    theirs = fit(functional, False, optimizer=optimizer, **settings)
    assert ours.stopped == theirs.stopped == "early stopping"
    np.testing.assert_array_equal(ours.best_epoch, theirs.best_epoch)
    np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-8)
    np.testing.assert_allclose(recorded.parameters, functional.parameters, rtol=1e-8)
