"""The losses: values and gradients against Torch, differences, extremes and properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlpcore.functions.losses import (
    Loss,
    absolute_error,
    huber,
    poisson_nll,
    sigmoid_binary_cross_entropy,
    softmax_cross_entropy,
    squared_error,
)

MEMBERS, ROWS, COLUMNS = 3, 7, 4
DELTAS = np.array([0.5, 1.0, 2.0])
SMOOTHINGS = np.array([0.0, 0.1, 0.5])

#: Loss, kind of target, parameters.
CASES: dict[str, tuple[Loss, str, dict[str, Any]]] = {
    "squared_error": (squared_error, "values", {}),
    "absolute_error": (absolute_error, "values", {}),
    "huber": (huber, "values", {}),
    "huber of one delta": (huber, "values", {"delta": 0.3}),
    "huber of a delta per member": (huber, "values", {"delta": DELTAS}),
    "poisson_nll": (poisson_nll, "counts", {}),
    "sigmoid_binary_cross_entropy": (sigmoid_binary_cross_entropy, "bits", {}),
    "sigmoid_binary_cross_entropy of shares": (sigmoid_binary_cross_entropy, "shares", {}),
    "softmax_cross_entropy": (softmax_cross_entropy, "labels", {}),
    "softmax_cross_entropy smoothed": (softmax_cross_entropy, "labels", {"label_smoothing": 0.2}),
    "softmax_cross_entropy smoothed per member": (
        softmax_cross_entropy,
        "labels",
        {"label_smoothing": SMOOTHINGS},
    ),
    "softmax_cross_entropy of probabilities": (softmax_cross_entropy, "probabilities", {}),
    "softmax_cross_entropy of probabilities smoothed": (
        softmax_cross_entropy,
        "probabilities",
        {"label_smoothing": 0.2},
    ),
}
LOSSES = {loss.name: (loss, kind) for loss, kind, _ in reversed(CASES.values())}
each_case = pytest.mark.parametrize(("loss", "kind", "parameters"), CASES.values(), ids=CASES)
each_loss = pytest.mark.parametrize(("loss", "kind"), LOSSES.values(), ids=LOSSES)


def draw_target(kind: str, shape: tuple[int, ...], seed: int = 1) -> np.ndarray:
    """A target for logits of this shape."""
    random = np.random.default_rng(seed)
    if kind == "labels":
        return random.integers(0, shape[-1], shape[:-1])
    if kind == "probabilities":
        return random.dirichlet(np.ones(shape[-1]), shape[:-1])
    return {
        "values": random.normal(size=shape),
        "counts": random.poisson(2.0, shape).astype(float),
        "bits": random.integers(0, 2, shape).astype(float),
        "shares": random.uniform(size=shape),
    }[kind]


def draw_logits(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return 2 * np.random.default_rng(seed).normal(size=shape)


def draw_weights(shape: tuple[int, ...]) -> np.ndarray:
    """Weights with a few zeros among them."""
    random = np.random.default_rng(2)
    return random.uniform(0.1, 3.0, shape) * (random.uniform(size=shape) < 0.8)


def of_member(value: Any, member: int) -> Any:
    return value[member] if isinstance(value, np.ndarray) else value


# Against Torch


def torch_rows(loss: Loss, z: Any, target: Any, parameters: dict[str, Any]) -> Any:
    """The losses of the rows of one member as Torch computes them."""
    from torch.nn import functional

    if loss is softmax_cross_entropy:
        return functional.cross_entropy(z, target, reduction="none", **parameters)
    elements = {
        squared_error: lambda: functional.mse_loss(z, target, reduction="none") / 2,
        absolute_error: lambda: functional.l1_loss(z, target, reduction="none"),
        huber: lambda: functional.huber_loss(z, target, reduction="none", **parameters),
        poisson_nll: lambda: functional.poisson_nll_loss(z, target, reduction="none"),
        sigmoid_binary_cross_entropy: lambda: functional.binary_cross_entropy_with_logits(
            z, target, reduction="none"
        ),
    }
    return elements[loss]().sum(-1)


def torch_value_and_gradient(
    loss: Loss, z: np.ndarray, target: np.ndarray, weight: np.ndarray, parameters: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    torch = pytest.importorskip("torch")
    logits = torch.tensor(z, requires_grad=True)
    rows = torch_rows(loss, logits, torch.tensor(target), parameters)
    weights = torch.tensor(weight)
    value = (rows * weights).sum() / weights.sum()
    value.backward()
    return value.detach().numpy(), logits.grad.numpy()


@each_case
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_single_network_agrees_with_torch(loss, kind, parameters, weighted):
    parameters = {key: float(of_member(value, 1)) for key, value in parameters.items()}
    z, target = draw_logits((ROWS, COLUMNS)), draw_target(kind, (ROWS, COLUMNS))
    weight = draw_weights((ROWS,)) if weighted else None
    value, dz = loss.value_and_gradient(z, target, weight, **parameters)
    given = np.ones(ROWS) if weight is None else weight
    expected = torch_value_and_gradient(loss, z, target, given, parameters)
    np.testing.assert_allclose(value, expected[0], rtol=1e-9)
    np.testing.assert_allclose(dz, expected[1], rtol=1e-9, atol=1e-15)


@each_case
@pytest.mark.parametrize("shared", ["nothing", "target", "weight", "both"])
def test_stack_agrees_with_torch_member_by_member(loss, kind, parameters, shared):
    shape = (MEMBERS, ROWS, COLUMNS)
    z = draw_logits(shape)
    target = draw_target(kind, shape[1:] if shared in ("target", "both") else shape)
    weight = draw_weights(shape[1:2] if shared in ("weight", "both") else shape[:2])
    value, dz = loss.value_and_gradient(z, target, weight, **parameters)
    assert value.shape == (MEMBERS,)
    assert dz.shape == shape
    for e in range(MEMBERS):
        expected = torch_value_and_gradient(
            loss,
            z[e],
            target if shared in ("target", "both") else target[e],
            weight if shared in ("weight", "both") else weight[e],
            {key: float(of_member(v, e)) for key, v in parameters.items()},
        )
        np.testing.assert_allclose(value[e], expected[0], rtol=1e-9)
        np.testing.assert_allclose(dz[e], expected[1], rtol=1e-9, atol=1e-15)


# On every library


@each_case
def test_every_library_gives_the_same(library, loss, kind, parameters, dtype):
    shape = (MEMBERS, ROWS, COLUMNS)
    z, target, weight = draw_logits(shape), draw_target(kind, shape), draw_weights(shape[:2])
    if kind != "labels":
        target = target.astype(dtype)
    z, weight = z.astype(dtype), weight.astype(dtype)
    expected = loss.value_and_gradient(z, target, weight, **parameters)
    given = [library.array(array, array.dtype.name) for array in (z, target, weight)]
    value, dz = loss.value_and_gradient(*given, **parameters)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    for got, wanted in ((value, expected[0]), (dz, expected[1])):
        got = library.numpy(got)
        assert got.dtype == dtype
        np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance / 100)
    np.testing.assert_array_equal(library.numpy(loss(*given, **parameters)), library.numpy(value))
    np.testing.assert_array_equal(
        library.numpy(loss.gradient(*given, **parameters)), library.numpy(dz)
    )


# The derivative beneath each loss


@each_case
def test_gradient_agrees_with_central_differences(loss, kind, parameters):
    shape = (MEMBERS, ROWS, COLUMNS)
    z, target, weight = draw_logits(shape), draw_target(kind, shape), draw_weights(shape[:2])
    random, h = np.random.default_rng(3), 1e-5
    dz = loss.gradient(z, target, weight, **parameters)
    for _ in range(4):
        along = random.normal(size=shape)
        ahead = loss(z + h * along, target, weight, **parameters)
        behind = loss(z - h * along, target, weight, **parameters)
        np.testing.assert_allclose(
            (dz * along).sum((-1, -2)), (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-9
        )


def test_softmax_cross_entropy_gradient_is_the_lectures_a_minus_y_over_m():
    """``dZ = (A - Y) / m`` with ``A = softmax(Z)``."""
    z = np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    a = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    y = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    dz = softmax_cross_entropy.gradient(z, np.array([1, 0]))
    np.testing.assert_allclose(dz, (a - y) / 2, rtol=1e-14)


def test_absolute_error_has_derivative_zero_at_its_kink():
    assert absolute_error.gradient(np.zeros((1, 1)), np.zeros((1, 1))) == 0


# Weights


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


# Extremes


@pytest.mark.parametrize(
    ("logits", "label", "value", "gradient"),
    [
        ([1e38, -1e38], 0, 0.0, [0.0, 0.0]),
        ([1e38, -1e38], 1, 2e38, [1.0, -1.0]),
        ([1e38, 1e38], 0, np.log(2), [-0.5, 0.5]),
        ([0.0, -np.inf], 0, 0.0, [0.0, 0.0]),
        ([0.0, -np.inf], 1, np.inf, [1.0, -1.0]),
        ([0.0, -200.0], 1, 200.0, [1.0, -1.0]),
        ([-1e38, -1e38], 1, np.log(2), [0.5, -0.5]),
        ([-np.inf, -np.inf], 1, np.nan, [np.nan, np.nan]),
        ([np.nan, 0.0], 1, np.nan, [np.nan, np.nan]),
    ],
)
def test_softmax_cross_entropy_at_extreme_logits(library, dtype, logits, label, value, gradient):
    z = library.array([logits], dtype)
    for target in (library.array([label], "int64"), library.array(np.eye(2)[[label]], dtype)):
        got = softmax_cross_entropy.value_and_gradient(z, target)
        np.testing.assert_allclose(library.numpy(got[0]), np.array(value, dtype), rtol=1e-6)
        np.testing.assert_allclose(library.numpy(got[1]), [gradient], rtol=1e-6, atol=1e-12)


def test_smoothing_stays_finite_at_large_logits_and_meets_minus_infinity(dtype):
    z = np.array([[1e38, -1e38, -1e38, -1e38]], dtype)
    value = softmax_cross_entropy(z, np.array([0]), label_smoothing=0.5)
    np.testing.assert_allclose(value, 0.5 * 0.75 * 2e38, rtol=1e-6)
    z[0, 1] = -np.inf
    assert softmax_cross_entropy(z, np.array([0]), label_smoothing=0.5) == np.inf


INFINITE = np.inf
EXTREMES = [
    # loss, logit, target, value, gradient
    (sigmoid_binary_cross_entropy, 1e38, 1.0, 0.0, 0.0),
    (sigmoid_binary_cross_entropy, 1e38, 0.0, 1e38, 1.0),
    (sigmoid_binary_cross_entropy, -1e38, 1.0, 1e38, -1.0),
    (sigmoid_binary_cross_entropy, -1e38, 0.0, 0.0, 0.0),
    (sigmoid_binary_cross_entropy, INFINITE, 1.0, 0.0, 0.0),
    (sigmoid_binary_cross_entropy, INFINITE, 0.0, INFINITE, 1.0),
    (sigmoid_binary_cross_entropy, -INFINITE, 1.0, INFINITE, -1.0),
    (sigmoid_binary_cross_entropy, -INFINITE, 0.0, 0.0, 0.0),
    (sigmoid_binary_cross_entropy, 1e38, 0.5, 5e37, 0.5),
    (squared_error, INFINITE, 0.0, INFINITE, INFINITE),
    (squared_error, -INFINITE, 0.0, INFINITE, -INFINITE),
    (absolute_error, 1e38, -1e38, 2e38, 1.0),
    (absolute_error, -INFINITE, 0.0, INFINITE, -1.0),
    (huber, 1e38, 0.0, 1e38, 1.0),
    (huber, -1e38, 0.0, 1e38, -1.0),
    (huber, -INFINITE, 0.0, INFINITE, -1.0),
    (poisson_nll, -1e38, 0.0, 0.0, 0.0),
    (poisson_nll, -1e38, 2.0, 2e38, -2.0),
    (poisson_nll, -INFINITE, 0.0, 0.0, 0.0),
    (poisson_nll, -INFINITE, 2.0, INFINITE, -2.0),
    (poisson_nll, 1e38, 2.0, INFINITE, INFINITE),
    (poisson_nll, INFINITE, 2.0, INFINITE, INFINITE),
    (poisson_nll, INFINITE, 0.0, INFINITE, INFINITE),
]


@pytest.mark.parametrize(("loss", "logit", "target", "value", "gradient"), EXTREMES)
def test_elementwise_losses_at_extreme_logits(library, dtype, loss, logit, target, value, gradient):
    z, y = (library.array([[number]], dtype) for number in (logit, target))
    got = loss.value_and_gradient(z, y)
    np.testing.assert_allclose(library.numpy(got[0]), np.array(value, dtype), rtol=1e-6)
    np.testing.assert_allclose(library.numpy(got[1]), [[gradient]], rtol=1e-6)


@pytest.mark.parametrize("size", [1e38, 1.7e19])
def test_squares_that_outgrow_the_dtype_are_infinite_in_silence(size):
    z, y = np.full((2, 3), size, np.float32), np.zeros((2, 3), np.float32)
    value, dz = squared_error.value_and_gradient(z, y)
    assert value == np.inf
    np.testing.assert_allclose(dz, size / 2, rtol=1e-6)


def test_squares_just_within_the_dtype_are_exact():
    value = squared_error(np.full((2, 3), 5e18, np.float32), np.zeros((2, 3), np.float32))
    np.testing.assert_allclose(value, 1.5 * 25e36, rtol=1e-6)


@each_loss
def test_nan_reaches_value_and_gradient(loss, kind):
    z, target = draw_logits((ROWS, COLUMNS)), draw_target(kind, (ROWS, COLUMNS))
    z[2, 1] = np.nan
    value, dz = loss.value_and_gradient(z, target)
    assert np.isnan(value)
    assert np.isnan(dz[2, 1])
    assert np.isfinite(dz[:2]).all()
    if kind != "labels":
        z[2, 1], target[2, 1] = 0.0, np.nan
        assert np.isnan(loss(z, target))


# Properties

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
