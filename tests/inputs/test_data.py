"""Data that do not fit: an error that names the argument, and the network left as it was."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import mlpcore as mc

pytestmark = pytest.mark.filterwarnings("error")

ROWS, FEATURES, OUTPUTS = 7, 3, 3
X = np.random.default_rng(0).normal(size=(ROWS, FEATURES))
LABELS = np.arange(ROWS) % OUTPUTS
VALUES = np.random.default_rng(1).uniform(size=(ROWS, OUTPUTS))
INFINITIES = [np.nan, np.inf, -np.inf]


def with_value(array: np.ndarray, place: Any, value: float) -> np.ndarray:
    """A copy with one value changed."""
    changed = array.astype(np.float64)
    changed[place] = value
    return changed


@dataclass(frozen=True)
class Bad:
    """Data that do not fit, and the words that the error's message must have.

    Attributes:
        words: the argument's name first, then what was got and expected.
        data: what takes the place of the good `X`, `y`, `sample_weight` or `class_weight`.
        network: arguments of the network; the outputs' kind decides which `y` is good.
    """

    words: tuple[str, ...]
    data: dict[str, Any]
    network: dict[str, Any] = field(default_factory=dict)
    error: type[Exception] = ValueError


STACK = {"members": 2}
REGRESSION = {"output": "identity"}

BAD_X = {
    **{
        f"{value} in X": Bad(("X", "NaN, infinite", "(4, 1)"), {"X": with_value(X, (4, 1), value)})
        for value in INFINITIES
    },
    "X beyond float32": Bad(("X", "beyond float32", "(0, 2)"), {"X": with_value(X, (0, 2), 1e39)}),
    "NaN in a member's X": Bad(
        ("X", "NaN", "(1, 4, 0)"), {"X": with_value(np.stack([X, X]), (1, 4, 0), np.nan)}, STACK
    ),
    "too few features": Bad(("X with 2 features", "the 3 that"), {"X": X[:, :2]}),
    "too many features": Bad(("X with 6 features", "the 3 that"), {"X": np.hstack([X, X])}),
    "one example": Bad(("X of shape (3,)", "(n, 3)", "reshape"), {"X": X[0]}),
    "a number": Bad(("X of shape", "(n, 3)"), {"X": 1.0}),
    "three axes": Bad(("X of shape (1, 7, 3)", "(n, 3)"), {"X": X[None]}),
    "three axes of too many members": Bad(
        ("X of shape (3, 7, 3)", "(n, 3) or (2, n, 3)"), {"X": np.stack([X, X, X])}, STACK
    ),
    "words in X": Bad(("X of dtype", "real numbers"), {"X": X.astype(str)}, error=TypeError),
    "objects in X": Bad(
        ("X of dtype object", "real numbers"),
        {"X": np.array([["a", 1, 2]], dtype=object)},
        error=TypeError,
    ),
    "complex X": Bad(("X of dtype complex", "real numbers"), {"X": X + 0j}, error=TypeError),
    "dates in X": Bad(
        ("X of dtype datetime64", "real numbers"),
        {"X": np.zeros((7, 3), dtype="datetime64[s]")},
        error=TypeError,
    ),
    "ragged X": Bad(("X", "rectangular"), {"X": [[1, 2, 3], [1, 2]]}, error=TypeError),
    "no X": Bad(("X",), {"X": None}),
    "words among objects": Bad(
        ("X of dtype object", "'0.5'", "real numbers"),
        {"X": np.array([[0.5, "0.5", 1]], dtype=object)},
        error=TypeError,
    ),
    "complex numbers among objects": Bad(
        ("X of dtype object", "1j", "real numbers"),
        {"X": np.array([[0.5, 1j, np.complex128(1)]], dtype=object)},
        error=TypeError,
    ),
    "integers beyond float64": Bad(
        ("X of dtype object", "real numbers"), {"X": [[10**400, 1, 2]]}, error=TypeError
    ),
    "masked rows of X": Bad(
        ("masked X", "plain array", "fill"),
        {"X": list(np.ma.masked_greater(X, 1))},
        error=TypeError,
    ),
    "masked X": Bad(
        ("masked X", "plain array", "fill"), {"X": np.ma.masked_greater(X, 1)}, error=TypeError
    ),
}

BAD_Y = {
    "empty X": Bad(("X with 0 rows", "at least 1"), {"X": X[:0], "y": LABELS[:0]}),
    "fewer labels than rows": Bad(("6 rows in y", "7 in X"), {"y": LABELS[1:]}),
    "more labels than rows": Bad(("8 rows in y", "7 in X"), {"y": np.append(LABELS, 0)}),
    "no labels": Bad(("0 rows in y", "7 in X"), {"y": []}),
    "label too large": Bad(("labels from 0 to 3", "0 to 2"), {"y": np.arange(ROWS) % 4}),
    "label below 0": Bad(("labels from -1 to 1", "0 to 2"), {"y": LABELS - 1}),
    "fractions as labels": Bad(("labels", "not integers"), {"y": LABELS + 0.5}),
    **{
        f"{value} among the labels": Bad(
            ("labels", "not integers"), {"y": with_value(LABELS, 2, value)}
        )
        for value in INFINITIES
    },
    **{
        f"labels of {value:g}": Bad(("y with labels from", "0 to 2"), {"y": np.full(ROWS, value)})
        for value in (2.0**63, 1e30, -1e300)
    },
    "masked labels": Bad(
        ("masked y", "plain array"), {"y": np.ma.masked_equal(LABELS, 1)}, error=TypeError
    ),
    "masked values": Bad(
        ("masked y", "plain array"), {"y": np.ma.masked_less(VALUES, 0.5)}, REGRESSION, TypeError
    ),
    "words as labels": Bad(
        ("y of dtype", "real numbers"), {"y": LABELS.astype(str)}, error=TypeError
    ),
    "ragged y": Bad(("y", "rectangular"), {"y": [[1, 2, 3], [1, 2]]}, error=TypeError),
    "one label for all": Bad(("y of shape ()", "(7,)"), {"y": 1}),
    "labels in a column": Bad(("y of shape (7, 1)", "(7, 3)"), {"y": LABELS[:, None]}),
    "a negative probability": Bad(
        ("y from -0.5", "from 0 to 1"), {"y": with_value(np.eye(3)[LABELS], (0, 1), -0.5)}
    ),
    "a probability above 1": Bad(("y from 0 to 2", "from 0 to 1"), {"y": 2 * np.eye(3)[LABELS]}),
    "probabilities that do not add up to 1": Bad(
        ("y", "add up to 1"), {"y": with_value(np.eye(3)[LABELS], (4, slice(None)), 0.9)}
    ),
    **{
        f"{value} in y": Bad(
            ("y", "NaN, infinite", "(4, 1)"), {"y": with_value(VALUES, (4, 1), value)}, REGRESSION
        )
        for value in INFINITIES
    },
    "y beyond float32": Bad(
        ("y", "beyond float32", "(1, 0)"), {"y": with_value(VALUES, (1, 0), -1e39)}, REGRESSION
    ),
    "words as values": Bad(
        ("y of dtype", "real numbers"), {"y": VALUES.astype(str)}, REGRESSION, TypeError
    ),
    "one column for three outputs": Bad(
        ("y of shape (7,)", "(7, 3)"), {"y": VALUES[:, 0]}, REGRESSION
    ),
    "two columns for three outputs": Bad(
        ("y of shape (7, 2)", "(7, 3)"), {"y": VALUES[:, :2]}, REGRESSION
    ),
    "fewer values than rows": Bad(("6 rows in y", "7 in X"), {"y": VALUES[1:]}, REGRESSION),
    "three axes for a single network": Bad(
        ("y of shape (2, 7, 3)", "(7, 3)"), {"y": np.stack([VALUES, VALUES])}, REGRESSION
    ),
    "a yes above 1": Bad(
        ("y from", "to 2", "from 0 to 1", "sigmoid"),
        {"y": with_value(VALUES, (0, 0), 2.0)},
        {"output": "sigmoid"},
    ),
    "a negative count": Bad(
        ("y from -1", "at least 0", "exponential"),
        {"y": with_value(VALUES, (0, 0), -1.0)},
        {"output": "exponential"},
    ),
}

BAD_WEIGHTS = {
    **{
        f"{value} among the weights": Bad(
            ("sample_weight", "(3,)"), {"sample_weight": with_value(np.ones(7), 3, value)}
        )
        for value in INFINITIES
    },
    "a negative weight": Bad(
        ("negative sample_weight", "at least 0"),
        {"sample_weight": with_value(np.ones(7), 3, -1.0)},
    ),
    "no weight at all": Bad(("sample_weight of zeros", "positive"), {"sample_weight": np.zeros(7)}),
    "weights that add up beyond float32": Bad(
        ("sample_weight", "beyond float32", "finite sum"), {"sample_weight": np.full(7, 1e38)}
    ),
    "class weights that add up beyond float32": Bad(
        ("class_weight", "beyond float32", "finite sum"), {"class_weight": [1e38, 1e38, 1e38]}
    ),
    "weights whose products are beyond float32": Bad(
        ("class_weight", "beyond float32", "finite sum"),
        {"sample_weight": np.full(7, 1e20), "class_weight": [1e20, 1e20, 1e20]},
    ),
    "a class weight beyond float32": Bad(
        ("class_weight", "beyond float32"), {"class_weight": {1: 1e39}}
    ),
    "a masked class weight": Bad(
        ("class_weight", "3 finite"), {"class_weight": np.ma.masked_equal([1.0, 2.0, 3.0], 2.0)}
    ),
    "no weight for a member": Bad(
        ("sample_weight of zeros", "positive"),
        {"sample_weight": np.stack([np.ones(7), np.zeros(7)])},
        STACK,
    ),
    "too few weights": Bad(("sample_weight of shape (6,)", "(7,)"), {"sample_weight": np.ones(6)}),
    "weights of members for a single network": Bad(
        ("sample_weight of shape (2, 7)", "(7,)"), {"sample_weight": np.ones((2, 7))}
    ),
    "weights of too many members": Bad(
        ("sample_weight of shape (3, 7)", "(7,) or (2, 7)"),
        {"sample_weight": np.ones((3, 7))},
        STACK,
    ),
    "words as weights": Bad(
        ("sample_weight of dtype",), {"sample_weight": ["heavy"] * 7}, error=TypeError
    ),
    "an unknown name of class weights": Bad(
        ("class_weight='balance'", '"balanced"'), {"class_weight": "balance"}
    ),
    "the weight of an unknown class": Bad(
        ("class_weight", "3", "labels from 0 to 2"), {"class_weight": {0: 1.0, 3: 1.0}}
    ),
    "a negative class weight": Bad(
        ("class_weight", "-1.0", "at least 0"), {"class_weight": {0: -1.0}}
    ),
    "an infinite class weight": Bad(
        ("class_weight", "inf", "finite"), {"class_weight": [1.0, 1.0, np.inf]}
    ),
    "too few class weights": Bad(("class_weight", "3 finite"), {"class_weight": [1.0, 2.0]}),
    "words as class weights": Bad(("class_weight", "3 finite"), {"class_weight": ["a", "b", "c"]}),
    "no class with a weight": Bad(("class_weight", "positive"), {"class_weight": [0.0, 0.0, 0.0]}),
    "class weights for values": Bad(
        ("class_weight", "identity", "softmax"), {"class_weight": "balanced"}, REGRESSION
    ),
    "class weights for independent outputs": Bad(
        ("class_weight", "sigmoid", "softmax"), {"class_weight": {0: 2.0}}, {"output": "sigmoid"}
    ),
}


def network(bad: Bad) -> mc.MLP:
    """A network that has left its initial values."""
    net = mc.MLP([FEATURES, 4, OUTPUTS], normalization="batch", **bad.network)
    net.parameters[...] += 0.25
    net.statistics.flat[...] += 0.25
    return net


def good(net: mc.MLP) -> dict[str, Any]:
    return {"X": X, "y": LABELS if net.head.target == "labels" else VALUES}


@pytest.mark.parametrize("method", ["fit", "loss", "loss_and_gradients"])
@pytest.mark.parametrize(
    "bad", (BAD_X | BAD_Y | BAD_WEIGHTS).values(), ids=BAD_X | BAD_Y | BAD_WEIGHTS
)
def test_data_that_do_not_fit(bad: Bad, method: str, refused: Any, unchanged: Any) -> None:
    net = network(bad)
    with unchanged(net), refused(bad.error, *bad.words):
        getattr(net, method)(**(good(net) | bad.data))


@pytest.mark.parametrize("y", [np.arange(ROWS), LABELS - 1, LABELS + 0.5], ids=str)
def test_a_message_about_labels_names_y(y: np.ndarray, refused: Any) -> None:
    with refused(ValueError, "y", "labels"):
        mc.MLP([FEATURES, OUTPUTS]).loss(X, y)


@pytest.mark.parametrize("method", ["predict", "forward"])
@pytest.mark.parametrize("bad", BAD_X.values(), ids=BAD_X)
def test_features_that_do_not_fit(bad: Bad, method: str, refused: Any, unchanged: Any) -> None:
    net = network(bad)
    with unchanged(net), refused(bad.error, *bad.words):
        getattr(net, method)(bad.data["X"])


@pytest.mark.parametrize("bad", (BAD_X | BAD_Y).values(), ids=BAD_X | BAD_Y)
def test_validation_data_that_do_not_fit(bad: Bad, refused: Any, unchanged: Any) -> None:
    net = network(bad)
    data = good(net) | bad.data
    with unchanged(net), refused(bad.error, "validation_data", *bad.words):
        net.fit(**good(net), validation_data=(data["X"], data["y"]))


@pytest.mark.parametrize("method", ["predict", "forward"])
def test_features_too_large_to_compute_with(method: str, refused: Any, unchanged: Any) -> None:
    net = mc.MLP([FEATURES, 4, OUTPUTS])
    with unchanged(net), refused(ValueError, "X", "NaN or infinite in float32", "row 4", "float64"):
        getattr(net, method)(with_value(X, (4, slice(None)), 3e38))


def test_targets_too_large_to_compute_with(refused: Any) -> None:
    net = mc.MLP([FEATURES, 4, OUTPUTS], output="identity")
    with refused(ValueError, "X and y", "NaN or infinite in float32", "float64"):
        net.loss(X, VALUES * 1e38)


def test_a_broken_member_does_not_silence_the_others() -> None:
    stack = mc.MLP([FEATURES, 4, OUTPUTS], members=3)
    stack.parameters[1] = np.nan
    predicted = stack.predict(X)
    np.testing.assert_array_equal(np.isfinite(predicted).all(axis=(1, 2)), [True, False, True])
    np.testing.assert_array_equal(np.isfinite(stack.loss(X, LABELS)), [True, False, True])


def test_sparse_features(refused: Any) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    net = mc.MLP([FEATURES, OUTPUTS])
    with refused(TypeError, "sparse X", "dense", "X.toarray()"):
        net.predict(sparse.csr_matrix(X))


@pytest.mark.parametrize(
    "data", [X, (X,), (X, LABELS, None, None), 5], ids=["array", "X", "4", "5"]
)
def test_validation_data_of_another_form(data: Any, refused: Any, unchanged: Any) -> None:
    net = mc.MLP([FEATURES, OUTPUTS])
    with unchanged(net), refused(TypeError, "validation_data", "(X, y)"):
        net.fit(X, LABELS, validation_data=data)
