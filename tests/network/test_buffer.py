"""The flat buffer of the parameters, and the views into it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlpcore as mc
from networks import LABELS, assert_same_tensors, either, features, scrambled

pytestmark = pytest.mark.filterwarnings("error")

BUFFERS = {
    "sizes": st.lists(st.integers(1, 20), min_size=2, max_size=5),
    "members": st.none() | st.integers(1, 3),
    "normalization": st.sampled_from([None, "batch", "layer"]),
    "dtype": st.sampled_from(["float32", "float64"]),
}


def views(net: mc.MLP) -> Iterator[np.ndarray]:
    """Every view into the buffer: layer by layer, in the order of the memory."""
    for layer in net.values.views:
        yield from layer.values()


@settings(max_examples=40, deadline=None)
@given(**BUFFERS)
def test_views_tile_the_buffer(**arguments: Any) -> None:
    net = mc.MLP(**arguments)
    net.parameters[...] = 0.0
    for view in views(net):
        assert np.shares_memory(view, net.parameters)
        view[...] += 1.0
    assert set(np.unique(net.parameters)) <= {0.0, 1.0}
    assert np.count_nonzero(net.parameters) == sum(view.size for view in views(net))


@settings(max_examples=40, deadline=None)
@given(**BUFFERS)
def test_every_start_is_aligned(**arguments: Any) -> None:
    net = mc.MLP(**arguments)
    _, g = net.loss_and_gradients(
        np.zeros((2, net.sizes[0])),
        np.zeros(2, dtype=int) if net.sizes[-1] > 1 else np.ones((2, 1)),
    )
    for named in (net.values, g):
        assert named.flat.flags.c_contiguous
        for layer in named.views:
            for view in layer.values():
                for member in view if net.members else [view]:
                    assert member.ctypes.data % 64 == 0
                    assert member.flags.c_contiguous


@settings(max_examples=40, deadline=None)
@given(**BUFFERS)
def test_shapes_are_those_of_the_sizes(**arguments: Any) -> None:
    net = mc.MLP(**arguments)
    leading = () if net.members is None else (net.members,)
    pairs = list(zip(net.sizes, net.sizes[1:], strict=False))
    assert [w.shape for w in net.weights] == [(*leading, *pair) for pair in pairs]
    assert [b.shape for b in net.biases] == [(*leading, units) for _, units in pairs]
    scaled = [] if net.settings.normalization is None else net.sizes[1:-1]
    assert [v.shape for v in net.values.gammas] == [(*leading, units) for units in scaled]
    assert [v.shape for v in net.values.betas] == [(*leading, units) for units in scaled]
    assert net.parameters.shape == (*leading, net.layout.size)


@settings(max_examples=40, deadline=None)
@given(**BUFFERS)
def test_the_mask_marks_the_weights(**arguments: Any) -> None:
    net = mc.MLP(**arguments)
    net.parameters[...] = 0.0
    for weight in net.weights:
        weight[...] = 1.0
    mask = net.layout.mask(("weight",))
    np.testing.assert_array_equal(net.parameters, np.broadcast_to(mask, net.parameters.shape))


@settings(max_examples=40, deadline=None)
@given(**BUFFERS)
def test_tensors_go_out_and_come_back(**arguments: Any) -> None:
    net = mc.MLP(**arguments)
    values = net.tensors()
    twin = mc.MLP(**{**arguments, "seed": 1})
    twin.set_tensors(values)
    assert_same_tensors(twin.tensors(), values)
    np.testing.assert_array_equal(twin.parameters, net.parameters)
    assert not any(np.shares_memory(value, net.parameters) for value in values.values())


@pytest.mark.parametrize(
    "optimizer",
    [
        mc.SGD(0.1, l2=0.1, weight_decay=0.1, clip_norm=1.0, clip_value=0.5),
        mc.SGD(0.1, momentum=0.9, nesterov=True),
        mc.RMSProp(0.1, l2=0.1),
        mc.Adagrad(0.1, weight_decay=0.1),
        mc.AdamW(0.1, clip_norm=0.1),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
@either
def test_the_padding_stays_zero_through_training(optimizer: Any, members: int | None) -> None:
    net = scrambled(
        [4, 5, 3], activation="tanh", normalization="batch", dropout=0.2, members=members
    )
    padding = net.layout.mask(("weight", "bias", "gamma", "beta")) == 0
    assert padding.any()
    before = net.weights[1].copy()
    net.fit(features(4), LABELS, optimizer=optimizer, batch_size=3, epochs=3, progress=False)
    _, g = net.loss_and_gradients(features(4), LABELS)
    assert np.all(net.weights[1] != before)
    for flat in (net.parameters, g.flat):
        np.testing.assert_array_equal(flat[..., padding], 0.0)


def test_writing_to_a_view_changes_the_predictions() -> None:
    net = mc.MLP([2, 2], output="identity", dtype="float64")
    net.weights[0][...] = [[1.0, 2.0], [3.0, 4.0]]
    net.biases[0][...] = [10.0, 20.0]
    np.testing.assert_array_equal(net.predict([[1.0, -1.0]]), [[8.0, 18.0]])
    net.parameters[...] = 0.0
    np.testing.assert_array_equal(net.predict([[1.0, -1.0]]), [[0.0, 0.0]])
