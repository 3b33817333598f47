"""Each member of a stack ends with what the same network ends with alone, whatever its neighbours
do: each setting by member, recorded and functional."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import schedules, training

pytestmark = pytest.mark.filterwarnings("error")

#: The last member is the neighbour that misbehaves; the others are compared.
MEMBERS, COMPARED = 4, (0, 1, 2)
ROWS, FEATURES, OUTPUTS = 13, 4, 3

numbers = np.random.default_rng(0)
X = numbers.normal(size=(ROWS, FEATURES))
OWN_X = numbers.normal(size=(MEMBERS, ROWS, FEATURES))
LABELS = numbers.integers(0, OUTPUTS, ROWS)
VALUES = numbers.normal(size=(ROWS, OUTPUTS))
OWN_VALUES = numbers.normal(size=(MEMBERS, ROWS, OUTPUTS))
WEIGHTS = numbers.uniform(0.1, 2.0, (MEMBERS, ROWS)) * numbers.integers(0, 2, (MEMBERS, ROWS))

needs_kernels = pytest.mark.skipif(
    not mc.MLP([1, 1]).backend.records, reason="no compiled kernels to replay a recording"
)
ways = pytest.mark.parametrize(
    "recorded",
    [pytest.param(True, marks=needs_kernels), False],
    ids=["recorded", "functional"],
)


@dataclass(frozen=True)
class Case:
    """A stack and its members alone.

    Attributes:
        stacked: the arguments of the stack, all but the members.
        alone: those of a member.
        optimizer: of the stack, or with a number of that member, at a learning rate that may be an
            array.
        data: the rest of the call of `fit`, with values by member in `own`.
    """

    stacked: dict[str, Any] = field(default_factory=dict)
    alone: Callable[[int], dict[str, Any]] = lambda e: {}
    optimizer: Callable[..., Any] = mc.SGD
    settings: dict[str, Any] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)
    y: np.ndarray = field(default_factory=lambda: LABELS)


def setting(**arrays: Any) -> Case:
    """Arguments of the network with one value a member, arrays in the stack."""
    return Case(
        {name: np.asarray(values) for name, values in arrays.items()},
        lambda e: {name: values[e] for name, values in arrays.items()},
    )


def text(name: str, form: str, values: list[float], **arguments: Any) -> Case:
    """A text with a list in the stack, and with a number alone."""
    y = VALUES if "output" in arguments else LABELS
    return Case(
        {name: form.format(values), **arguments},
        lambda e: {name: form.format(values[e]), **arguments},
        y=y,
    )


def hyper(optimizer: Callable[..., Any], **settings: Any) -> Case:
    """Hyperparameters of the optimizer with one value a member."""
    return Case(optimizer=optimizer, settings=settings)


def widths(layers: list[list[int]], **arguments: Any) -> Case:
    """Hidden widths with one value a member; arrays among the arguments likewise."""

    def alone(e: int) -> dict[str, Any]:
        own = {k: v[e] if isinstance(v, np.ndarray) else v for k, v in arguments.items()}
        return {"sizes": [FEATURES, *(layer[e] for layer in layers), OUTPUTS], **own}

    return Case({"sizes": [FEATURES, *layers, OUTPUTS], **arguments}, alone)


NARROW = [3, 6, 1, 7], [5, 2, 4, 8]
MIXED = np.array(["relu", "sigmoid", "tanh", "softplus"])
SPECS = np.array(
    ["leaky_relu(negative_slope=0.3)", "gelu(approximate='tanh')", "elu(alpha=0.5)", "exponential"]
)

CASES: dict[str, Case] = {
    "learning rate": hyper(mc.SGD),
    "momentum": hyper(mc.SGD, momentum=[0.0, 0.5, 0.9, 0.9]),
    "nesterov": hyper(mc.SGD, momentum=[0.1, 0.5, 0.9, 0.9], nesterov=True),
    "betas": hyper(mc.Adam, beta1=[0.0, 0.5, 0.9, 0.9], beta2=[0.9, 0.99, 0.999, 0.5]),
    "rho": hyper(mc.RMSProp, rho=[0.5, 0.9, 0.99, 0.0]),
    "epsilon": hyper(mc.Adagrad, epsilon=[1e-3, 1e-2, 1.0, 1e-10]),
    "penalty": hyper(mc.Adam, l2=[0.0, 0.1, 1.0, 0.5], epsilon=1e-3),
    "decay": hyper(mc.AdamW, weight_decay=[0.0, 0.1, 1.0, 0.5], epsilon=1e-3),
    "norm clipped": hyper(mc.SGD, clip_norm=[0.1, np.inf, 0.5, np.inf]),
    "values clipped": hyper(mc.SGD, clip_value=[0.01, np.inf, 0.1, np.inf]),
    "schedule": hyper(lambda rate, **_: mc.SGD(schedules.WarmUp(rate, epochs=3))),
    "dropout": setting(dropout=[0.1, 0.5, 0.0, 0.3]),
    "dropout by layer": Case(
        {"dropout": [0.2, np.array([0.1, 0.5, 0.0, 0.3])]},
        lambda e: {"dropout": [0.2, [0.1, 0.5, 0.0, 0.3][e]]},
    ),
    "smoothing": setting(label_smoothing=[0.0, 0.1, 0.5, 0.9]),
    "delta": text("loss", "huber(delta={})", [0.1, 0.5, 2.0, 1.0], output="identity"),
    "slope": text("activation", "leaky_relu(negative_slope={})", [0.0, 0.1, 0.5, 0.2]),
    "deviation": text("init", "normal(std={})", [0.01, 0.1, 0.5, 1.0]),
    "scale": setting(init_scale=[0.1, 0.5, 2.0, 1.0]),
    "seed": setting(seed=[5, 5, 2**40, 0]),
    "sample weight": Case(own={"sample_weight": WEIGHTS}),
    "features": Case(own={"X": OWN_X}),
    "features and values": Case(
        {"output": "identity"},
        lambda e: {"output": "identity"},
        own={"X": OWN_X, "y": OWN_VALUES},
    ),
    "activation": setting(activation=MIXED),
    "activation by layer": Case(
        {"activation": [SPECS, MIXED]},
        lambda e: {"activation": [SPECS[e], MIXED[e]]},
    ),
    "activation of some": setting(activation=["relu", "relu", "selu", "relu"]),
    "widths": widths([*NARROW]),
    "widths, batch normalization": widths([*NARROW], normalization="batch", activation="sigmoid"),
    "widths and dropout": widths([*NARROW], dropout=0.3, activation=["softplus", "mish"]),
    "widths, activations and dropout": widths(
        [*NARROW],
        activation=MIXED,
        dropout=np.array([0.1, 0.5, 0.0, 0.3]),
        init_scale=np.array([0.1, 0.5, 2.0, 1.0]),
        init="orthogonal",
    ),
    "widths of one layer": widths([[6] * 4, [1, 2, 3, 4]], activation="step"),
}


def build(arguments: dict[str, Any], **more: Any) -> mc.MLP:
    own = {"sizes": [FEATURES, 6, 5, OUTPUTS], "dtype": "float64", "activation": "tanh"}
    return mc.MLP(**{**own, **arguments, **more})


def fit(net: mc.MLP, case: Case, rate: Any, member: int | None, recorded: bool, **more: Any) -> Any:
    def of(value: Any) -> Any:
        stacked = isinstance(value, (list, np.ndarray)) and len(value) == MEMBERS
        return value[member] if stacked and member is not None else value

    optimizer = case.optimizer(of(rate), **{k: of(v) for k, v in case.settings.items()})
    given = {"X": X, "y": case.y, **{name: of(values) for name, values in case.own.items()}}
    return training.fit(
        net,
        **given,
        optimizer=optimizer,
        batch_size=5,
        progress=False,
        recorded=recorded,
        **{"epochs": 3, **more},
    )


def rates(case: Case, last: float = 0.1) -> np.ndarray:
    step = 0.01 if case.optimizer in (mc.Adam, mc.AdamW, mc.RMSProp) else 0.1
    return np.array([step, 0.5 * step, 2 * step, last])


def pair(case: Case) -> tuple[mc.MLP, dict[int, mc.MLP]]:
    stack = build(case.stacked, members=MEMBERS)
    alone = {}
    for e in COMPARED:
        alone[e] = build({"seed": (0, e), **case.alone(e)})
        assert_same(stack[e], alone[e])
    return stack, alone


def assert_same(ours: mc.MLP, theirs: mc.MLP) -> None:
    assert ours.sizes == theirs.sizes
    expected = theirs.tensors()
    for name, value in ours.tensors().items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-10, atol=1e-12, err_msg=name)


def assert_same_figures(history: Any, own: Any, member: int) -> None:
    for name in ("loss", "gradient_norm", "learning_rate", "validation_loss"):
        ours = [figure[member] for figure in getattr(history, name) if figure is not None]
        theirs = [figure for figure in getattr(own, name) if figure is not None]
        np.testing.assert_allclose(ours[: len(theirs)], theirs, rtol=1e-9, err_msg=name)


each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@ways
@each_case
def test_a_member_is_trained_as_alone(case: Case, recorded: bool) -> None:
    stack, alone = pair(case)
    history = fit(stack, case, rates(case), None, recorded)
    for e, net in alone.items():
        own = fit(net, case, rates(case), e, recorded)
        assert_same(stack[e], net)
        assert_same_figures(history, own, e)


@ways
@each_case
def test_a_member_does_not_notice_a_neighbour_that_diverges(case: Case, recorded: bool) -> None:
    stack, alone = pair(case)
    stack.biases[-1][-1, 0] = np.nan
    with pytest.warns(RuntimeWarning, match=r"members \[3\], training diverged"):
        history = fit(stack, case, rates(case), None, recorded)
    assert history.diverged == {3: 0}
    for e, net in alone.items():
        fit(net, case, rates(case), e, recorded)
        assert_same(stack[e], net)


@ways
@each_case
def test_a_member_stops_early_as_alone(case: Case, recorded: bool) -> None:
    stack, alone = pair(case)
    validation = (-X, VALUES if stack.head.target == "values" else np.roll(LABELS, 1))
    more = {"validation_data": validation, "early_stopping": 1, "epochs": 6}
    history = fit(stack, case, rates(case), None, recorded, **more)
    for e, net in alone.items():
        own = fit(net, case, rates(case), e, recorded, **more)
        assert history.best_epoch[e] == own.best_epoch
        assert_same(stack[e], net)
        assert_same_figures(history, own, e)


@ways
@each_case
def test_a_member_goes_on_as_alone_when_neighbours_are_removed(case: Case, recorded: bool) -> None:
    stack, alone = pair(case)
    fit(stack, case, rates(case), None, recorded, epochs=2)
    left = [2, 0]
    rest = stack[left]

    def of_rest(values: Any) -> Any:
        stacked = isinstance(values, (list, np.ndarray)) and len(values) == MEMBERS
        return np.asarray(values)[left] if stacked else values

    own = Case(
        optimizer=case.optimizer,
        settings={name: of_rest(values) for name, values in case.settings.items()},
        own={name: of_rest(values) for name, values in case.own.items()},
        y=case.y,
    )
    fit(rest, own, of_rest(rates(case)), None, recorded, epochs=2)
    for place, e in enumerate(left):
        for _ in range(2):
            fit(alone[e], case, rates(case), e, recorded, epochs=2)
        assert_same(rest[place], alone[e])


@pytest.mark.parametrize(
    "case", [case for name, case in CASES.items() if name not in ("learning rate", "schedule")]
)
def test_the_settings_above_have_an_effect(case: Case) -> None:
    """With another member's settings, and all else alike, a member ends elsewhere."""
    ends = []
    for e in (2, 0):
        net = build({"seed": (0, 2), **case.alone(e)})
        fit(net, case, rates(case)[0], e, recorded=False)
        ends.append((net.sizes, net.parameters))
    assert ends[0][0] != ends[1][0] or not np.allclose(ends[0][1], ends[1][1])


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_nan_in_one_member_s_features_stays_there(normalization: str | None) -> None:
    """Below the checks of the input, at the step itself."""
    from mlpcore.training.batches import batches
    from mlpcore.training.crew import Job
    from mlpcore.training.data import Data
    from mlpcore.training.state import State
    from mlpcore.training.trainer import Trainer

    nets = []
    for recorded in (True, False):
        for member in (None, 0, 2):
            case = {"normalization": normalization, "dropout": 0.2}
            net = build(case, members=MEMBERS) if member is None else build(case, seed=(0, member))
            x = OWN_X.copy()
            x[1, 3:, 2] = np.nan
            data = Data(x if member is None else x[member], LABELS, None)
            how = recorded and net.backend.records
            job = Job(data, None, batches(ROWS, 5), shuffle=True, recorded=how)
            state = State(net, mc.Adam(0.01))
            trainer = Trainer(state, job, metrics=(), stopping=None, callbacks=())
            if member is None:
                with pytest.warns(RuntimeWarning, match=r"members \[1\], training diverged"):
                    trainer.run(3, False)
                assert np.all(np.isfinite(net.parameters))
            else:
                trainer.run(3, False)
            nets.append(net)
    for stack, *alone in (nets[:3], nets[3:]):
        for member, net in zip((0, 2), alone):
            assert_same(stack[member], net)
