"""What holds for any logits, and for any shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from loss_cases import (
    COLUMNS,
    LOSSES,
    ROWS,
    draw_logits,
    draw_target,
    draw_weights,
    each_loss,
)
from mlpcore.functions.losses import (
    softmax_cross_entropy,
    squared_error,
)

finite = st.floats(-50, 50)
logits = hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 5)), elements=finite)
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize(
    ("loss", "kind"), [pair for name, pair in LOSSES.items() if name != "poisson_nll"]
)
@few
@given(z=logits, seed=seeds)
def test_losses_are_not_negative(loss, kind, z, seed):
    assert loss(z, draw_target(kind, z.shape, seed)) >= 0


@few
@given(z=logits, seed=seeds, smoothing=st.floats(0, 0.9))
def test_softmax_gradient_rows_sum_to_zero(z, seed, smoothing):
    target = draw_target("labels", z.shape, seed)
    dz = softmax_cross_entropy.gradient(z, target, label_smoothing=smoothing)
    np.testing.assert_allclose(dz.sum(axis=-1), 0, atol=1e-15)


@few
@given(z=logits, seed=seeds, shift=finite)
def test_softmax_cross_entropy_does_not_see_a_shift_of_the_logits(z, seed, shift):
    target = draw_target("probabilities", z.shape, seed)
    value, dz = softmax_cross_entropy.value_and_gradient(z, target)
    moved = softmax_cross_entropy.value_and_gradient(z + shift, target)
    np.testing.assert_allclose(moved[0], value, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(moved[1], dz, rtol=1e-10, atol=1e-13)


@each_loss
@few
@given(z=logits, seed=seeds, factor=st.floats(1e-6, 1e6))
def test_only_the_proportions_of_the_weights_matter(loss, kind, z, seed, factor):
    target = draw_target(kind, z.shape, seed)
    weight = np.random.default_rng(seed).uniform(size=z.shape[0])
    value, dz = loss.value_and_gradient(z, target, weight)
    scaled = loss.value_and_gradient(z, target, factor * weight)
    np.testing.assert_allclose(scaled[0], value, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(scaled[1], dz, rtol=1e-12, atol=1e-300)


# Shapes


@each_loss
@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
def test_shapes_for_the_recorder_are_those_of_the_results(loss, kind, leading):
    shape = (*leading, ROWS, COLUMNS)
    given = draw_logits(shape), draw_target(kind, shape), draw_weights(shape[:-1])
    value, dz = loss.value_and_gradient(*given)
    assert loss.shapes(*given) == value.shape == leading
    assert loss.gradient.shapes(*given) == dz.shape
    assert loss.value_and_gradient.shapes(*given) == (value.shape, dz.shape)


def test_names_are_those_of_the_kernels():
    for name, (loss, _) in LOSSES.items():
        assert loss.__name__ == loss.rows.__name__ == name
        assert loss.value_and_gradient.name == f"{name}_value_and_gradient"


@pytest.mark.parametrize(
    ("loss", "target", "weight", "message"),
    [
        (squared_error, np.zeros(3), None, r"target of shape \(3,\), expected \(3, 2\)"),
        (squared_error, np.zeros((3, 1)), None, r"target of shape \(3, 1\), expected \(3, 2\)"),
        (squared_error, np.zeros((1, 3, 2)), None, r"target of shape \(1, 3, 2\)"),
        (squared_error, np.zeros(3, int), None, r"target of shape \(3,\), expected \(3, 2\)"),
        (squared_error, np.zeros((3, 2)), np.ones((3, 1)), r"sample_weight of shape \(3, 1\)"),
        (softmax_cross_entropy, np.zeros(3), None, r"target of shape \(3,\), expected \(3, 2\)"),
        (softmax_cross_entropy, np.zeros((3, 2), int), None, r"integer target of shape \(3, 2\)"),
        (softmax_cross_entropy, np.zeros(2, int), None, r"integer target of shape \(2,\)"),
    ],
)
def test_targets_that_would_broadcast_wrongly_are_refused(loss, target, weight, message):
    z = np.zeros((3, 2))
    for function in (loss, loss.gradient, loss.value_and_gradient):
        with pytest.raises(ValueError, match=message):
            function.reference(z, target, weight)
