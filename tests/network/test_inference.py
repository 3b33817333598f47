"""Rows of any number through a network: the same outputs in pieces, in bounded memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.backend.devices import Backend
from mlpcore.network import inference
from mlpcore.network.inference import FunctionalInference, Inference, RecordedInference
from networks import either, scrambled

pytestmark = pytest.mark.filterwarnings("error")

WAYS = [FunctionalInference, RecordedInference]
ways = pytest.mark.parametrize("way", WAYS)


def by(way: Callable[[mc.MLP], Inference], net: mc.MLP) -> mc.MLP:
    """The network, predicting in one of the ways."""
    if way is RecordedInference and not net.backend.records:
        pytest.skip("there are no compiled kernels to replay a pass")
    net.inference = way(net)
    return net


def rows(net: mc.MLP, n: int, *leading: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(*leading, n, net.sizes[0])).astype(net.dtype)


def short_pieces(monkeypatch: pytest.MonkeyPatch, net: mc.MLP, length: int) -> None:
    """Let a piece have this many rows at most."""
    size = inference._bytes_of_a_row(net) * length
    shares = min(net.members or 1, inference.SHARING)
    monkeypatch.setattr(inference, "PIECE_BYTES", size)
    monkeypatch.setattr(Backend, "cache_bytes", -(-size // shares))
    monkeypatch.setattr(inference, "FEW_ROWS", 1)


@ways
@either
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_pieces_make_the_whole(
    way: Any, members: int | None, normalization: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = scrambled([4, 5, 3], normalization=normalization, members=members)
    for leading in [()] if members is None else [(), (members,)]:
        X = rows(net, 23, *leading)
        views = net.values.views, net.statistics.views
        whole, _ = net.propagate(X, *views, inference.Pass())
        short_pieces(monkeypatch, net, 6)
        by(way, net)
        lengths = [last - first for first, last, _ in net.inference.pieces(net, X, link=False)]
        assert lengths == [6, 6, 6, 5]
        np.testing.assert_allclose(net.forward(X), whole, rtol=1e-12)
        np.testing.assert_allclose(net.predict(X), net.head.link(whole), rtol=1e-12)
        monkeypatch.undo()


@ways
def test_a_row_that_was_refused_is_forgotten(way: Any) -> None:
    net = by(way, scrambled([4, 5, 3]))
    X = rows(net, 20)
    expected = net.predict(X)
    broken = X.copy()
    broken[19, 2] = np.nan
    for _ in range(2):
        with pytest.raises(ValueError, match=r"NaN.* at index \(19, 2\)"):
            net.predict(broken)
        np.testing.assert_allclose(net.predict(X[:17]), expected[:17], rtol=1e-12)


@ways
def test_features_whose_squares_overflow_are_fine(way: Any) -> None:
    net = by(way, mc.MLP([2, 3, 1], output="identity", init="constant(value=1e-30)"))
    X = np.full((5, 2), 3e38, np.float32)
    assert np.all(np.isfinite(net.predict(X)))


@either
def test_every_number_of_rows(members: int | None) -> None:
    """Recorded passes are few, and none sees what another call has left in its memory."""
    net = by(RecordedInference, scrambled([4, 5, 3], members=members))
    X = rows(net, 200)
    expected = by(FunctionalInference, net.copy()).predict(X)
    for n in (*range(40), 64, 97, 127, 150, 199, 200):
        got = net.predict(X[:n])
        assert got.shape == (*net.identity.seeds.shape, n, 3)
        np.testing.assert_allclose(got, expected[..., :n, :], rtol=1e-12)
    passes = net.inference._idle  # type: ignore[attr-defined]
    assert sum(map(len, passes.values())) == len(passes) <= 24


@ways
def test_the_mean_of_a_stack_in_pieces(way: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    net = scrambled([4, 5, 3], members=3)
    X = rows(net, 23)
    short_pieces(monkeypatch, net, 6)
    by(way, net)
    for reduce in ("mean", "std"):
        expected = getattr(np, reduce)(net.predict(X), axis=0)
        np.testing.assert_allclose(net.predict(X, reduce=reduce), expected, rtol=1e-12)


@ways
@either
def test_a_fault_is_named_by_its_row(
    way: Any, members: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = mc.MLP([4, 5, 3], members=members)
    short_pieces(monkeypatch, net, 6)
    by(way, net)
    X = rows(net, 23).astype(np.float64)
    X[17, 2] = 1e39
    with pytest.raises(ValueError, match=r"beyond float32 at index \(17, 2\), expected finite"):
        net.predict(X)
    X[17, 2] = 0
    assert np.all(np.isfinite(net.predict(X)))
    if members:
        X = rows(net, 23, members)
        X[2, 13, 0] = np.nan
        with pytest.raises(ValueError, match=r"at index \(2, 13, 0\)"):
            net.predict(X)


@ways
def test_any_kind_of_array(way: Any, tmp_path: Path) -> None:
    net = by(way, mc.MLP([4, 5, 3]))
    X = rows(net, 23)
    whole = np.rint(8 * X)
    expected, integers = net.predict(X), net.predict(whole)
    file = np.memmap(tmp_path / "X", dtype=np.float64, mode="w+", shape=X.shape)
    file[...] = X
    frozen = X.copy()
    frozen.flags.writeable = False
    for other in (
        X.astype(np.float64),
        X.astype(">f4"),
        np.asfortranarray(X),
        np.repeat(X, 2, axis=0)[::2],
        X[::-1].copy()[::-1],
        X.tolist(),
        file,
        frozen,
    ):
        np.testing.assert_array_equal(net.predict(other), expected)
    for dtype in (np.int64, np.int8, np.float16, object):
        np.testing.assert_array_equal(net.predict(whole.astype(dtype)), integers)


@either
def test_new_values_count_at_once(members: int | None) -> None:
    net = mc.MLP([4, 5, 3], members=members, normalization="batch")
    X, y = rows(net, 30), np.arange(30) % 3
    net.predict(X)
    net.fit(X, y, epochs=2, batch_size=10, optimizer=mc.Adam(0.1), progress=False)
    np.testing.assert_array_equal(net.predict(X), net.copy().predict(X))
    net.set_tensors(scrambled([4, 5, 3], members=members, normalization="batch").tensors())
    np.testing.assert_array_equal(net.predict(X), net.copy().predict(X))
    net.parameters[...] = 0
    np.testing.assert_allclose(net.predict(X), 1 / 3, rtol=1e-6)


@ways
@either
def test_memory_is_bounded(
    way: Any, members: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a long file of another type nor its activations become arrays as a whole."""
    monkeypatch.setattr(inference, "PIECE_BYTES", 1 << 22)
    monkeypatch.setattr(Backend, "cache_bytes", 1 << 22)
    net = by(way, mc.MLP([32, 64, 2], members=members))
    X = np.memmap(tmp_path / "X", dtype=np.float64, mode="w+", shape=(100_000, 32))
    tracemalloc.start()
    try:
        outputs = net.predict(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    most = 2 * (net.backend.cache_bytes * min(members or 1, inference.SHARING))
    assert peak - outputs.nbytes < most < X.nbytes


@either
def test_a_steady_prediction_keeps_nothing(members: int | None) -> None:
    net = by(RecordedInference, mc.MLP([4, 5, 3], members=members))
    X = rows(net, 23)
    for _ in range(3):
        net.predict(X)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(200):
            net.predict(X)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 2000
