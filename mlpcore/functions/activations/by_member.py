"""A choice of activation for each member of a stack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mlpcore.backend.dispatch import Array, Primitive, namespace, primitive
from mlpcore.functions import activations as f

#: What the numbers stand for, in the order of the kernels: a function, and its settings but one.
CHOICES: tuple[tuple[Primitive, dict[str, Any]], ...] = (
    (f.identity, {}),
    (f.step, {}),
    (f.sigmoid, {}),
    (f.tanh, {}),
    (f.relu, {}),
    (f.leaky_relu, {}),
    (f.elu, {}),
    (f.selu, {}),
    (f.gelu, {}),
    (f.gelu, {"approximate": "tanh"}),
    (f.silu, {}),
    (f.mish, {}),
    (f.softplus, {}),
    (f.hard_sigmoid, {}),
    (f.hard_tanh, {}),
    (f.exponential, {}),
)
#: The setting that is left: one number, for each member its own.
PARAMETERS = {"leaky_relu": ("negative_slope", 0.01), "elu": ("alpha", 1.0)}


def choices(chosen: Sequence[tuple[Primitive, dict[str, Any]]]) -> dict[str, np.ndarray]:
    """The settings of `activation_by_member` from each member's function and settings.

    >>> choices([(f.relu, {}), (f.elu, {"alpha": 0.5})])
    {'choice': array([4, 6]), 'parameter': array([0. , 0.5])}
    """
    numbers, parameters = [], []
    for function, settings in chosen:
        own = {key: value for key, value in settings.items() if value != "none"}
        name, default = PARAMETERS.get(function.name, ("", 0.0))
        parameters.append(float(own.pop(name, default)))
        numbers.append(CHOICES.index((function, own)))
    return {"choice": np.asarray(numbers, dtype=np.int64), "parameter": np.asarray(parameters)}


@primitive()
def activation_by_member(x: Array, *, choice: Any, parameter: Any) -> Array:
    """For each member ``e`` an activation of its own, ``y_e = f_e(x_e)``.

    Args:
        x: pre-activations ``(E, n, k)``.
        choice: the number of each member's function in `CHOICES`, int64 ``(E,)``.
        parameter: each member's ``negative_slope`` or ``alpha``, float64 ``(E,)``.

    Returns:
        An array of the same shape and dtype.

    >>> import numpy as np
    >>> x = np.array([[[-1.0, 2.0]], [[-1.0, 2.0]]])
    >>> activation_by_member(x, choice=np.array([4, 0]), parameter=np.zeros(2)).tolist()
    [[[0.0, 2.0]], [[-1.0, 2.0]]]
    """
    return _each(lambda function: function.reference, (x,), choice, parameter)


@activation_by_member.derivative
def activation_by_member_backward(
    dy: Array, x: Array, y: Array, *, choice: Any, parameter: Any
) -> Array:
    """For each member the derivative of its function, ``dx_e = dy_e * f_e'(x_e)``."""
    return _each(lambda function: function.backward.reference, (dy, x, y), choice, parameter)


def _each(
    body: Callable[[Primitive], Callable[..., Array]],
    arrays: tuple[Array, ...],
    choice: np.ndarray,
    parameter: np.ndarray,
) -> Array:
    """Run each function once, on its members, and put the results in the members' order."""
    xp, device = namespace(*arrays), arrays[0].device

    def taken(array: Array, members: np.ndarray) -> Array:
        return xp.take(array, xp.asarray(members, device=device), axis=0)

    groups = [np.flatnonzero(choice == number) for number in np.unique(choice)]
    parts = []
    for members in groups:
        function, settings = CHOICES[choice[members[0]]]
        if function.__name__ in PARAMETERS:
            settings = {PARAMETERS[function.__name__][0]: parameter[members]}
        parts.append(body(function)(*(taken(array, members) for array in arrays), **settings))
    return taken(xp.concat(parts, axis=0), np.argsort(np.concatenate(groups)))
