"""Gradient checks: a derivative by hand against differences of the function, in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcore.backend.dispatch import Primitive
from mlpcore.backend.memory import to_numpy
from mlpcore.functions import activations
from mlpcore.functions.log_softmax import log_softmax
from mlpcore.functions.logsumexp import logsumexp
from mlpcore.functions.losses import (
    Loss,
    absolute_error,
    huber,
    poisson_nll,
    sigmoid_binary_cross_entropy,
    softmax_cross_entropy,
    squared_error,
)
from mlpcore.functions.softmax import softmax
from mlpcore.layers import Affine, BatchNorm, Dropout, Layer, LayerNorm, Pass
from mlpcore.network import Network
from mlpcore.network.padding import present
from mlpcore.network.parameters import Layout

#: The largest relative error that passes.
TOLERANCE = 1e-6

#: Widths of the differences, in turn: a narrower one steps over a kink that lies nearby.
WIDTHS = (1e-4, 1e-6, 1e-7)


@dataclass(frozen=True)
class Report:
    """What a gradient check found.

    Attributes:
        name: what was checked.
        error: the largest relative error, kinks left aside.
        passed: whether it is within the tolerance.
        note: the worst place, and how many directions met a kink.
        kinks: directions along which the function has two one-sided derivatives, as ReLU at 0;
            there is no derivative to compare with, and they count neither way.
    """

    name: str
    error: float
    passed: bool
    note: str
    kinks: int = 0


def check_gradients(
    network: Network,
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    directions: int = 4,
    tolerance: float = TOLERANCE,
) -> Report:
    """Compare a network's gradients with central differences of its loss along random directions.

    The check runs in float64 on a copy of the network, in a training pass: dropout drops, always by
    the same draws. Each direction moves one parameter array, so that the worst place has a name;
    the members of a stack move at once.

    Args:
        network: single or stack, of any dtype and backend.
        X: features, a few rows are enough.
        y: targets.
        sample_weight: as in `mlpcore.MLP.fit`.
        directions: how many for each parameter array.
        tolerance: the largest relative error that passes.

    Returns:
        A `Report`; its note names the worst parameter array.

    Source: Griewank & Walther (2008), "Evaluating derivatives", chapter 1; the check for kinks
    follows Chainer's ``gradient_check``.

    >>> import mlpcore as mc
    >>> net = mc.MLP([3, 5, 2], activation="tanh")
    >>> X = np.array([[0.1, -0.4, 0.2], [0.7, 0.5, -0.3]])
    >>> mc.check_gradients(net, X, [0, 1]).passed
    True
    """
    copy = type(network)(**(network.configuration | {"dtype": "float64"}), backend=network.backend)
    copy.set_tensors(network.tensors())
    _, gradient = copy.loss_and_gradients(X, y, sample_weight=sample_weight)
    g = to_numpy(gradient.flat)
    start = to_numpy(copy.parameters).copy()
    inside, _ = present(copy.settings, copy.structure)
    numbers = np.random.default_rng(0)

    def along(direction: np.ndarray) -> Callable[[float], np.ndarray]:
        def value(t: float) -> np.ndarray:
            copy.parameters[...] = copy.backend.asarray(start + t * direction, "float64")
            moved, _ = copy.loss_and_gradients(X, y, sample_weight=sample_weight)
            return np.atleast_1d(to_numpy(moved))

        return value

    worst, place, kinks = 0.0, "", 0
    for slot in copy.layout.slots:
        for _ in range(directions):
            direction = np.zeros_like(start)
            piece = direction[..., slot.start : slot.stop]
            piece[...] = _direction(numbers, piece.shape)
            direction *= inside
            length = np.linalg.norm(direction, axis=-1, keepdims=True)
            direction /= np.where(length == 0, 1.0, length)
            slope = np.atleast_1d(np.sum(g * direction, axis=-1))
            error, kink = _compare(along(direction), slope, tolerance)
            kinks += kink
            if error >= worst:
                worst, place = error, f"{type(copy.layers[slot.layer]).__name__.lower()} layer "
                place += f"{slot.layer}, {slot.name}"
    tried = directions * len(copy.layout.slots)
    return _report(repr(network), worst, tolerance, f"worst at {place}", kinks, tried)


def check_function(
    function: Primitive, x: Any, *, tolerance: float = TOLERANCE, **parameters: Any
) -> Report:
    """Compare ``function.backward(dy, x, y)`` with central differences along random directions.

    Args:
        function: an activation or a row operation.
        x: where to check, any shape that the function takes.
        tolerance: the largest relative error that passes.
        parameters: the function's own.

    >>> check_function(activations.tanh, np.linspace(-3.0, 3.0, 7)).passed
    True
    """
    x = np.asarray(x, dtype=np.float64)
    y = function(x, **parameters)
    numbers = np.random.default_rng(0)
    dy = numbers.standard_normal(y.shape)
    dx = to_numpy(function.backward(dy, x, y, **parameters))
    settings = [f"{name}={value}" for name, value in parameters.items()]
    return _directions(
        ", ".join((function.name, *settings)),
        lambda moved: np.atleast_1d(np.sum(dy * function(moved, **parameters))),
        x,
        dx,
        tolerance,
    )


def check_loss(
    loss: Loss, z: Any, target: Any, *, tolerance: float = TOLERANCE, **parameters: Any
) -> Report:
    """Compare a loss's gradient by its logits with central differences along random directions.

    >>> check_loss(squared_error, [[1.0, 2.0]], [[0.0, 1.0]]).passed
    True
    """
    z = np.asarray(z, dtype=np.float64)
    target = np.asarray(target)
    _, dz = loss.value_and_gradient(z, target, None, **parameters)
    return _directions(
        loss.name,
        lambda moved: np.atleast_1d(loss(moved, target, None, **parameters)),
        z,
        to_numpy(dz),
        tolerance,
    )


def check_layer(layer: Layer, x: Any, *, tolerance: float = TOLERANCE) -> Report:
    """Compare a layer's backward, by its input and by each parameter, with central differences.

    >>> from mlpcore.layers import Affine
    >>> check_layer(Affine(3, 2, first=False), np.ones((4, 3))).passed
    True
    """
    numbers = np.random.default_rng(0)
    x = np.asarray(x, dtype=np.float64)
    layout = Layout([{"x": x.shape}, layer.parameters])
    start = numbers.standard_normal(layout.size)
    layout.views(start)[0]["x"][...] = x
    statistics = {name: np.zeros(shape) for name, shape in layer.statistics.items()}
    run = Pass(training=True, draws={"seed": 0, "member": 0})

    def forward(flat: np.ndarray) -> Any:
        own, p = layout.views(flat)
        return layer.forward(own["x"], p, statistics, run)

    y, saved = forward(start)
    dy = numbers.standard_normal(y.shape)
    gradient = np.zeros(layout.size)
    dx, g = layout.views(gradient)
    dx["x"][...] = layer.backward(dy, saved, layout.views(start)[1], g, run)
    name = f"{type(layer).__name__.lower()} layer"

    def value(flat: np.ndarray) -> np.ndarray:
        return np.atleast_1d(np.sum(dy * forward(flat)[0]))

    return _directions(name, value, start, gradient, tolerance)


def check_all() -> list[Report]:
    """Check every function, every loss and some whole networks; what ``mlpcore check`` shows."""
    numbers = np.random.default_rng(1)
    x = numbers.standard_normal((4, 7)) * 2
    reports = [check_function(f, x) for f in _once(activations, activations.__all__)]
    reports += [check_function(f, x) for f in (softmax, log_softmax, logsumexp)]
    reports.append(check_function(activations.gelu, x, approximate="tanh"))
    shares = numbers.random((4, 7))
    reports += [
        check_loss(softmax_cross_entropy, x, [1, 0, 6, 3], label_smoothing=0.1),
        check_loss(sigmoid_binary_cross_entropy, x, shares),
        check_loss(squared_error, x, shares),
        check_loss(absolute_error, x, shares),
        check_loss(huber, x, shares),
        check_loss(poisson_nll, x, shares),
    ]
    layers = (Affine(7, 5, first=False), BatchNorm(7), LayerNorm(7), Dropout(0.4, number=0))
    reports += [check_layer(layer, x) for layer in layers]
    rows, labels = numbers.standard_normal((9, 5)), np.arange(9) % 3
    whole: tuple[dict[str, Any], ...] = (
        {"activation": "relu"},
        {"activation": "tanh"},
        {"activation": "sigmoid"},
        {"activation": "gelu"},
        {"output": "sigmoid"},
        {"output": "identity", "loss": "huber"},
        {"output": "exponential"},
        {"normalization": "batch"},
        {"normalization": "layer", "dropout": 0.3},
        {"members": 3, "seed": [1, 2, 3], "normalization": "batch", "dropout": 0.2},
        {"members": 2, "activation": np.array(["softplus", "gelu"]), "dropout": 0.2},
    )
    for settings in whole:
        network = Network([5, 8, 6, 3], **settings)
        what = ", ".join(f"{key}={value}" for key, value in settings.items())
        target = labels if "output" not in settings else np.eye(3)[labels]
        report = check_gradients(network, rows, target)
        reports.append(Report(f"network, {what}", report.error, report.passed, report.note))
    return reports


def _once(module: Any, names: list[str]) -> list[Primitive]:
    return list({id(f): f for f in (getattr(module, name) for name in names)}.values())


def _directions(
    name: str,
    value: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    dx: np.ndarray,
    tolerance: float,
) -> Report:
    numbers = np.random.default_rng(2)
    worst, kinks, directions = 0.0, 0, 16
    for _ in range(directions):
        direction = _direction(numbers, (x.size,)).reshape(x.shape)
        direction /= np.linalg.norm(direction)
        slope = np.atleast_1d(np.sum(dx * direction))

        def along(t: float, direction: np.ndarray = direction) -> np.ndarray:
            return value(x + t * direction)

        error, kink = _compare(along, slope, tolerance)
        worst, kinks = max(worst, error), kinks + kink
    return _report(name, worst, tolerance, "", kinks, directions)


def _compare(
    f: Callable[[float], np.ndarray], slope: np.ndarray, tolerance: float
) -> tuple[float, int]:
    """The relative error of a slope, and whether it is a kink's instead.

    The central difference is that of order 4, ``(8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h``.
    A kink nearby spoils a wide difference and not a narrow one. A kink right here leaves the two
    one-sided differences apart at every width; where the function is smooth, they meet.
    """
    error = np.full(slope.shape, np.inf)
    kink = np.ones(slope.shape, dtype=bool)
    middle = f(0.0)
    for h in WIDTHS:
        near, far = (f(h), f(-h)), (f(2 * h), f(-2 * h))
        central = (8 * (near[0] - near[1]) - (far[0] - far[1])) / (12 * h)
        floor = 1e-4 * (1 + np.abs(middle))
        scale = np.maximum(np.maximum(np.abs(central), np.abs(slope)), floor)
        error = np.fmin(error, np.abs(central - slope) / scale)
        ahead, behind = (near[0] - middle) / h, (middle - near[1]) / h
        kink &= np.abs(ahead - behind) > 1e-3 * scale
        if np.all(error <= tolerance):
            break
    kink &= error > tolerance
    return float(np.max(np.where(kink, 0.0, error))), int(np.any(kink))


def _direction(numbers: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random along the last axis, half of it at rest: a kink in one place hides no other."""
    rest = numbers.random(shape) < 0.5
    rest &= ~rest.all(axis=-1, keepdims=True)
    return np.where(rest, 0.0, numbers.standard_normal(shape))


def _report(
    name: str, error: float, tolerance: float, note: str, kinks: int, directions: int
) -> Report:
    """A report; where every direction met a kink, nothing was compared and nothing passed."""
    met = f"{kinks} of {directions} directions met a kink" if kinks else ""
    passed = error <= tolerance and kinks < directions
    return Report(name, error, passed, "; ".join(filter(None, (note, met))), kinks)
