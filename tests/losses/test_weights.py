"""Losses of weighted rows."""

from __future__ import annotations

import numpy as np
import pytest

from loss_cases import (
    COLUMNS,
    MEMBERS,
    ROWS,
    draw_logits,
    draw_target,
    draw_weights,
    each_loss,
)


@each_loss
def test_member_whose_weights_are_all_zero_has_loss_and_gradient_zero(loss, kind):
    shape = (MEMBERS, ROWS, COLUMNS)
    z, target, weight = draw_logits(shape), draw_target(kind, shape), draw_weights(shape[:2])
    weight[1] = 0
    value, dz = loss.value_and_gradient(z, target, weight)
    assert value[1] == 0
    assert not dz[1].any()
    for e in (0, 2):
        alone = loss.value_and_gradient(z[e], target[e], weight[e])
        np.testing.assert_array_equal(value[e], alone[0])
        np.testing.assert_array_equal(dz[e], alone[1])


@each_loss
@pytest.mark.parametrize("filling", [np.inf, np.nan])
def test_row_of_weight_zero_counts_nothing_whatever_it_holds(loss, kind, filling):
    z, target = draw_logits((ROWS, COLUMNS)), draw_target(kind, (ROWS, COLUMNS))
    z[-1] = filling
    weight = np.ones(ROWS)
    weight[-1] = 0
    value, dz = loss.value_and_gradient(z, target, weight)
    expected = loss.value_and_gradient(z[:-1], target[:-1])
    np.testing.assert_allclose(value, expected[0], rtol=1e-14)
    np.testing.assert_allclose(dz[:-1], expected[1], rtol=1e-14)
    assert not dz[-1].any()


@each_loss
def test_whole_weights_count_like_repeated_rows(loss, kind):
    z, target = draw_logits((ROWS, COLUMNS)), draw_target(kind, (ROWS, COLUMNS))
    times = np.arange(ROWS) % 3
    value = loss(z, target, times.astype(float))
    repeated = loss(np.repeat(z, times, axis=0), np.repeat(target, times, axis=0))
    np.testing.assert_allclose(value, repeated, rtol=1e-14)


@each_loss
def test_no_rows_have_loss_zero(loss, kind):
    value, dz = loss.value_and_gradient(
        np.zeros((0, COLUMNS)), draw_target(kind, (0, COLUMNS)), np.zeros(0)
    )
    assert value == 0
    assert dz.shape == (0, COLUMNS)
