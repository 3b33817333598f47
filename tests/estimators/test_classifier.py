"""The classifier: labels of every kind, weights of classes, and training piece by piece."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array, issparse
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.preprocessing import scale
from sklearn.utils.class_weight import compute_sample_weight

from mlpcore.sklearn import MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

Data = tuple[np.ndarray, np.ndarray]


def quick(**parameters: Any) -> MLPClassifier:
    """A small one that learns fast."""
    defaults = {"learning_rate_init": 0.02, "max_iter": 40, "random_state": 0}
    return MLPClassifier((10,), **(defaults | parameters))


@pytest.mark.parametrize(
    "names",
    [
        np.array([3, 7, 20]),
        np.array([-1.0, 0.0, 2.0]),
        np.array(["a", "b", "long name"]),
        np.array(["a", "b", "c"], dtype=object),
    ],
    ids=["integers", "floats", "strings", "objects"],
)
@pytest.mark.parametrize("classes", [2, 3])
def test_labels_come_back_as_they_came(iris: Data, names: np.ndarray, classes: int) -> None:
    X, y = iris
    labels = names[np.minimum(y, classes - 1)]
    classifier = quick().fit(X, labels)
    assert classifier.classes_.tolist() == names[:classes].tolist()
    predicted = classifier.predict(X)
    assert predicted.dtype == labels.dtype
    assert np.mean(predicted == labels) > 0.9
    assert classifier.predict_proba(X).shape == (150, classes)
    assert classifier.out_activation_ == ("logistic" if classes == 2 else "softmax")


def test_booleans_are_labels(iris: Data) -> None:
    X, y = iris
    predicted = quick().fit(X, y == 0).predict(X)
    assert predicted.dtype == bool
    np.testing.assert_array_equal(predicted, y == 0)


def test_probabilities_and_their_logarithms(iris: Data) -> None:
    X, y = iris
    classifier = quick().fit(X, y)
    probabilities = classifier.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(classifier.predict(X), probabilities.argmax(axis=1))
    np.testing.assert_allclose(classifier.predict_log_proba(X), np.log(probabilities))
    certain = quick(solver="lbfgs", alpha=0.0, max_iter=500, tol=1e-12).fit(100 * X, y == 0)
    logs = certain.predict_log_proba(1e3 * X)
    assert np.isneginf(logs).any()


def test_a_single_label() -> None:
    X = np.random.default_rng(0).normal(size=(12, 2))
    classifier = quick(max_iter=3).fit(X, ["only"] * 12)
    assert classifier.predict(X).tolist() == ["only"] * 12
    assert classifier.classes_.tolist() == ["only"]


def test_several_labels_an_example() -> None:
    X, Y = make_multilabel_classification(60, n_classes=4, random_state=0)
    classifier = quick(solver="lbfgs", max_iter=200).fit(X, Y)
    predicted = classifier.predict(X)
    assert predicted.dtype == np.int64
    assert np.mean(predicted == Y) > 0.97
    assert classifier.classes_.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(classifier.predict_proba(X) > 0.5, predicted == 1)
    sparse = quick(solver="lbfgs", max_iter=200).fit(X, csr_array(Y)).predict(X)
    assert issparse(sparse)
    np.testing.assert_array_equal(sparse.toarray(), predicted)


def test_targets_that_are_no_labels(iris: Data) -> None:
    X, y = iris
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        quick().fit(X, X[:, 0])
    with pytest.raises(ValueError, match="one column of labels, or a matrix of 0 and 1; train"):
        quick().fit(X, np.column_stack((y, y)))
    labels = quick().fit(X, np.column_stack((y == 0, y == 1)).astype(int))
    with pytest.raises(ValueError, match="expected a column for each of the 2 labels"):
        labels.partial_fit(X, y)


def test_weights_of_classes_are_weights_of_rows(iris: Data) -> None:
    X, y = iris
    X, y = X[20:], y[20:]
    for class_weight in ("balanced", {0: 3.0, 2: 0.5}):
        weight = compute_sample_weight(class_weight, y)
        np.testing.assert_allclose(
            quick(class_weight=class_weight).fit(X, y).coefs_[0],
            quick().fit(X, y, sample_weight=weight).coefs_[0],
        )
        np.testing.assert_allclose(
            quick(class_weight=class_weight).fit(X, y, sample_weight=weight).coefs_[0],
            quick().fit(X, y, sample_weight=weight**2).coefs_[0],
        )


def test_one_number_weighs_every_row(iris: Data) -> None:
    X, y = iris
    weighed, plain = quick(alpha=0.0).fit(X, y, sample_weight=2), quick(alpha=0.0).fit(X, y)
    np.testing.assert_allclose(weighed.coefs_[0], plain.coefs_[0], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
def test_smooth_labels_make_probabilities_less_certain(iris: Data, classes: int) -> None:
    X, y = iris
    y = np.minimum(y, classes - 1)
    settings = {"solver": "lbfgs", "max_iter": 300}
    sharp, smooth = (quick(label_smoothing=s, **settings).fit(X, y) for s in (0.0, 0.2))
    most = 1 - 0.2 + 0.2 / classes
    assert sharp.predict_proba(X).max() > 0.999
    assert np.median(smooth.predict_proba(X).max(axis=1)) == pytest.approx(most, abs=0.03)
    assert smooth.score(X, y) > 0.95


def test_partial_fits_are_a_fit(iris: Data) -> None:
    X, y = iris
    for solver in ("sgd", "adam"):
        whole = quick(solver=solver, max_iter=5, batch_size=64).fit(X, y)
        pieces = quick(solver=solver, batch_size=64)
        for _ in range(5):
            pieces.partial_fit(X, y, classes=[0, 1, 2])
        for mine, its in zip(pieces.coefs_ + pieces.intercepts_, whole.coefs_ + whole.intercepts_):
            np.testing.assert_array_equal(mine, its)
        assert pieces.loss_curve_ == whole.loss_curve_
        assert (pieces.n_iter_, pieces.t_) == (1, whole.t_)


def test_partial_fits_need_to_know_the_classes(iris: Data) -> None:
    X, y = iris
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        quick().partial_fit(X, y)
    classifier = quick().partial_fit(X[:9], y[:9], classes=[0, 1, 2, 3])
    assert classifier.classes_.tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="is not the same as on last call to partial_fit"):
        classifier.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"`y` has classes not in `self\.classes_`"):
        classifier.partial_fit(X, y + 2)


def test_partial_fits_of_several_labels() -> None:
    X, Y = make_multilabel_classification(60, random_state=0)
    X = scale(X)
    classifier = quick(solver="sgd", learning_rate_init=0.2)
    for chunk in np.array_split(np.arange(60), 3) * 30:
        classifier.partial_fit(X[chunk], Y[chunk], classes=np.arange(5))
    assert np.mean(classifier.predict(X) == Y) > 0.85


def test_partial_fits_stop_early_on_examples_given(iris: Data) -> None:
    X, y = iris
    classifier = quick(early_stopping=True, n_iter_no_change=2)
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True with"):
        classifier.partial_fit(X, y, classes=[0, 1, 2])
    held_out = X[100:], y[100:]
    weights = []
    for _ in range(60):
        classifier.partial_fit(X[:100], y[:100], classes=[0, 1, 2], validation_data=held_out)
        weights.append(classifier.coefs_[0].copy())
    assert len(classifier.validation_scores_) < 59
    best = np.argmax(classifier.validation_scores_)
    np.testing.assert_array_equal(weights[-1], weights[best])
    assert classifier.score(*held_out) == classifier.best_validation_score_
    assert classifier.best_validation_score_ == max(classifier.validation_scores_)


def test_there_is_no_partial_fit_for_lbfgs() -> None:
    with pytest.raises(AttributeError, match="partial_fit"):
        quick(solver="lbfgs").partial_fit([[0.0]], [0], classes=[0, 1])


def test_sparse_features(iris: Data) -> None:
    X, y = iris
    X = np.where(np.abs(X) < 0.5, 0, X)
    dense, sparse = quick().fit(X, y), quick().fit(csr_array(X), y)
    np.testing.assert_array_equal(dense.coefs_[0], sparse.coefs_[0])
    np.testing.assert_array_equal(dense.predict_proba(X), sparse.predict_proba(csr_array(X)))


def test_rows_are_held_out_class_by_class() -> None:
    X = np.random.default_rng(0).normal(size=(100, 2))
    y = np.repeat([0, 1, 2], [60, 30, 10])
    classifier = quick(early_stopping=True, validation_fraction=0.2, max_iter=2)
    _, held_out = classifier._prepare(X, y, None)
    assert held_out is not None
    assert np.bincount(held_out.examples.target).tolist() == [12, 6, 2]
    # Where that cannot be, any rows are held out, as scikit-learn does it.
    quick(early_stopping=True, max_iter=2).fit(X, np.r_[y[1:], 3])


def test_before_and_after_fit(iris: Data) -> None:
    X, y = iris
    classifier = quick()
    with pytest.raises(NotFittedError):
        classifier.predict(X)
    assert not hasattr(classifier, "coefs_")
    classifier.fit(X, y)
    assert [w.shape for w in classifier.coefs_] == [(4, 10), (10, 3)]
    assert [b.shape for b in classifier.intercepts_] == [(10,), (3,)]
    assert classifier.n_features_in_ == 4
    assert (classifier.n_layers_, classifier.n_outputs_) == (3, 3)
    with pytest.raises(ValueError, match="X has 3 features, but MLPClassifier is expecting 4"):
        classifier.predict(X[:, :3])


def test_it_warns_of_haste(iris: Data) -> None:
    message = r"Stochastic Optimizer: Maximum iterations \(2\) reached and the optimization hasn't"
    with pytest.warns(ConvergenceWarning, match=message):
        quick(max_iter=2).fit(*iris)
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge after 2 iteration"):
        quick(solver="lbfgs", max_iter=2).fit(*iris)
    with pytest.warns(UserWarning, match="Got `batch_size` less than 1 or larger than sample size"):
        quick(batch_size=1000).fit(*iris)
