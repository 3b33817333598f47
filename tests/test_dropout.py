"""Dropout: the mask's definition, the scale, members and the backward."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mlpcore.backend.random import DROPOUT
from mlpcore.functions.dropout import dropout

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.75, 1 / 3])
def test_the_definition(rate, library, dtype, rng, philox_word):
    x = rng.standard_normal((5, 7)).astype(dtype)
    key = {"seed": 2**33 + 9, "member": 4, "step": 17, "layer": 2}
    y = library.numpy(dropout(library.array(x, dtype), rate=rate, **key))
    assert y.dtype == dtype
    kept = [philox_word(i, purpose=DROPOUT, **key) >= math.floor(rate * 2**32) for i in range(35)]
    expected = x * np.reshape(kept, (5, 7)) / (1 - rate)
    np.testing.assert_allclose(y, expected, rtol={"float32": 1e-6, "float64": 1e-15}[dtype])


@pytest.mark.parametrize("stacked_rate", [False, True])
def test_members_drop_as_they_do_alone(stacked_rate, library, dtype, rng):
    x = rng.standard_normal((3, 4, 5)).astype(dtype)
    seeds, members = np.array([8, 8, 1]), np.array([0, 1, 0])
    rates = np.array([0.2, 0.5, 0.9]) if stacked_rate else 0.5
    y = dropout(library.array(x, dtype), rate=rates, seed=seeds, member=members, step=6, layer=1)
    y = library.numpy(y)
    assert y.dtype == dtype
    for e in range(3):
        key = {"seed": int(seeds[e]), "member": int(members[e]), "step": 6, "layer": 1}
        rate = float(np.broadcast_to(rates, 3)[e])
        alone = library.numpy(dropout(library.array(x[e], dtype), rate=rate, **key))
        np.testing.assert_allclose(y[e], alone, rtol=1e-6)
    assert not np.array_equal(y[0] == 0, y[1] == 0)


def test_rate_zero_changes_nothing(library, dtype, rng):
    x = rng.standard_normal((4, 5)).astype(dtype)
    y = library.numpy(dropout(library.array(x, dtype), rate=0.0, seed=0, step=0))
    np.testing.assert_array_equal(y, x)


def test_the_share_that_is_kept_and_the_mean():
    y = dropout(np.ones((200, 100)), rate=0.3, seed=0, step=0)
    assert abs(np.mean(y == 0) - 0.3) < 0.01
    assert abs(np.mean(y) - 1) < 0.02
    np.testing.assert_allclose(y[y != 0], 1 / 0.7)


def test_each_step_and_each_layer_drops_others():
    x = np.ones((8, 8))
    masks = [(0, 0), (1, 0), (0, 1), (1, 1), (2**20, 0)]
    drawn = {dropout(x, rate=0.5, seed=0, step=s, layer=n).tobytes() for s, n in masks}
    assert len(drawn) == 5


def test_the_backward_is_the_transposed_map(rng):
    x, dy = rng.standard_normal((2, 6, 5))
    key = {"rate": 0.4, "seed": 3, "member": 1, "step": 2, "layer": 0}
    y, dx = dropout(x, **key), dropout.backward(dy, **key)
    np.testing.assert_allclose(np.sum(dy * y), np.sum(dx * x), rtol=1e-12)
    np.testing.assert_array_equal(y == 0, dx == 0)


def test_gradient_matches_central_differences(rng, central_difference):
    x, dy = rng.standard_normal((2, 4, 5))
    key = {"rate": 0.4, "seed": 3, "step": 2}
    numeric = central_difference(lambda v: dropout(v, **key), x, dy)
    np.testing.assert_allclose(dropout.backward(dy, **key), numeric, rtol=1e-6, atol=1e-9)


def test_extremes_without_a_warning(library, dtype):
    x = library.array([[-math.inf, -1e38, 1e-310, 1e38, math.inf, math.nan]] * 20, dtype)
    y = library.numpy(dropout(x, rate=0.5, seed=0, step=0))
    kept = library.numpy(dropout(library.xp.ones_like(x), rate=0.5, seed=0, step=0)) != 0
    assert not np.any(y[~kept])
    np.testing.assert_array_equal(y[kept], (2 * library.numpy(x))[kept])


def test_out_may_be_the_input():
    x = np.ones((4, 4))
    expected = dropout(x, rate=0.5, seed=1, step=0)
    assert dropout(x, rate=0.5, seed=1, step=0, out=x) is x
    np.testing.assert_array_equal(x, expected)
