"""The affine map of a layer and its three gradients."""

from __future__ import annotations

from mlpcore.backend.dispatch import Array, namespace, primitive
from mlpcore.functions.shapes import leading, transposed


def _affine_shape(x: Array, weight: Array, bias: Array) -> tuple[int, ...]:
    return (*leading(x, weight), x.shape[-2], weight.shape[-1])


@primitive(shapes=_affine_shape)
def affine(x: Array, weight: Array, bias: Array) -> Array:
    """Affine map, ``z = x @ W + b``: rows are examples.

    Args:
        x: ``(..., n, fan_in)``.
        weight: ``(..., fan_in, fan_out)``.
        bias: ``(..., fan_out)``.

    Returns:
        Pre-activations ``(..., n, fan_out)``.

    Source: Rumelhart, Hinton & Williams (1986), eq. 1; there, and in many lectures, examples are
    columns, ``Z = W X + b``, which is this map transposed.

    >>> import numpy as np
    >>> affine(np.ones((1, 2)), np.array([[1.0], [2.0]]), np.array([0.5]))
    array([[3.5]])
    """
    xp = namespace(x, weight, bias)
    return xp.matmul(x, weight) + bias[..., None, :]


def _backward_shapes(dz: Array, x: Array, weight: Array) -> tuple[tuple[int, ...], ...]:
    return (
        _input_gradient_shape(dz, weight),
        _weight_gradient_shape(x, dz),
        _bias_gradient_shape(dz),
    )


@affine.derivative_with(shapes=_backward_shapes)
def affine_backward(dz: Array, x: Array, weight: Array) -> tuple[Array, Array, Array]:
    """``dX = dZ W^T``, ``dW = X^T dZ`` and ``db = sum over rows of dZ``, in this order.

    Args:
        dz: the loss's derivative by ``z``, ``(..., n, fan_out)``.
        x: the input ``(..., n, fan_in)``.
        weight: ``(..., fan_in, fan_out)``.

    Source: Rumelhart, Hinton & Williams (1986), eq. 4 to 7.

    >>> import numpy as np
    >>> dx, dw, db = affine.backward(np.ones((2, 1)), np.array([[1.0], [2.0]]), np.array([[3.0]]))
    >>> dx.tolist(), dw.tolist(), db.tolist()
    ([[3.0], [3.0]], [[3.0]], [2.0])
    """
    return (
        affine_input_gradient(dz, weight),
        affine_weight_gradient(x, dz),
        affine_bias_gradient(dz),
    )


def _input_gradient_shape(dz: Array, weight: Array) -> tuple[int, ...]:
    return (*leading(dz, weight), dz.shape[-2], weight.shape[-2])


@primitive(shapes=_input_gradient_shape)
def affine_input_gradient(dz: Array, weight: Array) -> Array:
    """``dX = dZ W^T``, ``(..., n, fan_in)``."""
    return namespace(dz, weight).matmul(dz, transposed(weight))


def _weight_gradient_shape(x: Array, dz: Array) -> tuple[int, ...]:
    return (*leading(x, dz), x.shape[-1], dz.shape[-1])


@primitive(shapes=_weight_gradient_shape)
def affine_weight_gradient(x: Array, dz: Array) -> Array:
    """``dW = X^T dZ``, ``(..., fan_in, fan_out)``; the mean's ``1/m`` is in ``dZ`` already."""
    return namespace(x, dz).matmul(transposed(x), dz)


def _bias_gradient_shape(dz: Array) -> tuple[int, ...]:
    return (*dz.shape[:-2], dz.shape[-1])


@primitive(shapes=_bias_gradient_shape)
def affine_bias_gradient(dz: Array) -> Array:
    """``db = sum over rows of dZ``, ``(..., fan_out)``."""
    return namespace(dz).sum(dz, axis=-2)
