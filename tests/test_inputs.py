"""Bad input: each gets an error that names it, and the network is left as it was."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import functions, schedules

pytestmark = pytest.mark.filterwarnings("error")

ROWS, FEATURES, OUTPUTS = 7, 3, 3
X = np.random.default_rng(0).normal(size=(ROWS, FEATURES))
LABELS = np.arange(ROWS) % OUTPUTS
VALUES = np.random.default_rng(1).uniform(size=(ROWS, OUTPUTS))
INFINITIES = [np.nan, np.inf, -np.inf]


@contextmanager
def refused(error: type[Exception], *words: str) -> Iterator[None]:
    """Expect an error that says what was got and what is expected, with these words in it."""
    with pytest.raises(error) as raised:
        yield
    message = str(raised.value)
    for word in ("got", "expected", *words):
        pattern = rf"\b{word}\b" if word.isidentifier() else re.escape(word)
        assert re.search(pattern, message), f"{word!r} is not in {message!r}"


def each(table: Mapping[str, Any]) -> list[Any]:
    """The cases of a table as parameters."""
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            id=name,
        )
        for name, case in table.items()
    ]


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


def assert_nothing_lost(net: mc.MLP, before: dict[str, np.ndarray]) -> None:
    for name, value in net.tensors().items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


@pytest.mark.parametrize("method", ["fit", "loss", "loss_and_gradients"])
@pytest.mark.parametrize("bad", each(BAD_X | BAD_Y | BAD_WEIGHTS))
def test_data_that_do_not_fit(bad: Bad, method: str) -> None:
    net = network(bad)
    before = net.tensors()
    with refused(bad.error, *bad.words):
        getattr(net, method)(**(good(net) | bad.data))
    assert_nothing_lost(net, before)


@pytest.mark.parametrize("y", [np.arange(ROWS), LABELS - 1, LABELS + 0.5], ids=str)
def test_a_message_about_labels_names_y(y: np.ndarray) -> None:
    with refused(ValueError, "y", "labels"):
        mc.MLP([FEATURES, OUTPUTS]).loss(X, y)


@pytest.mark.parametrize("method", ["predict", "forward"])
@pytest.mark.parametrize("bad", each(BAD_X))
def test_features_that_do_not_fit(bad: Bad, method: str) -> None:
    net = network(bad)
    before = net.tensors()
    with refused(bad.error, *bad.words):
        getattr(net, method)(bad.data["X"])
    assert_nothing_lost(net, before)


@pytest.mark.parametrize("bad", each(BAD_X | BAD_Y))
def test_validation_data_that_do_not_fit(bad: Bad) -> None:
    net = network(bad)
    before = net.tensors()
    data = good(net) | bad.data
    with refused(bad.error, *bad.words):
        net.fit(**good(net), validation_data=(data["X"], data["y"]))
    assert_nothing_lost(net, before)


def test_sparse_features() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    net = mc.MLP([FEATURES, OUTPUTS])
    with refused(TypeError, "sparse X", "dense", "X.toarray()"):
        net.predict(sparse.csr_matrix(X))


@pytest.mark.parametrize(
    "data", [X, (X,), (X, LABELS, None, None), 5], ids=["array", "X", "4", "5"]
)
def test_validation_data_of_another_form(data: Any) -> None:
    net = mc.MLP([FEATURES, OUTPUTS])
    before = net.tensors()
    with refused(TypeError, "validation_data", "(X, y)"):
        net.fit(X, LABELS, validation_data=data)
    assert_nothing_lost(net, before)


# Arrays of two libraries


def test_a_function_of_arrays_of_two_libraries() -> None:
    torch = pytest.importorskip("torch")
    strict = pytest.importorskip("array_api_strict")
    x, weight, bias = np.ones((2, 3)), np.ones((3, 4)), np.ones(4)
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("torch", lambda: functions.affine(x, torch.tensor(weight), bias)),
        ("torch", lambda: functions.softmax_cross_entropy(x, torch.tensor([0, 1]))),
        ("array_api_strict", lambda: functions.squared_error(strict.asarray(x), x)),
    ]
    for other, call in calls:
        with refused(TypeError, "arrays of two libraries", "numpy", other, "convert"):
            call()


@pytest.mark.parametrize(
    "call",
    [
        lambda x, its: functions.relu.backward(x, its, x),
        lambda x, its: functions.softmax.backward(x, x, its),
        lambda x, its: functions.layer_norm(x, its[0, :], x[0]),
        lambda x, its: functions.updates.sgd(x, its, learning_rate=0.1),
    ],
    ids=["relu.backward", "softmax.backward", "layer_norm", "sgd"],
)
def test_any_function_of_arrays_of_two_libraries(call: Any) -> None:
    torch = pytest.importorskip("torch")
    x = np.ones((2, 3))
    with refused(TypeError, "arrays of two libraries", "numpy", "torch", "convert"):
        call(x, torch.ones(2, 3, dtype=torch.float64))


def test_a_function_of_no_array() -> None:
    with refused(TypeError, "no array", "at least one"):
        functions.relu(1.0)


@pytest.mark.parametrize("name", ["torch", "array_api_strict"])
def test_a_network_converts_data_of_any_library(name: str) -> None:
    xp = pytest.importorskip(name)
    net = mc.MLP([FEATURES, 4, OUTPUTS], dtype="float64")
    expected, g = net.loss_and_gradients(X, LABELS, sample_weight=np.ones(ROWS))
    loss, h = net.loss_and_gradients(
        xp.asarray(X), xp.asarray(LABELS), sample_weight=xp.asarray(np.ones(ROWS))
    )
    assert type(loss) is type(expected)
    np.testing.assert_array_equal(loss, expected)
    np.testing.assert_array_equal(h.flat, g.flat)


# Networks that cannot be

CANNOT_BE: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    **{
        f"sizes={sizes}": ({"sizes": sizes}, ("sizes", "two positive integers"))
        for sizes in (
            [],
            [3],
            [3, 0, 2],
            [3, -4, 2],
            [3, 2.5],
            [3, True],
            [3, "4"],
            [3, None],
            [3, float("nan")],
            [3, float("inf")],
            5,
        )
    },
    **{
        f"members={members!r}": ({"members": members}, ("members", "positive integer"))
        for members in (0, -1, 2.5, True, "three", float("nan"))
    },
    **{
        f"seed={seed!r}": ({"seed": seed}, ("seed", "integer"))
        for seed in (-1, 1.5, "x", None, True, 2**63, 2**64)
    },
    "seeds for a single network": ({"seed": [1, 2, 3]}, ("3 seeds", "members=None")),
    "too few seeds": ({"seed": [1, 2], "members": 3}, ("2 seeds", "members=3")),
    "a negative seed among others": ({"seed": [1, -2], "members": 2}, ("seed", "an integer")),
    **{
        f"dropout={rate!r}": ({"dropout": rate}, ("dropout", "at least 0 and below 1"))
        for rate in (-0.1, 1.0, 7, float("nan"), "much", [0.5, -0.5], [0.5, None])
    },
    "dropout without hidden layers": (
        {"sizes": [3, 2], "dropout": -0.5},
        ("dropout", "at least 0 and below 1"),
    ),
    "too few dropout rates": ({"dropout": [0.5]}, ("1 dropout rates", "2 hidden layers")),
    "dropout of members for a single network": (
        {"dropout": np.array([0.1, 0.2])},
        ("dropout with 2 values", "members=None"),
    ),
    "dropout of too few members": (
        {"dropout": np.array([0.1, 0.2]), "members": 3},
        ("dropout with 2 values", "members=3"),
    ),
    **{
        f"label_smoothing={rate}": (
            {"label_smoothing": rate},
            ("label_smoothing", "at least 0 and below 1"),
        )
        for rate in (-0.1, 1.0, float("nan"), "much")
    },
    "smoothing of too few members": (
        {"label_smoothing": np.array([0.1, 0.2]), "members": 3},
        ("label_smoothing with 2 values", "members=3"),
    ),
    "smoothing of values": (
        {"label_smoothing": 0.1, "output": "identity"},
        ("label_smoothing", "identity", "softmax"),
    ),
    "too few activations": ({"activation": ["relu"]}, ("1 values of activation", "2 hidden")),
    "no activation": ({"activation": None}, ("activation", "relu")),
    "a half name": ({"activation": "leaky_relu("}, ("leaky_relu(", "name(parameter=value)")),
    "a negative delta": (
        {"output": "identity", "loss": "huber(delta=-1.0)"},
        ("delta", "-1.0", "above 0"),
    ),
}


@pytest.mark.parametrize(("arguments", "words"), each(CANNOT_BE))
def test_networks_that_cannot_be(arguments: dict[str, Any], words: tuple[str, ...]) -> None:
    with refused(ValueError, *words):
        mc.MLP(**({"sizes": [3, 5, 4, 2]} | arguments))


# Unknown names

NAMES: dict[str, tuple[dict[str, Any], str, str]] = {
    "activation": ({"activation": "rleu"}, "activation 'rleu'", "relu"),
    "activation of a layer": ({"activation": ["relu", "tahn"]}, "activation 'tahn'", "tanh"),
    "parameter of an activation": (
        {"activation": "leaky_relu(negative_slop=0.1)"},
        "'negative_slop'",
        "negative_slope",
    ),
    "output": ({"output": "sofmax"}, "output 'sofmax'", "softmax"),
    "loss": ({"output": "identity", "loss": "hubber"}, "'hubber'", "huber"),
    "loss of another output": (
        {"loss": "huber"},
        "loss for output=\"softmax\" 'huber'",
        "softmax_cross_entropy",
    ),
    "parameter of a loss": (
        {"output": "identity", "loss": "huber(detla=1.0)"},
        "'detla'",
        "delta",
    ),
    "initializer": ({"init": "he_norml"}, "initializer 'he_norml'", "he_normal"),
    "parameter of an initializer": ({"init": "normal(sdt=0.1)"}, "'sdt'", "std"),
    "normalization": ({"normalization": "bacth"}, "normalization 'bacth'", "batch"),
    "normalization without hidden layers": (
        {"sizes": [3, 2], "normalization": "bacth"},
        "normalization 'bacth'",
        "batch",
    ),
    "dtype": ({"dtype": "float23"}, "dtype 'float23'", "float32"),
}


@pytest.mark.parametrize(("arguments", "got", "nearest"), each(NAMES))
def test_unknown_names(arguments: dict[str, Any], got: str, nearest: str) -> None:
    with refused(ValueError, got, f"the nearest is {nearest!r}"):
        mc.MLP(**({"sizes": [3, 5, 4, 2]} | arguments))


#: Arguments of `fit`, and words of the message.
UNFIT: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "optimizer": ({"optimizer": "adm"}, ("optimizer 'adm'", "sgd", "nearest is 'adam'")),
    "parameter of an optimizer": (
        {"optimizer": "adam(learning_rat=0.1)"},
        ("'learning_rat'", "beta1", "nearest is 'learning_rate'"),
    ),
    "metric": ({"metrics": ["acuracy"]}, ("metric 'acuracy'", "r2", "nearest is 'accuracy'")),
    "metric for values": ({"metrics": "r2"}, ('metric "r2"', "softmax", '"accuracy"')),
    "monitor": (
        {"early_stopping": mc.EarlyStopping(monitor="validation_acuracy")},
        ("'acuracy'", "nearest is 'accuracy'"),
    ),
    "monitor without validation data": (
        {"early_stopping": mc.EarlyStopping(monitor="validation_loss")},
        ("validation_loss", "validation_data"),
    ),
    **{
        f"batch_size={size!r}": ({"batch_size": size}, (f"batch_size={size!r}", "positive integer"))
        for size in (0, -1, 2.5, True, None, "x", float("nan"))
    },
    **{
        f"epochs={epochs!r}": ({"epochs": epochs}, (f"epochs={epochs!r}", "at least 0"))
        for epochs in (-1, 2.5, True, None, "x", float("nan"))
    },
    **{
        f"early_stopping={patience!r}": (
            {"early_stopping": patience},
            ("patience", "positive integer"),
        )
        for patience in (0, -1, 2.5, "x")
    },
    "rates of members": (
        {"optimizer": mc.Adam(np.array([0.1, 0.2]))},
        ("2 values", "Adam(learning_rate=...)", "a number"),
    ),
    "schedule of members": (
        {"optimizer": mc.Adam(schedules.WarmUp(np.array([0.1, 0.2])))},
        ("2 values", "Constant(learning_rate=...)", "a number"),
    ),
}


@pytest.mark.parametrize(("arguments", "words"), each(UNFIT))
def test_trainings_that_cannot_be(arguments: dict[str, Any], words: tuple[str, ...]) -> None:
    net = mc.MLP([FEATURES, OUTPUTS])
    before = net.tensors()
    with refused(ValueError, *words):
        net.fit(X, LABELS, **arguments, progress=False)
    assert_nothing_lost(net, before)


@pytest.mark.parametrize("name", ["learning_rate", "l2", "weight_decay", "clip_norm", "clip_value"])
@pytest.mark.parametrize("optimizer", [mc.SGD, mc.RMSProp, mc.Adagrad, mc.Adam, mc.AdamW])
@pytest.mark.parametrize("value", [-0.1, [0.1, -0.1], float("nan"), "x", [[0.1]], []], ids=str)
def test_rates_that_cannot_be(optimizer: Any, name: str, value: Any) -> None:
    with refused(ValueError, repr(value), f"{optimizer.__name__}({name}=...)"):
        optimizer(**{name: value})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: mc.SGD(momentum=1.0), ("SGD(momentum=...)", "1.0", "below 1")),
        (lambda: mc.SGD(nesterov=True), ("momentum=0", "above 0")),
        (lambda: mc.Adam(beta1=-0.1), ("Adam(beta1=...)", "-0.1", "below 1")),
        (lambda: mc.Adam(beta2=1.0), ("Adam(beta2=...)", "1.0", "below 1")),
        (lambda: mc.Adam(epsilon=0.0), ("Adam(epsilon=...)", "0.0", "above 0")),
        (lambda: mc.Adam(clip_norm=0.0), ("Adam(clip_norm=...)", "0.0", "above 0")),
        (lambda: mc.RMSProp(rho=1.5), ("RMSProp(rho=...)", "1.5", "below 1")),
        (lambda: mc.EarlyStopping(min_delta=-1.0), ("min_delta=-1.0", "at least 0")),
        (lambda: schedules.StepDecay(-1.0), ("StepDecay(learning_rate=...)", "-1.0")),
    ],
)
def test_hyperparameters_that_cannot_be(make: Any, words: tuple[str, ...]) -> None:
    with refused(ValueError, *words):
        make()


# Backends


@pytest.mark.parametrize("name", ["tpu", "gpu:x", "gpu0", "CPU"])
def test_unknown_backends(name: str) -> None:
    with refused(ValueError, f"backend={name!r}", '"cpu"', '"gpu"', '"auto"'):
        mc.MLP([3, 2], backend=name)


@pytest.mark.parametrize("name", ["gpu", "gpu:1"])
def test_a_gpu_without_cupy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(RuntimeError) as raised:
        mc.MLP([3, 2], backend=name)
    for word in ('backend="gpu', "CuPy is not installed", "pip install", "mlpcore[cuda"):
        assert word in str(raised.value)
    net = mc.MLP([3, 2])
    before = net.tensors()
    with pytest.raises(RuntimeError, match="CuPy is not installed"):
        net.to(name)
    assert_nothing_lost(net, before)
    assert mc.MLP([3, 2], backend="auto").backend.name == "cpu"


class NoDriverError(RuntimeError):
    """What CuPy raises where the CUDA driver is missing."""


@pytest.mark.parametrize("count", [0, 1, NoDriverError()], ids=["none", "one", "no driver"])
def test_a_gpu_without_a_device(count: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def device_count() -> int:
        if isinstance(count, Exception):
            raise count
        return int(count)

    cupy = types.ModuleType("cupy")
    runtime = types.SimpleNamespace(getDeviceCount=device_count, CUDARuntimeError=NoDriverError)
    cupy.cuda = types.SimpleNamespace(runtime=runtime)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "array_api_compat.cupy", cupy)
    with pytest.raises(RuntimeError) as raised:
        mc.MLP([3, 2], backend="gpu:1")
    for word in ('backend="gpu:1"', f"{count if count == 1 else 0} CUDA devices", "nvidia-smi"):
        assert word in str(raised.value)
    if count != 1:
        assert mc.MLP([3, 2], backend="auto").backend.name == "cpu"
