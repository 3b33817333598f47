"""Networks on other array libraries."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from networks import (
    LABELS,
    RATES,
    SMOOTHINGS,
    assert_same_tensors,
    either,
    features,
    sample_weights,
    scrambled,
)

pytestmark = pytest.mark.filterwarnings("error")

libraries = pytest.mark.parametrize("name", ["array_api_strict", "torch"])


@libraries
@either
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_another_array_library_computes_the_same(
    name: str, normalization: str | None, members: int | None
) -> None:
    xp = pytest.importorskip(name)
    arguments: dict[str, Any] = {
        "normalization": normalization,
        "dropout": 0.2 if members is None else RATES,
        "label_smoothing": 0.1 if members is None else SMOOTHINGS,
        "members": members,
    }
    net = scrambled([4, 5, 3], **arguments)
    other = net.to(xp)
    own = type(xp.zeros(1))
    weighting: dict[str, Any] = {"sample_weight": sample_weights(), "class_weight": "balanced"}
    loss, g = net.loss_and_gradients(features(4), LABELS, **weighting)
    its_loss, its_g = other.loss_and_gradients(features(4), LABELS, **weighting)
    pairs = [
        (its_loss, loss),
        (its_g.flat, g.flat),
        (other.predict(features(4)), net.predict(features(4))),
        (other.loss(features(4), LABELS), net.loss(features(4), LABELS)),
    ]
    for theirs, ours in pairs:
        assert isinstance(theirs, own)
        np.testing.assert_allclose(np.asarray(theirs), ours, rtol=1e-9, atol=1e-14)
    assert_same_tensors(other.to("cpu").tensors(), net.tensors())
    assert_same_tensors(other.copy().tensors(), net.tensors())


@pytest.mark.parametrize("name", ["array_api_strict", "torch"])
def test_another_array_library_takes_its_own_arrays(name: str) -> None:
    xp = pytest.importorskip(name)
    net = scrambled([4, 5, 3])
    X, y, weight = (xp.asarray(array) for array in (features(4), LABELS, sample_weights()))
    loss, _ = net.to(xp).loss_and_gradients(X, y, sample_weight=weight)
    expected, _ = net.loss_and_gradients(features(4), LABELS, sample_weight=sample_weights())
    assert float(loss) == pytest.approx(float(expected), rel=1e-12)


@libraries
@either
def test_another_array_library_trains_the_same(name: str, members: int | None) -> None:
    xp = pytest.importorskip(name)
    nets = [
        scrambled([4, 5, 3], normalization="batch", dropout=0.2, members=members, backend=backend)
        for backend in ("cpu", xp)
    ]
    rate = 0.01 if members is None else np.array([0.01, 0.02, 0.0])
    histories = [
        net.fit(
            features(4),
            LABELS,
            optimizer=mc.AdamW(rate, epsilon=1e-3, clip_norm=1.0, clip_value=0.5, l2=0.01),
            batch_size=3,
            epochs=3,
            sample_weight=sample_weights(),
            validation_data=(features(4), LABELS),
            metrics=["accuracy"],
            early_stopping=5,
            progress=False,
        )
        for net in nets
    ]
    for name in ("loss", "validation_loss", "gradient_norm"):
        ours, theirs = (np.asarray(getattr(history, name)) for history in histories)
        np.testing.assert_allclose(theirs, ours, rtol=1e-9)
    tensors, its = (net.tensors() for net in nets)
    for name, value in tensors.items():
        np.testing.assert_allclose(its[name], value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["array_api_strict", "torch"])
def test_a_network_of_another_array_library_goes_through_a_pickle(name: str) -> None:
    net = mc.MLP([4, 5, 3], backend=pytest.importorskip(name))
    twin = pickle.loads(pickle.dumps(net))
    assert twin.backend == net.backend
    assert_same_tensors(twin.tensors(), net.tensors())
