"""The losses: values and gradients against Torch, on every library, and against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loss_cases import (
    COLUMNS,
    MEMBERS,
    ROWS,
    draw_logits,
    draw_target,
    draw_weights,
    each_case,
    of_member,
)
from mlpcore.functions.losses import (
    Loss,
    absolute_error,
    huber,
    poisson_nll,
    sigmoid_binary_cross_entropy,
    softmax_cross_entropy,
    squared_error,
)


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
