"""Predictions: against Torch, of no rows, and of an ensemble."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.backend.devices import Backend
from mlpcore.network.heads import HEADS
from networks import (
    LABELS,
    MEMBERS,
    ROWS,
    assert_same_tensors,
    either,
    features,
    sample_weights,
    scrambled,
    torch_on_one_thread,
)

pytestmark = pytest.mark.filterwarnings("error")


@either
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("output", HEADS)
def test_predictions_agree_with_torch(
    output: str, normalization: str | None, members: int | None
) -> None:
    torch = torch_on_one_thread()
    from torch.nn import functional as F

    net = scrambled(
        [4, 5, 3], output=output, normalization=normalization, dropout=0.5, members=members
    )
    predictions, logits = net.predict(features(4)), net.forward(features(4))
    for member in [None] if members is None else range(members):
        own = {
            name: torch.tensor(of)
            for name, of in (net if member is None else net[member]).tensors().items()
        }
        z = torch.tensor(features(4)) @ own["layers.0.weight"] + own["layers.0.bias"]
        if normalization == "batch":
            statistics = own["layers.0.mean"], own["layers.0.variance"]
            z = F.batch_norm(z, *statistics, own["layers.0.gamma"], own["layers.0.beta"])
        if normalization == "layer":
            z = F.layer_norm(z, (5,), own["layers.0.gamma"], own["layers.0.beta"])
        z = z.relu() @ own["layers.1.weight"] + own["layers.1.bias"]
        y = {
            "softmax": lambda z=z: z.softmax(-1),
            "sigmoid": lambda z=z: z.sigmoid(),
            "identity": lambda z=z: z,
            "exponential": lambda z=z: z.exp(),
        }[output]()
        for ours, theirs in ((logits, z), (predictions, y)):
            mine = ours if member is None else ours[member]
            np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-9)


@either
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("output", HEADS)
@pytest.mark.parametrize("backend", ["cpu", "array_api_strict"])
def test_no_rows_give_no_predictions(
    backend: str, output: str, normalization: str | None, members: int | None
) -> None:
    net = mc.MLP(
        [4, 5, 3],
        output=output,
        members=members,
        normalization=normalization,
        dropout=0.5,
        backend=backend if backend == "cpu" else pytest.importorskip(backend),
    )
    stack = () if members is None else (members,)
    for leading in {(), stack}:
        none = np.zeros((*leading, 0, 4))
        for result in (net.predict(none), net.forward(none)):
            assert tuple(result.shape) == (*stack, 0, 3)
            assert str(result.dtype).endswith("float32")
        for how in ("mean", "std") if members else ():
            assert tuple(net.predict(none, reduce=how).shape) == (0, 3)


def test_no_rows_of_mixed_members() -> None:
    net = mc.MLP([4, [5, 1], 3], members=2, activation=np.array(["sigmoid", "relu"]))
    assert net.predict(np.zeros((0, 4))).shape == (2, 0, 3)


# Ensembles


@pytest.mark.parametrize("leading", [(), (MEMBERS,)], ids=["X shared", "X by member"])
@pytest.mark.parametrize("output", HEADS)
def test_an_ensemble_averages_predictions_and_not_logits(
    output: str, leading: tuple[int, ...]
) -> None:
    net = mc.MLP([4, [5, 2, 7], 3], output=output, members=MEMBERS, dtype="float64")
    X = features(4, *leading)
    each = np.stack([net[e].predict(X[e] if leading else X) for e in range(MEMBERS)])
    np.testing.assert_allclose(net.predict(X), each, rtol=1e-12)
    np.testing.assert_allclose(net.predict(X, reduce="mean"), each.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(net.predict(X, reduce="std"), each.std(axis=0), rtol=1e-9)
    if output == "softmax":
        np.testing.assert_allclose(net.predict(X, reduce="mean").sum(axis=-1), 1.0)


def test_an_ensemble_of_one_has_no_spread() -> None:
    net = mc.MLP([4, 5, 3], members=1)
    np.testing.assert_array_equal(
        net.predict(features(4), reduce="mean"), net.predict(features(4))[0]
    )
    np.testing.assert_array_equal(net.predict(features(4), reduce="std"), 0.0)


def test_an_ensemble_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The predictions of 200 members are reduced piece by piece, never all there at once."""
    monkeypatch.setattr("mlpcore.network.inference.PIECE_BYTES", 1 << 20)
    monkeypatch.setattr(Backend, "cache_bytes", 1 << 17)
    net = mc.MLP([2, 4, 8], members=200)
    X = np.zeros((20_000, 2), dtype=np.float32)
    tracemalloc.start()
    try:
        net.predict(X, reduce="std")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200 * 20_000 * 8 * 4 / 8


def test_an_unknown_reduction_and_a_single_network_are_refused() -> None:
    net = mc.MLP([4, 5, 3], members=2)
    with pytest.raises(ValueError, match="got reduce 'median', expected one of mean, std"):
        net.predict(features(4), reduce="median")
    with pytest.raises(TypeError, match="got reduce='mean' for a single network, expected a stack"):
        net[0].predict(features(4), reduce="mean")


# Losses


@either
def test_the_loss_is_that_of_the_predictions(members: int | None) -> None:
    net = scrambled([4, 5, 3], normalization="batch", dropout=0.5, members=members)
    weight = sample_weights()
    share = weight / weight.sum()
    expected = -np.sum(share * np.log(net.predict(features(4)))[..., range(ROWS), LABELS], axis=-1)
    loss = net.loss(features(4), LABELS, sample_weight=weight)
    np.testing.assert_allclose(loss, expected, rtol=1e-12)
    assert np.shape(loss) == (() if members is None else (members,))


@either
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_result_has_the_dtype_of_the_network(members: int | None, dtype: str) -> None:
    net = mc.MLP([4, 5, 3], members=members, dtype=dtype, normalization="batch", dropout=0.5)
    X, weight = features(4).astype("float64"), sample_weights()
    loss, g = net.loss_and_gradients(X, LABELS, sample_weight=weight, class_weight="balanced")
    results = [loss, g.flat, net.forward(X), net.predict(X), net.loss(X, LABELS)]
    results += [net.parameters, *net.weights, *net.biases, *net.values.gammas, *g.betas]
    assert {str(np.asarray(result).dtype) for result in results} == {dtype}


@either
def test_gradients_change_nothing(members: int | None) -> None:
    net = scrambled([4, 5, 3], normalization="batch", dropout=0.5, members=members)
    X, y, weight = features(4), LABELS.copy(), sample_weights()
    for array in (X, y, weight):
        array.flags.writeable = False
    before = net.tensors()
    first, g = net.loss_and_gradients(X, y, sample_weight=weight)
    second, h = net.loss_and_gradients(X, y, sample_weight=weight)
    assert_same_tensors(net.tensors(), before)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(g.flat, h.flat)
    assert not np.shares_memory(g.flat, h.flat)
