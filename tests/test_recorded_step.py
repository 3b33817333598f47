"""The recorded step against the functional one, and the recording itself without native code."""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import functions, schedules, training
from mlpcore.backend.devices import Backend
from mlpcore.backend.dispatch import Primitive, results
from mlpcore.backend.workspace import Symbol
from mlpcore.functions import activations

pytestmark = pytest.mark.filterwarnings("error")

needs_kernels = pytest.mark.skipif(
    not mc.MLP([1, 1]).backend.records, reason="no compiled kernels to replay a recording"
)
either = pytest.mark.parametrize("members", [None, 3], ids=["single", "stacked"])
each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])

ROWS, FEATURES, OUTPUTS = 11, 4, 3
MEMBERS = 3
RATES = np.array([0.1, 0.5, 0.0])

X = np.random.default_rng(0).normal(size=(ROWS, FEATURES))
LABELS = np.random.default_rng(1).integers(0, OUTPUTS, ROWS)
VALUES = np.random.default_rng(2).normal(size=(ROWS, OUTPUTS))
SHARES = np.random.default_rng(3).dirichlet(np.ones(OUTPUTS), ROWS)
COUNTS = np.random.default_rng(4).poisson(1.0, (ROWS, OUTPUTS)).astype(float)
WEIGHTS = np.random.default_rng(5).uniform(0.1, 2.0, (MEMBERS, ROWS))

TOLERANCE: dict[str, dict[str, Any]] = {
    "float32": {"rtol": 5e-5, "atol": 2e-5},
    "float64": {"rtol": 1e-10, "atol": 1e-12},
}

#: One of each rule, with all that every rule takes. A large epsilon, since behind a bias in front
#: of batch normalization there is rounding alone, which a small one would blow up.
OPTIMIZERS = [
    mc.SGD(0.1),
    mc.SGD(0.1, l2=0.1, weight_decay=0.1, clip_norm=0.3, clip_value=0.1),
    mc.SGD(0.1, momentum=0.9, clip_norm=0.3),
    mc.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    mc.RMSProp(0.01, epsilon=1e-2, l2=0.1),
    mc.Adagrad(0.1, epsilon=1e-2, clip_value=0.1),
    mc.Adam(0.01, epsilon=1e-2, l2=0.1, clip_norm=0.3),
    mc.AdamW(0.01, epsilon=1e-2, weight_decay=0.3),
    mc.SGD(schedules.CosineDecay(0.1, epochs=3)),
]

#: The same with values by member.
STACKED_OPTIMIZERS = [
    mc.SGD([0.1, 0.0, 0.3], l2=[0.0, 0.1, 0.5], clip_norm=[0.1, np.inf, 0.3]),
    mc.SGD(0.1, momentum=[0.0, 0.5, 0.9], clip_value=[0.1, np.inf, 0.02]),
    mc.SGD(0.1, momentum=[0.1, 0.5, 0.9], nesterov=True, weight_decay=[0.0, 0.1, 0.5]),
    mc.RMSProp([0.01, 0.02, 0.03], rho=[0.5, 0.9, 0.99], epsilon=[1e-2, 1e-1, 1.0]),
    mc.Adagrad(0.1, epsilon=[1e-2, 1e-1, 1.0]),
    mc.Adam(0.01, beta1=[0.0, 0.9, 0.5], beta2=[0.9, 0.99, 0.999], epsilon=1e-2),
    mc.AdamW(schedules.WarmUp([0.1, 0.2, 0.3], epochs=2), epsilon=1e-2, weight_decay=[0.1, 0.2, 0]),
]

