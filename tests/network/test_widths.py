"""Members of several widths in one stack: padded by zeros that stay zero, and true in all else."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import training
from mlpcore.functions import activations
from mlpcore.layers import Mask
from mlpcore.network.padding import present

pytestmark = pytest.mark.filterwarnings("error")

MEMBERS, ROWS = 3, 11
FIRST, SECOND = (3, 6, 1), (5, 2, 5)
SIZES = [4, FIRST, SECOND, 3]
numbers = np.random.default_rng(0)
X = numbers.normal(size=(ROWS, 4))
LABELS = numbers.integers(0, 3, ROWS)

OPTIMIZERS = [
    mc.SGD(0.1, l2=0.1, weight_decay=0.1, clip_norm=0.5, clip_value=0.1),
    mc.SGD(0.1, momentum=0.9, l2=0.1),
    mc.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    mc.RMSProp(0.01, l2=0.1),
    mc.Adagrad(0.1, weight_decay=0.1),
    mc.Adam(0.01, l2=0.1, clip_norm=0.5),
    mc.AdamW(0.01, weight_decay=0.1),
]
needs_kernels = pytest.mark.skipif(
    not mc.MLP([1, 1]).backend.records, reason="no compiled kernels to replay a recording"
)
ways = pytest.mark.parametrize(
    "recorded",
    [pytest.param(True, marks=needs_kernels), False],
    ids=["recorded", "functional"],
)


def build(**arguments: Any) -> mc.MLP:
    return mc.MLP(**{"sizes": SIZES, "members": MEMBERS, "dtype": "float64", **arguments})


def outside(net: mc.MLP) -> list[np.ndarray]:
    """Where no member has a parameter, and no statistic."""
    return [buffer == 0 for buffer in present(net.settings, net.structure)]


def assert_zero_outside(net: mc.MLP) -> None:
    _, g = net.loss_and_gradients(X, LABELS)
    padding, statistics = outside(net)
    assert padding.sum() > 0
    for flat in (net.parameters, g.flat):
        np.testing.assert_array_equal(flat[padding], 0.0)
        assert np.all(np.isfinite(flat))
    np.testing.assert_array_equal(net.statistics.flat[statistics], 0.0)


def train(net: mc.MLP, recorded: bool | None = None, optimizer: Any = None) -> None:
    training.fit(
        net,
        X,
        LABELS,
        optimizer=optimizer or mc.SGD(0.01, l2=0.1),
        batch_size=4,
        epochs=3,
        recorded=recorded,
        progress=False,
    )


@ways
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("normalization", [None, "batch"])
@pytest.mark.parametrize(
    "activation",
    [
        *activations.__all__,
        "elu(alpha=0.5)",
        "gelu(approximate='tanh')",
        ["sigmoid", "exponential"],
    ],
    ids=str,
)
def test_padding_stays_zero_behind_every_activation(
    activation: Any, normalization: str | None, dropout: float, recorded: bool
) -> None:
    net = build(activation=activation, normalization=normalization, dropout=dropout, init_scale=0.5)
    assert_zero_outside(net)
    train(net, recorded)
    assert_zero_outside(net)


@ways
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ["sigmoid", "relu", "by member"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_padding_stays_zero_through_every_optimizer(
    optimizer: Any, activation: str, dtype: str, recorded: bool
) -> None:
    own = np.array(["tanh", "softplus", "exponential"])
    net = build(
        activation=own if activation == "by member" else activation,
        normalization="batch",
        dropout=0.3,
        dtype=dtype,
    )
    train(net, recorded, optimizer)
    assert_zero_outside(net)


def test_only_what_moves_zero_is_masked() -> None:
    """Padding costs nothing where widths are alike, and next to nothing where f(0) = 0."""

    def masks(**arguments: Any) -> int:
        return sum(isinstance(layer, Mask) for layer in build(**arguments).layers)

    assert masks(activation="sigmoid") == 2
    assert masks(activation="tanh") == 0
    assert masks(activation=["relu", "softplus"]) == 1
    assert masks(activation=np.array(["relu", "tanh", "step"])) == 2
    assert masks(activation="sigmoid", sizes=[4, FIRST, 5, 3]) == 1
    assert masks(activation="sigmoid", sizes=[4, (5, 5, 5), 5, 3]) == 0


# What it is


def test_sizes_are_those_of_the_members() -> None:
    net = build()
    assert net.sizes == (4, FIRST, SECOND, 3)
    assert [one.sizes for one in net] == [  # type: ignore[attr-defined]
        (4, 3, 5, 3), (4, 6, 2, 3), (4, 1, 5, 3)
    ]  # fmt: skip
    assert [weight.shape for weight in net.weights] == [(3, 4, 6), (3, 6, 5), (3, 5, 3)]
    assert repr(net).startswith("MLP([4, (3, 6, 1), (5, 2, 5), 3], activation='relu'")


@pytest.mark.parametrize("form", [list, tuple, np.array])
def test_widths_come_in_any_sequence(form: Any) -> None:
    net = build(sizes=[4, form(FIRST), form(SECOND), 3])
    assert net.sizes == (4, FIRST, SECOND, 3)
    assert json.dumps(net.configuration["sizes"]) == "[4, [3, 6, 1], [5, 2, 5], 3]"


def test_equal_widths_are_one_width() -> None:
    net, plain = build(sizes=[4, [5, 5, 5], 3]), build(sizes=[4, 5, 3])
    assert net.sizes == plain.sizes == (4, 5, 3)
    np.testing.assert_array_equal(net.parameters, plain.parameters)


@pytest.mark.parametrize("init", ["auto", "orthogonal", "lecun_uniform", "normal(std=[1, 2, 3])"])
def test_initial_weights_are_those_of_the_true_widths(init: str) -> None:
    net = build(init=init, activation=["sigmoid", "relu"], normalization="batch")
    for e, one in enumerate(net):  # type: ignore[arg-type, var-annotated]
        alone = mc.MLP(**{**one.configuration, "seed": (0, e)})
        assert alone.sizes == (4, FIRST[e], SECOND[e], 3)
        np.testing.assert_array_equal(one.parameters, alone.parameters)
        np.testing.assert_array_equal(one.statistics.flat, alone.statistics.flat)


def test_predictions_are_those_of_the_members() -> None:
    net = build(activation="softplus", normalization="batch", dropout=0.3)
    train(net)
    predictions = net.predict(X)
    for e, one in enumerate(net):  # type: ignore[arg-type, var-annotated]
        np.testing.assert_allclose(one.predict(X), predictions[e], rtol=1e-12)


def test_a_selection_is_as_wide_as_its_widest() -> None:
    net = build(activation="sigmoid", normalization="batch")
    train(net)
    some = net[[2, 0]]
    assert some.sizes == (4, (1, 3), 5, 3)
    assert [weight.shape for weight in some.weights] == [(2, 4, 3), (2, 3, 5), (2, 5, 3)]
    np.testing.assert_allclose(some.predict(X), net.predict(X)[[2, 0]], rtol=1e-12)
    assert net[[1]].sizes == (4, 6, 2, 3)
    assert net[[0, 0]].sizes == (4, 3, 5, 3)


def test_moments_follow_a_selection_and_come_back() -> None:
    """A buffer beside the parameters, in the layout of the selection and again in the stack's."""
    net = build()
    inside = ~outside(net)[0]
    moment = np.random.default_rng(1).normal(size=net.parameters.shape) * inside
    some = net[[2, 0]]
    own = some.layout.adapted(moment[[2, 0]], net.layout)
    assert own.shape == some.parameters.shape
    np.testing.assert_array_equal(own[outside(some)[0]], 0.0)
    np.testing.assert_array_equal(net.layout.adapted(own, some.layout), moment[[2, 0]])
    assert net.layout.adapted(moment, build(seed=3).layout) is moment


