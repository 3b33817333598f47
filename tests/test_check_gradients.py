"""The gradient checks: they pass what is right, find what is wrong, and name the place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.backend.dispatch import Primitive, write
from mlpcore.functions import activations, log_softmax, losses, softmax
from mlpcore.functions.logsumexp import logsumexp
from mlpcore.functions.normalization import batch_norm, layer_norm
from mlpcore.layers import affine as affine_layer
from mlpcore.testing import check_all, check_function, check_gradients, check_loss

LABELS = np.array([0, 1, 2, 1, 0, 2])
Plant = Callable[..., None]


def off_by(error: Any, function: Any, *, result: int | None = None) -> Callable[..., Any]:
    """``function`` with an error added to what it returns, or to one of its results."""

    def faulty(*arrays: Any, out: Any = None, **parameters: Any) -> Any:
        right = function(*arrays, **parameters)
        if result is None:
            wrong = right + error
        else:
            wrong = tuple(value + error * (i == result) for i, value in enumerate(right))
        return wrong if out is None else write(out, wrong)

    return faulty


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Plant:
    """``plant(owner, name, error=..., result=...)``: spoil a derivative for one test."""

    def spoil(owner: Any, name: str, *, error: Any = 1e-3, result: int | None = None) -> None:
        right = getattr(owner, name)
        wrong = off_by(error, right, result=result)
        monkeypatch.setattr(owner, name, Primitive(wrong) if type(right) is Primitive else wrong)

    return spoil


@pytest.fixture
def x(rng: np.random.Generator) -> np.ndarray:
    return 2 * rng.standard_normal((6, 3))


def network(**settings: Any) -> mc.MLP:
    chosen: dict[str, Any] = {"activation": "tanh", "seed": 4} | settings
    return mc.MLP([3, 5, 4, 3], **chosen)


FUNCTIONS = [
    *{id(f): f for f in (getattr(activations, name) for name in activations.__all__)}.values(),
    softmax,
    log_softmax,
    logsumexp,
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.name)
def test_a_fault_in_a_function_is_found(function: Any, x: np.ndarray, plant: Plant) -> None:
    right = check_function(function, x)
    assert right.passed
    assert right.error < 1e-8
    plant(function, "backward")
    report = check_function(function, x)
    assert not report.passed
    assert report.name == function.name
    assert report.error > 1e-5
    assert report.kinks == 0


@pytest.mark.parametrize(
    ("loss", "parameters"),
    [
        (losses.softmax_cross_entropy, {"label_smoothing": 0.2}),
        (losses.sigmoid_binary_cross_entropy, {}),
        (losses.squared_error, {}),
        (losses.absolute_error, {}),
        (losses.huber, {"delta": 0.7}),
        (losses.poisson_nll, {}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_fault_in_a_loss_is_found(
    loss: Any, parameters: dict[str, Any], x: np.ndarray, plant: Plant
) -> None:
    target = np.eye(3)[LABELS]
    assert check_loss(loss, x, target, **parameters).passed
    plant(loss, "value_and_gradient", result=1)
    report = check_loss(loss, x, target, **parameters)
    assert not report.passed
    assert report.name == loss.name


def test_parameters_reach_function_and_derivative(
    x: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaky_relu = activations.leaky_relu
    backward = leaky_relu.backward
    assert check_function(leaky_relu, x, negative_slope=0.3).passed
    monkeypatch.setattr(leaky_relu, "backward", lambda dy, x, y, **_: backward(dy, x, y))
    assert not check_function(leaky_relu, x, negative_slope=0.3).passed


def test_the_tolerance_decides(x: np.ndarray, plant: Plant) -> None:
    plant(activations.tanh, "backward", error=1e-5)
    assert not check_function(activations.tanh, x).passed
    assert check_function(activations.tanh, x, tolerance=1e-2).passed


def test_a_gradient_that_is_nan_fails(x: np.ndarray, plant: Plant) -> None:
    plant(activations.tanh, "backward", error=np.nan)
    assert not check_function(activations.tanh, x).passed
    assert not check_gradients(network(), x, LABELS).passed


PLACES: dict[str, tuple[Any, str, int | None, dict[str, Any]]] = {
    "affine layer 2, weight": (affine_layer, "affine_weight_gradient", None, {}),
    "affine layer 4, bias": (affine_layer, "affine_bias_gradient", None, {}),
    "batchnorm layer 1, gamma": (batch_norm, "backward", 1, {"normalization": "batch"}),
    "layernorm layer 4, beta": (layer_norm, "backward", 2, {"normalization": "layer"}),
}


@pytest.mark.parametrize("place", PLACES)
def test_the_report_names_the_faulty_parameter(
    place: str, x: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault is in one layer alone, told by the shape of its gradient."""
    owner, name, result, settings = PLACES[place]
    net = network(dtype="float64", **settings)
    assert check_gradients(net, x, LABELS).passed
    slot = next(s for s in net.layout.slots if f"layer {s.layer}, {s.name}" in place)
    right = getattr(owner, name)
    wrong = off_by(1e-3, right, result=result)

    def here(*arrays: Any, out: Any = None, **parameters: Any) -> Any:
        written = out if result is None else out[result]
        chosen = wrong if written.shape == slot.shape else right
        return chosen(*arrays, out=out, **parameters)

    monkeypatch.setattr(owner, name, here)
    report = check_gradients(net, x, LABELS)
    assert not report.passed
    assert place in report.note