LOSSES: dict[str, tuple[dict[str, Any], Any]] = {
    "labels": ({}, LABELS),
    "labels smoothed": ({"label_smoothing": 0.2}, LABELS),
    "probabilities": ({"label_smoothing": 0.2}, SHARES),
    "shares": ({"output": "sigmoid"}, SHARES),
    "squared error": ({"output": "identity"}, VALUES),
    "absolute error": ({"output": "identity", "loss": "absolute_error"}, VALUES),
    "huber": ({"output": "identity", "loss": "huber(delta=0.5)"}, VALUES),
    "counts": ({"output": "exponential"}, COUNTS),
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


def twins(**arguments: Any) -> tuple[mc.MLP, mc.MLP]:
    return network(**arguments), network(**arguments)


# With kernels


@needs_kernels
@either
@each_dtype
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize(
    "activation",
    [
        *activations.__all__,
        "leaky_relu(negative_slope=0.2)",
        "elu(alpha=0.5)",
        "gelu(approximate='tanh')",
    ],
)
def test_every_activation(
    activation: str, normalization: str | None, dtype: str, members: int | None
) -> None:
    assert_equal_steps(
        *twins(activation=activation, normalization=normalization, dtype=dtype, members=members)
    )


@needs_kernels
@either
@each_dtype
@pytest.mark.parametrize("weighted", ["alike", "weighted", "weighted by member"])
@pytest.mark.parametrize(("arguments", "y"), LOSSES.values(), ids=LOSSES)
def test_every_loss(
    arguments: dict[str, Any], y: Any, weighted: str, dtype: str, members: int | None
) -> None:
    by_member = WEIGHTS if members else WEIGHTS[1]
    weight = {"alike": None, "weighted": WEIGHTS[0], "weighted by member": by_member}[weighted]
    nets = twins(activation="tanh", dtype=dtype, members=members, **arguments)
    assert_equal_steps(*nets, y=y, sample_weight=weight)


@needs_kernels
@either
@each_dtype
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_every_optimizer(
    optimizer: Any, normalization: str | None, dtype: str, members: int | None
) -> None:
    nets = twins(activation="tanh", normalization=normalization, dtype=dtype, members=members)
    assert_equal_steps(*nets, optimizer=optimizer)


@needs_kernels
@each_dtype
@pytest.mark.parametrize("optimizer", STACKED_OPTIMIZERS, ids=repr)
def test_every_optimizer_with_values_by_member(optimizer: Any, dtype: str) -> None:
    nets = twins(activation="tanh", dtype=dtype, members=MEMBERS)
    assert_equal_steps(*nets, optimizer=optimizer)


@needs_kernels
@either
@each_dtype
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("dropout", [0.3, [0.0, 0.5], "by member", "by layer and member"], ids=str)
def test_dropout(dropout: Any, normalization: str | None, dtype: str, members: int | None) -> None:
    if isinstance(dropout, str):
        rates = RATES if members else 0.5
        dropout = rates if dropout == "by member" else [0.2, rates]
    nets = twins(
        dropout=dropout, normalization=normalization, dtype=dtype, members=members, seed=2**33 + 1
    )
    assert_equal_steps(*nets)


@needs_kernels
@either
@each_dtype
@pytest.mark.parametrize("size", [1, 2, 4, 5, 10, 11, 50])
def test_every_kind_of_last_batch(size: int, dtype: str, members: int | None) -> None:
    nets = twins(activation="tanh", normalization="layer", dtype=dtype, members=members)
    assert_equal_steps(*nets, batch_size=size)


@needs_kernels
@each_dtype
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("sizes", [[4, 3], [4, 1, 3], [4, 17, 3], [4, 5, 6, 7, 3]], ids=str)
def test_other_depths_and_widths(sizes: list[int], shuffle: bool, dtype: str) -> None:
    for members in (None, 1, MEMBERS):
        nets = [mc.MLP(sizes, dtype=dtype, members=members) for _ in range(2)]
        assert_equal_steps(nets[0], nets[1], shuffle=shuffle)


@needs_kernels
@each_dtype
def test_members_with_data_of_their_own(dtype: str) -> None:
    numbers = np.random.default_rng(6)
    own = numbers.normal(size=(MEMBERS, ROWS, FEATURES))
    values = numbers.normal(size=(MEMBERS, ROWS, OUTPUTS))
    for y, output in ((LABELS, "softmax"), (values, "identity"), (VALUES, "identity")):
        nets = twins(dtype=dtype, members=MEMBERS, output=output, normalization="batch")
        assert_equal_steps(*nets, X=own, y=y, sample_weight=WEIGHTS)
    nets = twins(dtype=dtype, members=MEMBERS, label_smoothing=RATES, seed=[4, 4, 9])
    assert_equal_steps(*nets)


@needs_kernels
@either
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_replay_gives_the_same_bits_again(dtype: str, members: int | None) -> None:
    nets = twins(dtype=dtype, members=members, normalization="batch", dropout=0.2)
    for net in nets:
        fit(net, True, optimizer="adam")
    assert nets[0].parameters.tobytes() == nets[1].parameters.tobytes()
    assert nets[0].statistics.flat.tobytes() == nets[1].statistics.flat.tobytes()


@needs_kernels
@either
def test_a_replay_diverges_in_the_same_place(members: int | None) -> None:
    assert_same_divergence(*twins(output="identity", normalization="layer", members=members))


@needs_kernels
def test_a_replay_leaves_the_neighbours_of_a_diverging_member_alone() -> None:
    assert_same_neighbours(*twins(output="identity", members=MEMBERS, dropout=0.1))


@needs_kernels
def test_a_replay_lets_stopped_members_rest() -> None:
    assert_same_early_stops(*twins(members=MEMBERS))


def assert_same_divergence(recorded: mc.MLP, functional: mc.MLP) -> None:
    places = []
    for net, how in ((recorded, True), (functional, False)):
        with pytest.raises(mc.DivergenceError) as raised:
            fit(net, how, VALUES, optimizer=mc.SGD(1e100), epochs=20)
        places.append((raised.value.epoch, raised.value.step))
        assert np.all(np.isfinite(net.parameters))
    assert places[0] == places[1]
    for name, value in recorded.tensors().items():
        np.testing.assert_allclose(value, functional.tensors()[name], rtol=1e-6, err_msg=name)


def assert_same_neighbours(recorded: mc.MLP, functional: mc.MLP) -> None:
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


def assert_same_early_stops(recorded: mc.MLP, functional: mc.MLP) -> None:
    validation = (-X, np.roll(LABELS, 1))
    settings: dict[str, Any] = {"validation_data": validation, "early_stopping": 2, "epochs": 60}
    optimizer = mc.Adam([0.001, 0.1, 0.3], epsilon=1e-2)
    ours = fit(recorded, True, optimizer=optimizer, **settings)
    theirs = fit(functional, False, optimizer=optimizer, **settings)
    assert ours.stopped == theirs.stopped == "early stopping"
    np.testing.assert_array_equal(ours.best_epoch, theirs.best_epoch)
    np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-8)
    np.testing.assert_allclose(recorded.parameters, functional.parameters, rtol=1e-8)


