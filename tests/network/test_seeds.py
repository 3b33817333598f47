"""What a seed draws, for a network and for each member of a stack."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from networks import MEMBERS

pytestmark = pytest.mark.filterwarnings("error")


def test_one_seed_numbers_the_members() -> None:
    stack = mc.MLP([4, 5, 3], members=MEMBERS, seed=7)
    for e in range(MEMBERS):
        np.testing.assert_array_equal(
            mc.MLP([4, 5, 3], seed=(7, e)).parameters, stack.parameters[e]
        )
    np.testing.assert_array_equal(mc.MLP([4, 5, 3], seed=7).parameters, stack.parameters[0])
    assert not np.array_equal(stack.parameters[0], stack.parameters[1])


@pytest.mark.parametrize("seeds", [[4, 9, 4], range(3), np.array([0, 2**33, 2**63 - 1])])
def test_a_seed_per_member_equals_single_networks(seeds: Any) -> None:
    stack = mc.MLP([4, 5, 3], members=MEMBERS, seed=seeds)
    for e, seed in enumerate(seeds):
        single = mc.MLP([4, 5, 3], seed=int(seed))
        np.testing.assert_array_equal(single.parameters, stack.parameters[e])
        assert stack[e].configuration["seed"] == [seed, 0]


def test_every_bit_of_a_seed_counts() -> None:
    seeds = [0, 1, 2**31, 2**32, 2**62, 2**63 - 1]
    drawn = {mc.MLP([4, 3], seed=seed).parameters.tobytes() for seed in seeds}
    assert len(drawn) == len(seeds)


def test_the_same_seed_starts_from_the_same_numbers_in_both_dtypes() -> None:
    double = mc.MLP([4, 5, 3], seed=3, dtype="float64").parameters
    np.testing.assert_array_equal(mc.MLP([4, 5, 3], seed=3).parameters, double.astype("float32"))


def test_layers_draw_numbers_of_their_own() -> None:
    net = mc.MLP([4, 4, 4, 4], init="normal(std=1)")
    assert len({weight.tobytes() for weight in net.weights}) == 3


def test_a_new_network_has_no_biases_and_unit_scales() -> None:
    net = mc.MLP([4, 5, 3], normalization="batch", members=2)
    assert all(np.all(view == 0.0) for view in [*net.biases, *net.values.betas])
    assert all(np.all(view == 1.0) for view in net.values.gammas)
    assert np.all(net.statistics.views[1]["mean"] == 0.0)
    assert np.all(net.statistics.views[1]["variance"] == 1.0)