@pytest.mark.parametrize("way", ["copy", "pickle", "json", "file"])
def test_copies_keep_the_widths(way: str, tmp_path: Path) -> None:
    net = build(activation="sigmoid", normalization="batch", dropout=0.2)
    train(net)
    if way == "copy":
        twin = net.copy()
    elif way == "pickle":
        twin = pickle.loads(pickle.dumps(net))
    elif way == "json":
        twin = mc.MLP(**json.loads(json.dumps(net.configuration)))
        twin.set_tensors(net.tensors())
    else:
        pytest.importorskip("safetensors")
        net.save(tmp_path / "net")
        twin = mc.load(tmp_path / "net")
    assert twin.configuration == net.configuration
    np.testing.assert_array_equal(twin.parameters, net.parameters)
    np.testing.assert_array_equal(twin.predict(X), net.predict(X))


def test_tensors_with_something_in_the_padding_are_refused() -> None:
    net = build(normalization="batch")
    before = net.tensors()
    for name in ("layers.0.weight", "layers.1.bias", "layers.0.gamma", "layers.1.variance"):
        wrong = {**before, name: before[name] + 1.0}
        with pytest.raises(ValueError, match=rf"got {name} with numbers beyond a member's own"):
            net.set_tensors(wrong)
        assert all(np.array_equal(value, before[n]) for n, value in net.tensors().items())