# Without kernels: the recording, replayed through the bodies


class Tape:
    """A plan in Python: it keeps the calls, and replays them through the primitives' bodies."""

    def __init__(self, stacked: bool) -> None:
        self.stacked = stacked
        self.calls: list[tuple[Primitive | None, tuple[Any, ...], list[Any], dict[str, Any]]] = []
        self.finished = False

    def symbol(self, array: Any, stride: int = 0) -> Symbol | None:
        return None if array is None else Symbol(array, self, stride)

    def symbols(self, views: list[Any]) -> list[dict[str, Symbol | None]]:
        return [{name: self.symbol(array) for name, array in layer.items()} for layer in views]

    def record(
        self, primitive: Primitive, arrays: tuple[Any, ...], out: Any, parameters: dict[str, Any]
    ) -> Any:
        assert not self.finished
        places, returned = results(primitive, arrays, out, self._allocate)
        self.calls.append((primitive, arrays, places, parameters))
        return returned

    def _allocate(self, shape: tuple[int, ...], dtype: Any) -> Symbol:
        # A body that read what it shall write would carry the NaN on.
        filler = np.nan if np.dtype(dtype).kind == "f" else -1
        return Symbol(np.full(shape, filler, dtype=dtype), self)

    def stop_if_not_finite(self, loss: Symbol) -> None:
        self.calls.append((None, (loss,), [], {}))

    def finish(self) -> None:
        self.finished = True

    def run(self, first: int, last: int, active: np.ndarray | None = None) -> np.ndarray:
        assert self.finished
        active = np.ones(MEMBERS if self.stacked else 1, bool) if active is None else active.copy()
        stopped = np.full(active.shape, -1)
        for step in range(first, last):
            for primitive, arrays, places, parameters in self.calls:
                inputs = [at(array, step) for array in arrays]
                if primitive is None:
                    failed = active & ~np.isfinite(np.atleast_1d(inputs[0]))
                    stopped[failed] = step
                    active &= ~failed
                    continue
                values = primitive.reference(
                    *inputs, **{name: at(value, step) for name, value in parameters.items()}
                )
                for place, value in zip(
                    places, values if isinstance(values, tuple) else (values,), strict=True
                ):
                    target = at(place, step)
                    assert target.shape == np.shape(value), primitive
                    assert target.dtype == np.asarray(value).dtype, primitive
                    if self.stacked:
                        target[active] = value[active]
                    elif active[0]:
                        target[...] = value
        return stopped


