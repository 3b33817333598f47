"""Sub-stacks: some members of a stack as a stack of their own, which go on as they would have."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.backend import random

pytestmark = pytest.mark.filterwarnings("error")

MEMBERS, ROWS = 5, 11
X = np.random.default_rng(0).normal(size=(ROWS, 4))
LABELS = np.random.default_rng(1).integers(0, 3, ROWS)

ARGUMENTS: dict[str, dict[str, Any]] = {
    "one seed": {"seed": 6},
    "seeds": {"seed": [6, 6, 8, 2**33, 1]},
    "seeds and members": {"seed": [[6, 2], [6, 0], [8, 1], [1, 1], [0, 3]]},
    "dropout": {"dropout": np.linspace(0.0, 0.8, MEMBERS)},
    "dropout by layer": {"dropout": [0.5, np.linspace(0.0, 0.8, MEMBERS)]},
    "smoothing": {"label_smoothing": np.linspace(0.0, 0.8, MEMBERS)},
    "normalization": {"normalization": "batch", "activation": ["tanh", "elu(alpha=0.5)"]},
}
each_kind = pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS)


def stack_of(**arguments: Any) -> mc.MLP:
    return mc.MLP([4, 6, 5, 3], members=MEMBERS, dtype="float64", **arguments)


def train(net: mc.MLP) -> None:
    net.fit(X, LABELS, optimizer=mc.SGD(0.1), batch_size=4, epochs=2, progress=False)


SELECTIONS: dict[str, tuple[Any, list[int]]] = {
    "list": ([0, 3], [0, 3]),
    "one in a list": ([2], [2]),
    "another order": ([3, -5, 1], [3, 0, 1]),
    "slice": (slice(1, 4), [1, 2, 3]),
    "slice with a stride": (slice(None, None, -2), [4, 2, 0]),
    "mask": (np.array([True, False, False, True, True]), [0, 3, 4]),
    "array": (np.array([4, 4]), [4, 4]),
    "range": (range(2), [0, 1]),
}


@pytest.mark.parametrize(("members", "chosen"), SELECTIONS.values(), ids=SELECTIONS)
@each_kind
def test_selected_members_go_on_as_they_would_have(
    arguments: dict[str, Any], members: Any, chosen: list[int]
) -> None:
    stack = stack_of(**arguments)
    train(stack)
    some = stack[members]
    assert isinstance(some, mc.MLP)
    assert some.members == len(chosen)
    for net in (some, stack):
        train(net)
    for name, value in some.tensors().items():
        np.testing.assert_allclose(value, stack.tensors()[name][chosen], rtol=1e-10, err_msg=name)


@each_kind
def test_one_of_a_selection_is_one_of_the_stack(arguments: dict[str, Any]) -> None:
    stack = stack_of(**arguments)
    one, same = stack[[3, 1]][1], stack[1]
    assert one.configuration == same.configuration
    for net in (one, same):
        train(net)
    assert one.parameters.tobytes() == same.parameters.tobytes()


def test_a_selection_is_a_copy() -> None:
    stack = stack_of(dropout=np.linspace(0.0, 0.8, MEMBERS))
    before = stack.tensors()
    some = stack.select(slice(None))
    some.parameters[...] = 0.0
    assert all(np.array_equal(value, before[name]) for name, value in stack.tensors().items())


def test_a_selection_goes_through_configuration_and_pickle() -> None:
    some = stack_of(seed=9)[[4, 2]]
    assert some.configuration["seed"] == [[9, 4], [9, 2]]
    for twin in (mc.MLP(**some.configuration), pickle.loads(pickle.dumps(some)), some.copy()):
        np.testing.assert_array_equal(twin.parameters, some.parameters)
        assert twin.configuration == some.configuration


def test_two_members_with_pairs_are_not_two_seeds() -> None:
    pairs = mc.MLP([4, 3], members=2, seed=[[7, 0], [7, 1]])
    np.testing.assert_array_equal(pairs.parameters, mc.MLP([4, 3], members=2, seed=7).parameters)
    with pytest.raises(ValueError, match="expected one seed, or one a member"):
        mc.MLP([4, 3], members=3, seed=[[7, 0], [7, 1]])


def test_nothing_is_drawn_that_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = stack_of()

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("drew initial weights")

    for name in ("uniform", "normal"):
        monkeypatch.setattr(random, name, refuse)
    for net in (stack[1], stack[[0, 2]], stack.copy(), stack.to("cpu")):
        assert net.dtype == "float64"
    pickle.loads(pickle.dumps(stack))


@pytest.mark.parametrize(
    "members", [5, -6, [0, 5], [], [0.5], "first", None, True, (0, 1), np.ones(4, dtype=bool)]
)
def test_members_that_are_not_there_are_refused(members: Any) -> None:
    with pytest.raises(IndexError, match=r"got member .*, expected 0 to 4, or a slice, a list"):
        stack_of()[members]


def test_a_single_network_has_no_members_to_select() -> None:
    with pytest.raises(TypeError, match="single network, expected a stack; set members=E"):
        mc.MLP([4, 3]).select([0])


@pytest.mark.parametrize("name", ["array_api_strict", "torch"])
def test_members_are_selected_on_other_array_libraries(name: str) -> None:
    stack = mc.MLP([4, 3], members=MEMBERS, backend=pytest.importorskip(name))
    for members in (2, [3, 0], slice(1, 3)):
        expected = stack.to("cpu")[members].parameters
        np.testing.assert_array_equal(stack[members].to("cpu").parameters, expected)
