"""What is done to data: one-hot rows, gathering, class weights, metrics, standardization."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlpcore.functions.class_weights import balanced_class_weight, row_weights
from mlpcore.functions.gather import gather_rows, gather_values
from mlpcore.functions.losses import softmax_cross_entropy
from mlpcore.functions.metrics import accuracy, r2
from mlpcore.functions.normalization import standardize
from mlpcore.functions.one_hot import one_hot
from mlpcore.functions.row_shares import row_shares, weighted_mean

CLASSES = 4


# One-hot


def test_one_hot_rows_are_rows_of_the_identity(library, dtype, members, rng):
    labels = rng.integers(0, CLASSES, (*members, 9))
    rows = one_hot(
        library.array(labels, "int64"), classes=CLASSES, dtype=getattr(library.xp, dtype)
    )
    rows = library.numpy(rows)
    assert rows.dtype == dtype
    np.testing.assert_array_equal(rows, np.eye(CLASSES)[labels])


@pytest.mark.parametrize(
    "labels",
    [np.array(["a", "b"]), np.array(["a", "b"], dtype=object), np.array([0.0, 1.0])],
    ids=["texts", "objects", "reals"],
)
def test_one_hot_of_what_is_no_label(labels):
    with pytest.raises(TypeError, match=r"got labels of dtype .* expected integers from 0 to 1;"):
        one_hot(labels, classes=2)


def test_one_hot_of_a_label_outside_is_a_row_of_zeros():
    rows = one_hot(np.array([-1, 1, 2]), classes=2)
    np.testing.assert_array_equal(rows, [[0, 0], [0, 1], [0, 0]])
    assert rows.dtype == np.float64


# Gathering


@pytest.mark.parametrize("shared_x", [False, True], ids=["own x", "shared x"])
@pytest.mark.parametrize("shared_index", [False, True], ids=["own index", "shared index"])
@pytest.mark.parametrize("leading", [(), (3,), (2, 3)], ids=["single", "stacked", "twice stacked"])
def test_gathering_takes_each_members_rows(library, shared_x, shared_index, leading, rng):
    x = rng.standard_normal((*(() if shared_x else leading), 8, 2))
    index = rng.integers(0, 8, (*(() if shared_index else leading), 5))
    stacked = () if shared_x and shared_index else leading
    own_x = np.broadcast_to(x, (*stacked, 8, 2))
    own_index = np.broadcast_to(index, (*stacked, 5))
    expected = np.empty((*stacked, 5, 2))
    for member in np.ndindex(stacked):
        expected[member] = own_x[member][own_index[member]]

    x, index = library.array(x), library.array(index, "int64")
    rows = gather_rows(x, index)
    np.testing.assert_array_equal(library.numpy(rows), expected)
    assert gather_rows.shapes(x, index) == expected.shape
    values = gather_values(x[..., 0], index)
    np.testing.assert_array_equal(library.numpy(values), expected[..., 0])
    assert gather_values.shapes(x[..., 0], index) == expected.shape[:-1]


def test_gathered_labels_stay_integers(library):
    labels = gather_values(library.array([4, 5, 6], "int64"), library.array([2, 2], "int64"))
    labels = library.numpy(labels)
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, [6, 6])


# Weights of classes


def test_row_weights_are_those_of_the_labels_classes(library, dtype, members, rng):
    labels = rng.integers(0, CLASSES, (*members, 9))
    class_weight = np.array([0.5, 1.0, 2.0, 4.0])
    sample_weight = rng.uniform(size=(*members, 9)).astype(dtype)
    given = library.array(labels, "int64"), library.array(class_weight, dtype)
    plain = library.numpy(row_weights(*given))
    assert plain.dtype == dtype
    np.testing.assert_array_equal(plain, class_weight[labels])
    weighted = library.numpy(row_weights(*given, library.array(sample_weight, dtype)))
    np.testing.assert_allclose(weighted, sample_weight * class_weight[labels], rtol=1e-7)


def test_row_weights_of_probabilities_are_expected_class_weights(library, rng):
    shares, class_weight = rng.dirichlet(np.ones(CLASSES), 9), rng.uniform(size=CLASSES)
    weights = row_weights(library.array(shares), library.array(class_weight))
    np.testing.assert_allclose(library.numpy(weights), shares @ class_weight, rtol=1e-14)


def test_each_member_may_have_class_weights_of_its_own(library, rng):
    labels, class_weight = rng.integers(0, CLASSES, 9), rng.uniform(size=(3, CLASSES))
    weights = row_weights(library.array(labels, "int64"), library.array(class_weight))
    np.testing.assert_array_equal(library.numpy(weights), class_weight[:, labels])


def test_class_weights_in_the_loss_agree_with_torch(rng):
    torch = pytest.importorskip("torch")
    z, labels = rng.standard_normal((9, CLASSES)), rng.integers(0, CLASSES, 9)
    class_weight = rng.uniform(0.1, 5, CLASSES)
    logits = torch.tensor(z, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(
        logits, torch.tensor(labels), weight=torch.tensor(class_weight)
    )
    expected.backward()
    weights = row_weights(labels, class_weight)
    value, dz = softmax_cross_entropy.value_and_gradient(z, labels, weights)
    np.testing.assert_allclose(value, expected.item(), rtol=1e-9)
    np.testing.assert_allclose(dz, logits.grad.numpy(), rtol=1e-9, atol=1e-15)


def test_balanced_class_weights_agree_with_scikit_learn(library, dtype, rng):
    compute = pytest.importorskip("sklearn.utils.class_weight").compute_class_weight
    labels = np.concatenate([np.arange(CLASSES), rng.integers(0, 2, 20)])
    expected = compute("balanced", classes=np.arange(CLASSES), y=labels)
    float_type = getattr(library.xp, dtype)
    for target in (
        library.array(labels, "int64"),
        library.array(np.eye(CLASSES)[labels], dtype),
    ):
        got = library.numpy(balanced_class_weight(target, classes=CLASSES, dtype=float_type))
        assert got.dtype == dtype
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_balanced_classes_carry_equal_weight_in_every_member(rng):
    labels = np.stack([rng.permutation(np.arange(30) % 3), np.repeat([0, 1, 2], [1, 9, 20])])
    weights = row_weights(labels, balanced_class_weight(labels, classes=3))
    for c in range(3):
        np.testing.assert_allclose(np.sum(weights * (labels == c), axis=-1), 10, rtol=1e-13)


def test_balanced_weight_of_a_class_without_rows_is_finite():
    weights = balanced_class_weight(np.array([0, 0, 0, 0]), classes=2)
    np.testing.assert_array_equal(weights, [0.5, 2.0])


# Shares of rows


def test_shares_add_up_to_one_or_to_zero(library, dtype):
    values = library.array(np.zeros((3, 4)), dtype)
    weight = library.array([[1, 2, 3, 4], [0, 0, 0, 0], [0, 0, 5, 0]], dtype)
    shares = library.numpy(row_shares(values, weight))
    assert shares.dtype == dtype
    np.testing.assert_allclose(shares.sum(-1), [1, 0, 1], rtol=1e-6)
    np.testing.assert_array_equal(library.numpy(row_shares(values)), np.full((3, 4), 0.25))


def test_weighted_mean_agrees_with_numpy(rng):
    values, weight = rng.standard_normal((2, 3, 5)) ** 2
    expected = np.average(values, axis=-1, weights=weight)
    np.testing.assert_allclose(weighted_mean(values, weight), expected, rtol=1e-14)
    np.testing.assert_allclose(weighted_mean(values), values.mean(-1), rtol=1e-14)


# Metrics


def test_accuracy_agrees_with_scikit_learn(library, members, rng):
    score = pytest.importorskip("sklearn.metrics").accuracy_score
    predicted, target = rng.integers(0, 3, (2, *members, 20))
    weight = rng.uniform(size=(*members, 20))
    labels = library.array(predicted, "int64"), library.array(target, "int64")
    weighted = library.numpy(accuracy(*labels, library.array(weight)))
    plain = library.numpy(accuracy(*labels))
    assert plain.shape == weighted.shape == members
    for e in np.ndindex(members):
        expected = score(target[e], predicted[e])
        np.testing.assert_allclose(plain[e], expected, rtol=1e-12)
        expected = score(target[e], predicted[e], sample_weight=weight[e])
        np.testing.assert_allclose(weighted[e], expected, rtol=1e-12)


def test_accuracy_is_in_the_weights_dtype(library, dtype):
    labels = library.array([0, 1, 1], "int64")
    weight = library.array([1, 2, 1], dtype)
    got = library.numpy(accuracy(labels, library.array([0, 1, 0], "int64"), weight))
    assert got.dtype == dtype
    assert got == 0.75


def test_r2_agrees_with_scikit_learn(library, members, rng):
    score = pytest.importorskip("sklearn.metrics").r2_score
    target = rng.standard_normal((*members, 20, 3))
    predicted = target + 0.3 * rng.standard_normal(target.shape)
    weight = rng.uniform(size=(*members, 20))
    given = library.array(predicted), library.array(target)
    weighted = library.numpy(r2(*given, library.array(weight)))
    plain = library.numpy(r2(*given))
    assert plain.shape == weighted.shape == members
    for e in np.ndindex(members):
        np.testing.assert_allclose(plain[e], score(target[e], predicted[e]), rtol=1e-12)
        expected = score(target[e], predicted[e], sample_weight=weight[e])
        np.testing.assert_allclose(weighted[e], expected, rtol=1e-12)


def test_r2_of_a_constant_column_agrees_with_scikit_learn():
    score = pytest.importorskip("sklearn.metrics").r2_score
    target = np.array([[2.0, 5.0], [2.0, 5.0], [2.0, 5.0]])
    predicted = np.array([[2.0, 4.0], [2.0, 5.0], [2.0, 5.0]])
    assert r2(predicted, target) == score(target, predicted) == 0.5


def test_r2_of_a_constant_column_whose_mean_rounds(library, dtype):
    target = library.array(np.full((7, 1), 0.1), dtype)
    assert float(r2(target + 1, target)) == 0
    assert float(r2(target, target)) == 1
    weight = library.array([0.0] + 6 * [0.3], dtype)
    mixed = library.array(np.array([[5.0]] + 6 * [[0.1]]), dtype)
    assert float(r2(mixed + 1, mixed, weight)) == 0


def test_r2_of_large_numbers(library, dtype):
    numbers = np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [2.0], [3.0]])
    large = (library.array(1e37 * values, dtype) for values in numbers)
    np.testing.assert_allclose(library.numpy(r2(*large)), 0.5, rtol=1e-6)
    far = library.array([[1e38], [0.0], [-1e38]], dtype), library.array(numbers[1], dtype)
    assert library.numpy(r2(*far)) < -1e37


@pytest.mark.parametrize("metric", [accuracy, r2], ids=["accuracy", "r2"])
def test_metrics_share_target_and_weights_among_members(metric, rng):
    columns = (2,) if metric is r2 else ()
    predicted = rng.integers(0, 3, (4, 9, *columns)).astype(float)
    target = rng.integers(0, 3, (9, *columns)).astype(float)
    weight = rng.uniform(size=9)
    expected = [metric(member, target, weight) for member in predicted]
    np.testing.assert_allclose(metric(predicted, target, weight), expected, rtol=1e-13)


# Standardization


def test_standardize_agrees_with_scikit_learn(library, dtype, rng):
    scaler = pytest.importorskip("sklearn.preprocessing").StandardScaler()
    x = (5 + rng.standard_normal((20, 3)) * [1.0, 10.0, 0.0]).astype(dtype)
    expected = scaler.fit_transform(x)
    z, mean, deviation = map(library.numpy, standardize(library.array(x, dtype)))
    assert z.dtype == mean.dtype == deviation.dtype == dtype
    tolerance = {"float64": 1e-12, "float32": 1e-5}[dtype]
    np.testing.assert_allclose(z, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(mean, scaler.mean_, rtol=tolerance)
    np.testing.assert_allclose(deviation, scaler.scale_, rtol=tolerance)


def test_standardized_training_part_has_mean_zero_and_variance_one(members, rng):
    z, mean, deviation = standardize(3 + 7 * rng.standard_normal((*members, 50, 2)))
    assert mean.shape == deviation.shape == (*members, 2)
    np.testing.assert_allclose(z.mean(-2), 0, atol=1e-14)
    np.testing.assert_allclose(z.var(-2), 1, rtol=1e-13)


def test_other_parts_are_standardized_by_the_training_parts_statistics(library, rng):
    train, test = library.array(rng.uniform(size=(9, 2))), library.array(rng.uniform(size=(5, 2)))
    _, mean, deviation = standardize(train)
    z, same_mean, same_deviation = standardize(test, mean, deviation)
    assert same_mean is mean
    assert same_deviation is deviation
    expected = (library.numpy(test) - library.numpy(mean)) / library.numpy(deviation)
    np.testing.assert_allclose(library.numpy(z), expected, rtol=1e-14)


def test_one_statistic_may_be_given_alone(rng):
    x = rng.uniform(size=(9, 2))
    z, mean, deviation = standardize(x, mean=np.zeros(2))
    np.testing.assert_array_equal(mean, 0)
    np.testing.assert_allclose(z, x / x.std(0), rtol=1e-13)
    z, mean, deviation = standardize(x, deviation=np.full(2, 2.0))
    np.testing.assert_array_equal(deviation, 2)
    np.testing.assert_allclose(z, (x - x.mean(0)) / 2, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("constant", [0.1, -3.0, 1e38, 1e-38])
def test_constant_columns_become_exactly_zero(library, dtype, constant):
    x = library.array(np.full((7, 1), constant), dtype)
    z, _, deviation = map(library.numpy, standardize(x))
    np.testing.assert_array_equal(z, 0)
    np.testing.assert_array_equal(deviation, 1)


@pytest.mark.parametrize("size", [1e38, 1e-30])
def test_columns_whose_squares_leave_float32_are_standardized(library, size):
    x = library.array(np.array([[-size], [0.0], [size]]), "float32")
    z, _, deviation = map(library.numpy, standardize(x))
    np.testing.assert_allclose(z, [[-(1.5**0.5)], [0], [1.5**0.5]], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(deviation / np.float32(size), (2 / 3) ** 0.5, rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    x=hnp.arrays(np.float64, (6, 2), elements=st.floats(-1e6, 1e6)),
    shift=st.floats(-100, 100),
    scale=st.floats(0.1, 10),
)
def test_standardized_values_undo_to_the_data(x, shift, scale):
    z, mean, deviation = standardize(scale * x + shift)
    assert (deviation > 0).all()
    np.testing.assert_allclose(z * deviation + mean, scale * x + shift, rtol=1e-9, atol=1e-6)
