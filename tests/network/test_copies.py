"""Copies of networks, members as networks of their own, and tensors by name."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from networks import (
    LABELS,
    MEMBERS,
    RATES,
    SMOOTHINGS,
    assert_same_tensors,
    features,
    scrambled,
)

pytestmark = pytest.mark.filterwarnings("error")

#: Arguments beyond the sizes, each of which a copy must keep.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "activations": {"activation": ["relu", "leaky_relu(negative_slope=0.2)"]},
    "head": {"output": "identity", "loss": "huber(delta=0.5)"},
    "init": {"init": "normal(std=0.1)"},
    "normalization": {"normalization": "batch"},
    "dropout": {"dropout": 0.25},
    "dropout by layer": {"dropout": [0.25, 0.0]},
    "label smoothing": {"label_smoothing": 0.1},
    "float64": {"dtype": "float64"},
    "seed": {"seed": 2**40 + 1},
    "the largest seed": {"seed": 2**63 - 1},
    "seed and member": {"seed": (3, 2)},
    "stack": {"members": 2, "seed": 9},
    "stack with seeds": {"members": 2, "seed": [4, 8]},
    "stack with a range of seeds": {"members": 2, "seed": range(3, 5)},
    "stack with dropout": {"members": 2, "dropout": np.array([0.1, 0.4])},
    "stack with dropout by layer": {"members": 2, "dropout": [0.5, np.array([0.1, 0.4])]},
    "stack with widths": {"members": 2, "sizes": [4, [6, 2], 5, 3], "init_scale": 0.5},
    "stack with activations": {"members": 2, "activation": np.array(["relu", "elu(alpha=0.5)"])},
    "stack with activations by layer": {
        "members": 2,
        "activation": ["tanh", np.array(["sigmoid", "step"])],
    },
    "stack with slopes": {"members": 2, "activation": "leaky_relu(negative_slope=[0.1, 0.3])"},
    "stack with deltas": {"members": 2, "output": "identity", "loss": "huber(delta=[0.5, 2.0])"},
    "stack with deviations": {"members": 2, "init": "normal(std=[0.1, 0.3])"},
    "stack with scales": {"members": 2, "init_scale": np.array([0.1, 2.0])},
    "stack with initializers": {"members": 2, "init": np.array(["he_normal", "orthogonal"])},
    "stack with seeds and members": {"members": 2, "seed": [(4, 1), (8, 0)]},
    "stack with smoothing": {"members": 2, "label_smoothing": np.array([0.1, 0.4])},
}
each_kind = pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS)


def assert_independent_twin(twin: mc.MLP, net: mc.MLP) -> None:
    """Check that two networks compute the same, the same draws included, and share nothing."""
    assert type(twin) is type(net)
    assert twin.configuration == net.configuration
    assert_same_tensors(twin.tensors(), net.tensors())
    X = np.linspace(-1.0, 1.0, 12).reshape(3, 4)
    y = [0, 2, 1] if net.head.target == "labels" else np.ones((3, 3))
    for step in (0, 1):
        ours, theirs = (n.loss_and_gradients(X, y, step=step)[1].flat for n in (twin, net))
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(twin.predict(X), net.predict(X))
    before = net.tensors()
    twin.parameters[...] += 1.0
    twin.statistics.flat[...] += 1.0
    assert_same_tensors(net.tensors(), before)


@each_kind
def test_a_copy_is_an_independent_twin(arguments: dict[str, Any]) -> None:
    net = mc.MLP(**{"sizes": [4, 6, 5, 3], **arguments})
    net.parameters[...] *= 1.5
    assert_independent_twin(net.copy(), net)


@each_kind
def test_to_keeps_the_values(arguments: dict[str, Any]) -> None:
    net = mc.MLP(**{"sizes": [4, 6, 5, 3], **arguments})
    net.parameters[...] *= 1.5
    assert_independent_twin(net.to("cpu"), net)


@each_kind
def test_a_pickle_is_an_independent_twin(arguments: dict[str, Any]) -> None:
    net = mc.MLP(**{"sizes": [4, 6, 5, 3], **arguments})
    net.parameters[...] *= 1.5
    assert_independent_twin(pickle.loads(pickle.dumps(net)), net)


@each_kind
def test_the_configuration_goes_through_json(arguments: dict[str, Any]) -> None:
    net = mc.MLP(**{"sizes": [4, 6, 5, 3], **arguments})
    text = json.dumps(net.configuration)
    assert_independent_twin(mc.MLP(**json.loads(text)), net)


def test_the_copy_of_a_normalized_network_keeps_its_running_statistics() -> None:
    net = mc.MLP([4, 6, 3], normalization="batch", members=2)
    net.fit(features(4), LABELS, epochs=2, progress=False)
    assert np.all(net.statistics.flat[..., :6] != 0)
    for twin in (net.copy(), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(twin.predict(features(4)), net.predict(features(4)))
    np.testing.assert_allclose(net[1].predict(features(4)), net.predict(features(4))[1], rtol=1e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        {"seed": 6},
        {"seed": [6, 6, 8]},
        {"dropout": RATES},
        {"dropout": [0.5, RATES]},
        {"label_smoothing": SMOOTHINGS},
        {"normalization": "layer", "activation": ["tanh", "elu(alpha=0.5)"]},
    ],
    ids=str,
)
def test_one_of_a_stack_is_a_network_of_its_own(arguments: dict[str, Any]) -> None:
    stack = scrambled([4, 6, 5, 3], members=MEMBERS, **arguments)
    loss, g = stack.loss_and_gradients(features(4), LABELS, step=2)
    for e in range(MEMBERS):
        one = stack[e]
        assert isinstance(one, mc.MLP)
        assert one.members is None
        own_loss, own = one.loss_and_gradients(features(4), LABELS, step=2)
        assert float(own_loss) == pytest.approx(float(loss[e]), rel=1e-12)
        np.testing.assert_allclose(own.flat, g.flat[e], rtol=1e-9, atol=1e-15)
        one.parameters[...] = 0.0
        assert np.any(stack.parameters[e] != 0.0)


def test_a_stack_is_a_sequence_of_its_members() -> None:
    stack = mc.MLP([4, 3], members=MEMBERS)
    assert len(stack) == MEMBERS
    singles = list(stack)  # type: ignore[call-overload]
    assert len(singles) == MEMBERS
    np.testing.assert_array_equal(stack[-1].parameters, stack[2].parameters)
    for wrong in (MEMBERS, -MEMBERS - 1):
        with pytest.raises(IndexError, match=f"got member {wrong}, expected 0 to 2"):
            stack[wrong]
    for ask in (lambda net: net[0], len):
        with pytest.raises(TypeError, match="single network, expected a stack; set members="):
            ask(stack[0])


def test_a_representation_says_what_it_is() -> None:
    assert repr(mc.MLP([4, 3])).startswith("MLP([4, 3], activation='relu', output='softmax', dt")
    assert "members=2" in repr(mc.MLP([4, 3], members=2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("layers.1.bias"), r"layers\.1\.bias.*None.*\(3,\)"),
        (lambda tensors: tensors.update(extra=np.zeros(2)), r"extra.*\(2,\).*None"),
        (lambda tensors: tensors.update({"layers.0.weight": np.zeros((5, 4))}), r"\(4, 5\)"),
        (lambda tensors: tensors.update({"layers.0.mean": np.zeros(4)}), r"layers\.0\.mean"),
    ],
    ids=["missing", "unknown", "transposed", "statistics"],
)
def test_tensors_of_another_network_are_refused(
    change: Callable[[dict[str, np.ndarray]], Any], message: str
) -> None:
    net = mc.MLP([4, 5, 3], normalization="batch")
    before = net.tensors()
    wrong = {name: value + 1.0 for name, value in before.items()}
    change(wrong)
    with pytest.raises(ValueError, match=message):
        net.set_tensors(wrong)
    assert_same_tensors(net.tensors(), before)


def test_tensors_are_named_by_the_affine_layers() -> None:
    net = mc.MLP([4, 5, 3], normalization="batch", dropout=0.1, members=2)
    assert {name: value.shape for name, value in net.tensors().items()} == {
        "layers.0.weight": (2, 4, 5),
        "layers.0.bias": (2, 5),
        "layers.0.gamma": (2, 5),
        "layers.0.beta": (2, 5),
        "layers.1.weight": (2, 5, 3),
        "layers.1.bias": (2, 3),
        "layers.0.mean": (2, 5),
        "layers.0.variance": (2, 5),
    }