def at(value: Any, step: int) -> Any:
    """What a call sees of a symbol in this step; anything else is as it was recorded."""
    if not isinstance(value, Symbol):
        return value
    interface = dict(value.array.__array_interface__)
    pointer, readonly = interface["data"]
    interface["data"] = (pointer + step * value.stride, readonly)
    interface["strides"] = value.array.strides
    return np.asarray(SimpleNamespace(__array_interface__=interface, owner=value.array))


@dataclass(frozen=True)
class TapeBackend(Backend):
    """The CPU with plans of tape."""

    stacked: bool = False

    @property
    def records(self) -> bool:
        return True

    def plan(self) -> Tape:
        return Tape(self.stacked)


def on_tape(net: mc.MLP) -> mc.MLP:
    """The same network, whose steps are recorded on tape."""
    own = {field.name: getattr(net.backend, field.name) for field in fields(Backend)}
    net.backend = TapeBackend(**own, stacked=net.members is not None)
    return net


def assert_tape_equals_functional(arguments: dict[str, Any], **settings: Any) -> None:
    recorded, functional = twins(**arguments)
    assert_equal_steps(on_tape(recorded), functional, **settings)


@either
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_tape_equals_the_functional_step(
    dropout: float, normalization: str | None, members: int | None
) -> None:
    arguments = {"normalization": normalization, "dropout": dropout, "members": members}
    assert_tape_equals_functional(arguments)


@either
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_tape_holds_every_optimizer(optimizer: Any, members: int | None) -> None:
    assert_tape_equals_functional({"members": members}, optimizer=optimizer)


@pytest.mark.parametrize("optimizer", STACKED_OPTIMIZERS, ids=repr)
def test_a_tape_holds_values_by_member(optimizer: Any) -> None:
    arguments = {"members": MEMBERS, "dropout": RATES, "label_smoothing": RATES}
    assert_tape_equals_functional(arguments, optimizer=optimizer)


@either
@pytest.mark.parametrize(("arguments", "y"), LOSSES.values(), ids=LOSSES)
def test_a_tape_holds_every_loss(arguments: dict[str, Any], y: Any, members: int | None) -> None:
    weight = WEIGHTS if members else WEIGHTS[0]
    assert_tape_equals_functional(arguments | {"members": members}, y=y, sample_weight=weight)


@either
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("size", [1, 4, 10, 11])
def test_a_tape_holds_every_kind_of_last_batch(
    size: int, shuffle: bool, members: int | None
) -> None:
    assert_tape_equals_functional(
        {"members": members, "normalization": "layer"}, batch_size=size, shuffle=shuffle
    )