@pytest.mark.parametrize(
    "settings",
    [
        {"normalization": "batch", "dropout": 0.3},
        {"normalization": "layer", "activation": ["gelu", "relu"]},
        {"output": "sigmoid"},
        {"output": "identity", "loss": "huber(delta=0.5)"},
        {"output": "exponential"},
        {"label_smoothing": 0.1},
    ],
    ids=str,
)
@pytest.mark.parametrize("members", [None, 3])
def test_whole_networks_pass(settings: dict[str, Any], members: int | None, x: np.ndarray) -> None:
    report = check_gradients(network(members=members, **settings), x, np.eye(3)[LABELS])
    assert report.passed, report
    assert report.error < 1e-7


def test_a_fault_in_one_member_of_a_stack_is_found(x: np.ndarray, plant: Plant) -> None:
    stack = network(members=3)
    only_the_last = np.array([0.0, 0.0, 1e-3])[:, None, None]
    plant(activations.tanh, "backward", error=only_the_last)
    assert not check_gradients(stack, x, LABELS).passed


def test_members_may_have_inputs_of_their_own(rng: np.random.Generator) -> None:
    X = rng.standard_normal((3, 6, 3))
    assert check_gradients(network(members=3), X, LABELS).passed


def test_a_float32_network_is_checked_in_float64(x: np.ndarray) -> None:
    """Differences in float32 would be right to three digits at best."""
    net = network(dtype="float32", normalization="batch")
    before, statistics = net.parameters.copy(), net.statistics.flat.copy()
    assert check_gradients(net, x, LABELS).passed
    assert net.dtype == "float32"
    np.testing.assert_array_equal(net.parameters, before)
    np.testing.assert_array_equal(net.statistics.flat, statistics)


def test_weights_count(x: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    weight = np.array([1.0, 0.0, 2.0, 0.5, 3.0, 1.0])
    assert check_gradients(network(), x, LABELS, sample_weight=weight).passed
    loss = losses.softmax_cross_entropy

    def forgetful(z: Any, target: Any, weight: Any, **parameters: Any) -> Any:
        return loss(z, target, weight), loss.gradient(z, target, None)

    monkeypatch.setattr(loss, "value_and_gradient", forgetful)
    assert check_gradients(network(), x, LABELS).passed
    assert not check_gradients(network(), x, LABELS, sample_weight=weight).passed


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "hard_tanh", "hard_sigmoid", "step"])
def test_a_kink_is_no_fault(name: str) -> None:
    kink = {"hard_tanh": 1.0, "hard_sigmoid": -3.0}.get(name, 0.0)
    report = check_function(getattr(activations, name), [[kink, kink + 0.25]])
    assert report.passed
    assert report.kinks > 0
    assert f"{report.kinks} of 16 directions met a kink" in report.note


def test_a_kink_nearby_is_stepped_over() -> None:
    """``x = 5e-5`` is nearer to 0 than the widest difference reaches, and smooth all the same."""
    report = check_function(activations.relu, [[5e-5, -2e-5]])
    assert report.passed
    assert report.kinks == 0


def test_a_fault_near_a_kink_is_found(plant: Plant) -> None:
    plant(activations.relu, "backward")
    report = check_function(activations.relu, [[5e-5, -2e-5]])
    assert not report.passed
    assert report.kinks == 0


def test_a_symmetric_kink_agrees() -> None:
    """``|z - y|`` at ``z = y``: the derivative taken there, 0, is the mean of both sides."""
    report = check_loss(losses.absolute_error, [[1.0, 2.0]], [[1.0, 0.0]])
    assert report.passed
    assert report.kinks == 0


def test_kinks_of_a_network_do_not_hide_its_faults(x: np.ndarray, plant: Plant) -> None:
    """The first row is all zeros, so with zero biases every ReLU stands at 0: the biases of the
    hidden layers meet the kink, and the weights of the last layer do not.
    """
    x[0] = 0
    net = network(activation="relu")
    report = check_gradients(net, x, LABELS)
    assert report.passed
    assert report.kinks > 0
    assert "met a kink" in report.note
    plant(losses.softmax_cross_entropy, "value_and_gradient", result=1)
    assert not check_gradients(net, x, LABELS).passed


def test_check_all_passes_and_covers_every_function() -> None:
    reports = check_all()
    names = [report.name for report in reports]
    assert len(names) == len(set(names))
    assert all(report.passed for report in reports)
    assert {f.name for f in FUNCTIONS} <= set(names)
    known = (getattr(losses, name) for name in losses.__all__ if name != "Loss")
    assert {loss.name for loss in known} <= set(names)


def test_check_all_names_what_is_faulty(plant: Plant) -> None:
    plant(activations.gelu, "backward")
    failed = [report.name for report in check_all() if not report.passed]
    assert {"gelu", "gelu, approximate=tanh", "network, activation=gelu"} <= set(failed)
    assert all("gelu" in name for name in failed)


def test_a_kink_hides_no_fault_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    relu = activations.relu
    right = relu.backward
    monkeypatch.setattr(relu, "backward", Primitive(lambda dy, x, y: 2 * right(dy, x, y)))
    assert not check_function(relu, [[0.0, 1.0, -2.0]]).passed


def test_nothing_compared_is_not_passed() -> None:
    report = check_function(activations.relu, [0.0])
    assert report.kinks
    assert not report.passed