def test_gradients_are_right() -> None:
    for activation in ("tanh", "softplus", np.array(["gelu", "sigmoid", "elu"])):
        net = build(activation=activation, normalization="batch", dropout=0.2)
        report = mc.check_gradients(net, X, LABELS)
        assert report.passed, report


@pytest.mark.parametrize("name", ["array_api_strict", "torch"])
def test_another_array_library_computes_the_same(name: str) -> None:
    xp = pytest.importorskip(name)
    own = np.array(["leaky_relu(negative_slope=0.1)", "sigmoid", "relu"])
    arguments: dict[str, Any] = {"activation": own, "dropout": 0.2, "normalization": "batch"}
    nets = build(**arguments), build(backend=xp, **arguments)
    for net in nets:
        net.fit(X, LABELS, optimizer=mc.SGD(0.1), batch_size=4, epochs=2, progress=False)
    for key, value in nets[1].tensors().items():
        np.testing.assert_allclose(value, nets[0].tensors()[key], rtol=1e-9, atol=1e-12)
    some = nets[1][[2, 1]]
    np.testing.assert_allclose(np.asarray(some.predict(X)), nets[0].predict(X)[[2, 1]], rtol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sizes": [4, [3, 6], 3]}, "got 2 widths of a hidden layer for members=3"),
        ({"members": None}, "got 3 widths of a hidden layer for members=None"),
        ({"sizes": [[4, 4, 4], 5, 3]}, "only hidden widths may differ"),
        ({"sizes": [4, 5, (3, 3, 3)]}, "only hidden widths may differ"),
        ({"sizes": [4, [3, 0, 1], 3]}, "at least two positive integers"),
        ({"sizes": [4, [3, [1], 1], 3]}, "at least two positive integers"),
        ({"normalization": "layer"}, r'got normalization="layer" with widths that differ.*"batch"'),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_impossible_widths_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**arguments)


def test_ctrl_c_stays_ctrl_c() -> None:
    """Wherever in NumPy's own code it comes, it does not turn into another error."""
    left, interrupted = 0, 0

    def watch(frame: FrameType, event: str, _: Any) -> None:
        nonlocal left
        if event == "call" and "numpy" in frame.f_code.co_filename:
            left -= 1
            if left == 0:
                sys.setprofile(None)
                raise KeyboardInterrupt

    before = sys.getprofile()
    while True:
        left = interrupted + 1
        sys.setprofile(watch)
        try:
            build(sizes=[4, [3, 6], 3], members=2)
        except KeyboardInterrupt:
            interrupted += 1
        else:
            break
        finally:
            sys.setprofile(before)
    assert left > 0, "Ctrl-C was swallowed"
    assert interrupted > 50
