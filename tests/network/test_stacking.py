"""Networks of one architecture, or nearly, become members of one stack."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from networks import LABELS, assert_same_tensors, features

pytestmark = pytest.mark.filterwarnings("error")

#: What three networks may differ in: the arguments of each.
DIFFERENT: dict[str, list[dict[str, Any]]] = {
    "seed": [{"seed": 1}, {"seed": (5, 3)}, {"seed": 2**40}],
    "width": [{"sizes": [4, 6, 3]}, {"sizes": [4, 2, 3]}, {"sizes": [4, 5, 3]}],
    "activation": [{"activation": name} for name in ("relu", "sigmoid", "elu(alpha=0.5)")],
    "parameter": [{"activation": f"elu(alpha={alpha})"} for alpha in (0.1, 0.5, 1.0)],
    "approximation": [{"activation": f"gelu(approximate='{how}')"} for how in ("none", "tanh")],
    "activation of a layer": [
        {"sizes": [4, 5, 5, 3], "activation": activation}
        for activation in (["relu", "tanh"], "relu", ["softplus", "tanh"])
    ],
    "dropout": [{"dropout": 0.0}, {"dropout": 0.5}, {"dropout": [0.1]}],
    "smoothing": [{"label_smoothing": s} for s in (0.0, 0.1, 0.4)],
    "delta": [{"output": "identity", "loss": f"huber(delta={d})"} for d in (0.1, 0.5, 1.0)],
    "scale": [{"init_scale": s} for s in (0.1, 0.5, 1.0)],
    "initializer": [{"init": "he_normal"}, {"init": "orthogonal"}],
    "everything": [
        {"sizes": [4, 6, 3], "activation": "sigmoid", "dropout": 0.2, "seed": 9},
        {"sizes": [4, 1, 3], "activation": "elu", "label_smoothing": 0.3, "init_scale": 0.1},
    ],
}


@pytest.mark.parametrize("arguments", DIFFERENT.values(), ids=DIFFERENT)
def test_networks_go_on_in_a_stack_as_alone(arguments: list[dict[str, Any]]) -> None:
    singles = [
        mc.MLP(**{"sizes": [4, 5, 3], "normalization": "batch", "dtype": "float64", **own})
        for own in arguments
    ]
    stack = mc.MLP.stack(singles)
    assert stack.members == len(singles)
    for net in (stack, *singles):
        y = np.ones((7, 3)) if net.head.name == "identity" else LABELS
        net.fit(features(4), y, optimizer=mc.SGD(0.1), batch_size=3, epochs=2, progress=False)
    for one, alone in zip(stack, singles):  # type: ignore[call-overload]
        assert one.sizes == alone.sizes
        own = alone.tensors()
        for name, value in one.tensors().items():
            np.testing.assert_allclose(value, own[name], rtol=1e-10, atol=1e-12, err_msg=name)
    twin = mc.MLP(**stack.configuration)
    twin.set_tensors(stack.tensors())
    np.testing.assert_array_equal(twin.predict(features(4)), stack.predict(features(4)))


def test_a_stack_taken_apart_and_put_together_is_itself() -> None:
    stack = mc.MLP([4, 5, 3], members=3, seed=7, dropout=np.array([0.0, 0.1, 0.2]))
    again = mc.MLP.stack(stack)  # type: ignore[arg-type]
    assert again.settings.dropout.tolist() == [0.0, 0.1, 0.2]
    assert again.configuration["seed"] == [[7, 0], [7, 1], [7, 2]]
    assert_same_tensors(again.tensors(), stack.tensors())


def test_stacks_are_joined_member_by_member() -> None:
    first = mc.MLP([4, [2, 5], 3], members=2, activation=np.array(["relu", "sigmoid"]))
    whole = mc.MLP.stack([first, mc.MLP([4, 6, 3], activation="tanh"), first[[1]]])
    assert whole.sizes == (4, (2, 5, 6, 5), 3)
    assert whole.settings.activation.tolist() == ["relu", "sigmoid", "tanh", "sigmoid"]
    parts = [first[0], first[1], mc.MLP([4, 6, 3], activation="tanh"), first[1]]
    for one, part in zip(whole, parts):  # type: ignore[call-overload]
        assert_same_tensors(one.tensors(), part.tensors())


def test_a_stack_of_networks_is_a_copy() -> None:
    singles = [mc.MLP([4, 3], seed=seed) for seed in (1, 2)]
    before = singles[0].tensors()
    mc.MLP.stack(singles).parameters[...] = 0.0
    assert_same_tensors(singles[0].tensors(), before)


@pytest.mark.parametrize("name", ["array_api_strict", "torch"])
def test_networks_on_other_array_libraries(name: str) -> None:
    xp = pytest.importorskip(name)
    singles = [mc.MLP([4, width, 3], seed=width) for width in (5, 2)]
    stack = mc.MLP.stack(net.to(xp) for net in singles)
    assert stack.backend.name.endswith(name.rpartition(".")[2])
    expected = mc.MLP.stack(singles)
    np.testing.assert_array_equal(stack.to("cpu").parameters, expected.parameters)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "got networks on 0 backends, expected at least one network"),
        ([{}, {"sizes": [4, 5, 5, 3]}], "got networks of depth 2 and 3, expected one depth"),
        ([{}, {"sizes": [3, 5, 3]}], "one number of inputs and one of outputs"),
        ([{}, {"sizes": [4, 5, 2]}], "one number of inputs and one of outputs"),
        ([{}, {"output": "identity"}], "got networks of output identity and softmax, expected"),
        ([{}, {"normalization": "batch"}], "got networks of normalization None and batch"),
        ([{}, {"dtype": "float64"}], "got networks of dtype float32 and float64"),
        (
            [{"output": "identity", "loss": loss} for loss in ("huber", "absolute_error")],
            "got losses huber and absolute_error, expected one",
        ),
        (
            [{"normalization": "layer"}, {"normalization": "layer", "sizes": [4, 6, 3]}],
            'normalization="layer" with widths that differ',
        ),
    ],
    ids=str,
)
def test_networks_that_fit_no_stack_are_refused(
    arguments: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        mc.MLP.stack([mc.MLP(**{"sizes": [4, 5, 3], **own}) for own in arguments])


def test_networks_on_several_backends_are_refused() -> None:
    strict = pytest.importorskip("array_api_strict")
    with pytest.raises(ValueError, match=r"got networks on 2 backends.*move them with to\(\)"):
        mc.MLP.stack([mc.MLP([4, 3]), mc.MLP([4, 3], backend=strict)])


def test_losses_that_differ_in_what_they_leave_out() -> None:
    losses = ["huber", "huber(delta=2.0)"]
    stack = mc.MLP.stack([mc.MLP([4, 3, 1], output="identity", loss=loss) for loss in losses])
    assert stack.configuration["loss"] == "huber(delta=[1.0, 2.0])"
    losses = ["auto", "squared_error"]
    stack = mc.MLP.stack([mc.MLP([4, 3, 1], output="identity", loss=loss) for loss in losses])
    assert stack.configuration["loss"] == "squared_error"