def test_a_tape_holds_data_by_member() -> None:
    own = np.random.default_rng(6).normal(size=(MEMBERS, ROWS, FEATURES))
    values = np.random.default_rng(7).normal(size=(MEMBERS, ROWS, OUTPUTS))
    arguments = {"members": MEMBERS, "output": "identity"}
    assert_tape_equals_functional(arguments, X=own, y=values, sample_weight=WEIGHTS)


@either
def test_a_tape_diverges_in_the_same_place(members: int | None) -> None:
    recorded, functional = twins(output="identity", normalization="layer", members=members)
    assert_same_divergence(on_tape(recorded), functional)


def test_a_tape_leaves_the_neighbours_of_a_diverging_member_alone() -> None:
    recorded, functional = twins(output="identity", members=MEMBERS, dropout=0.1)
    assert_same_neighbours(on_tape(recorded), functional)


def test_a_tape_lets_stopped_members_rest() -> None:
    recorded, functional = twins(members=MEMBERS)
    assert_same_early_stops(on_tape(recorded), functional)


def test_the_calls_of_a_step_are_in_the_order_of_its_mathematics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tapes: list[Tape] = []

    def plan(self: TapeBackend) -> Tape:
        tapes.append(Tape(self.stacked))
        return tapes[-1]

    monkeypatch.setattr(TapeBackend, "plan", plan)
    net = on_tape(mc.MLP([FEATURES, 5, OUTPUTS], normalization="batch", dropout=0.1))
    fit(net, True, optimizer=mc.Adam(clip_norm=1.0), sample_weight=WEIGHTS[0])
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
    assert [tape.calls[0][2][0].shape for tape in tapes] == [(4, FEATURES), (3, FEATURES)]
    for tape in tapes:
        assert [p.name if p else "stop_if_not_finite" for p, *_ in tape.calls] == names


# Symbols


def test_a_symbol_looks_like_its_array() -> None:
    symbol = Symbol(np.zeros((2, 3), dtype=np.float32), Tape(False), stride=4)
    assert (symbol.shape, symbol.ndim, symbol.dtype) == ((2, 3), 2, np.float32)


def test_a_primitive_that_meets_a_symbol_is_recorded_and_not_run() -> None:
    tape = Tape(False)
    x = np.array([[-1.0, 2.0]])
    y = functions.relu(Symbol(x, tape))
    assert isinstance(y, Symbol)
    assert np.all(np.isnan(y.array))
    out = Symbol(np.zeros((1, 2)), tape)
    assert functions.tanh(y, out=out) is out
    assert [primitive.name for primitive, *_ in tape.calls if primitive] == ["relu", "tanh"]
    tape.finish()
    tape.run(0, 1, np.ones(1, dtype=bool))
    np.testing.assert_array_equal(y.array, [[0.0, 2.0]])
    np.testing.assert_array_equal(out.array, np.tanh([[0.0, 2.0]]))
    x[...] = 3.0
    tape.run(0, 1, np.ones(1, dtype=bool))
    np.testing.assert_array_equal(out.array, np.tanh([[3.0, 3.0]]))


def test_some_results_may_be_told_their_place() -> None:
    tape = Tape(False)
    x, gamma, beta = (Symbol(a, tape) for a in (np.ones((4, 2)), np.ones(2), np.zeros(2)))
    mean = Symbol(np.zeros(2), tape)
    y, same, variance = functions.batch_norm(x, gamma, beta, out=(None, mean, None))
    assert same is mean
    assert (y.shape, variance.shape) == ((4, 2), (2,))


def test_a_stepped_symbol_moves_on() -> None:
    tape = Tape(False)
    rows, losses = np.arange(6.0).reshape(3, 2), np.zeros(3)
    functions.logsumexp(
        Symbol(rows[0, ...], tape, rows.strides[0]), out=Symbol(losses[0, ...], tape, 8)
    )
    tape.finish()
    tape.run(0, 3, np.ones(1, dtype=bool))
    np.testing.assert_allclose(losses, np.logaddexp(rows[:, 0], rows[:, 1]))
