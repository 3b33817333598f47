"""Functions of a stack's members: an activation of each, and the columns that each has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlpcore.backend import kernels
from mlpcore.backend.random import DROPOUT
from mlpcore.functions import activations
from mlpcore.functions.activations.by_member import CHOICES, activation_by_member, choices
from mlpcore.functions.dropout import dropout
from mlpcore.functions.mask_columns import mask_columns

pytestmark = pytest.mark.filterwarnings("error")

needs_kernels = pytest.mark.skipif(kernels.native() is None, reason="the kernels are not built")
SHAPES = [(1, 1), (3, 5), (64, 32), (7, 131), (33, 70)]
MEMBERS = len(CHOICES)


def test_every_activation_can_be_chosen() -> None:
    named = {getattr(activations, name) for name in activations.__all__}
    assert {function for function, _ in CHOICES} == named
    chosen = choices([(function, settings) for function, settings in CHOICES])
    np.testing.assert_array_equal(chosen["choice"], np.arange(MEMBERS))


def test_choices_take_settings_of_any_kind() -> None:
    functions = [
        (activations.elu, {}),
        (activations.leaky_relu, {"negative_slope": 0.2}),
        (activations.gelu, {"approximate": "none"}),
        (activations.gelu, {"approximate": "tanh"}),
    ]
    chosen = choices(functions)
    assert [CHOICES[number][0].name for number in chosen["choice"]] == [
        "elu", "leaky_relu", "gelu", "gelu"
    ]  # fmt: skip
    assert CHOICES[chosen["choice"][3]][1] == {"approximate": "tanh"}
    np.testing.assert_array_equal(chosen["parameter"], [1.0, 0.2, 0.0, 0.0])


def chosen_twice() -> tuple[dict[str, np.ndarray], list[tuple[Any, dict[str, Any]]]]:
    """Each function twice, in any order, with parameters of their own."""
    order = np.random.default_rng(0).permutation(2 * MEMBERS) % MEMBERS
    members = []
    for place, number in enumerate(order):
        function, settings = CHOICES[number]
        own = {"leaky_relu": "negative_slope", "elu": "alpha"}.get(function.name)
        members.append((function, {own: 0.1 * place} if own else settings))
    return choices(members), members


@pytest.mark.parametrize("shape", [(1, 1), (3, 5)], ids=str)
def test_each_member_gets_its_own_function(
    library: Any, dtype: str, shape: tuple[int, int], rng: np.random.Generator
) -> None:
    chosen, members = chosen_twice()
    x, dy = (3 * rng.normal(size=(2, len(members), *shape))).astype(dtype)
    on = [library.array(a, dtype) for a in (dy, x)]
    y = library.numpy(activation_by_member.reference(on[1], **chosen))
    dx = activation_by_member.backward.reference(*on, library.array(y, dtype), **chosen)
    dx = library.numpy(dx)
    assert y.dtype == dx.dtype == dtype
    for e, (function, settings) in enumerate(members):
        np.testing.assert_allclose(y[e], function.reference(x[e], **settings), rtol=1e-6)
        want = function.backward.reference(dy[e], x[e], y[e], **settings)
        np.testing.assert_allclose(dx[e], want, rtol=1e-5, atol=1e-6)


@needs_kernels
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_kernel_runs_each_member_s_own_kernel(
    dtype: str, shape: tuple[int, int], rng: np.random.Generator
) -> None:
    chosen, members = chosen_twice()
    x, dy = (3 * rng.normal(size=(2, len(members), *shape))).astype(dtype)
    y, dx = np.full_like(x, 77), np.full_like(x, 77)
    kernels.native().call("activation_by_member", [x], [y], chosen, 2)
    kernels.native().call("activation_by_member_backward", [dy, x, y], [dx], chosen, 2)
    for e, (function, settings) in enumerate(members):
        np.testing.assert_array_equal(y[e], function(x[e], **settings))
        np.testing.assert_array_equal(dx[e], function.backward(dy[e], x[e], y[e], **settings))


@needs_kernels
@pytest.mark.parametrize("choice", [MEMBERS, -1])
def test_the_kernel_refuses_a_choice_that_is_not_there(choice: int) -> None:
    x = np.zeros((2, 3, 4))
    wrong = {"choice": np.array([0, choice]), "parameter": np.zeros(2)}
    with pytest.raises(IndexError):
        kernels.native().call("activation_by_member", [x], [x.copy()], wrong, 1)


# Columns


@pytest.mark.parametrize("filler", [np.nan, np.inf, 3.0])
def test_columns_beyond_the_width_are_zero_whatever_was_there(
    library: Any, dtype: str, filler: float, rng: np.random.Generator
) -> None:
    x = rng.normal(size=(3, 4, 5)).astype(dtype)
    widths = np.array([1, 5, 3])
    want = np.where(np.arange(5) < widths[:, None, None], x, 0)
    x[np.broadcast_to(np.arange(5) >= widths[:, None, None], x.shape)] = filler
    got = library.numpy(mask_columns(library.array(x, dtype), width=library.array(widths, "int64")))
    np.testing.assert_array_equal(got, want.astype(dtype))
    alone = library.numpy(mask_columns(library.array(x[2], dtype), width=3))
    np.testing.assert_array_equal(alone, want[2].astype(dtype))


@needs_kernels
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_kernel_masks_in_place_too(
    dtype: str, shape: tuple[int, int], rng: np.random.Generator
) -> None:
    x = rng.normal(size=(3, *shape)).astype(dtype)
    width = np.array([1, (shape[1] + 1) // 2, shape[1]])
    want = mask_columns.reference(x, width=width)
    np.testing.assert_array_equal(mask_columns(x, width=width), want)
    assert mask_columns(x, width=width, out=x) is x
    np.testing.assert_array_equal(x, want)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_narrow_member_drops_what_it_drops_alone(
    library: Any, dtype: str, shape: tuple[int, int], rng: np.random.Generator
) -> None:
    x = rng.normal(size=(3, *shape)).astype(dtype)
    widths = np.array([1, (shape[1] + 1) // 2, shape[1]])
    keys: dict[str, Any] = {"rate": np.array([0.2, 0.5, 0.7]), "seed": np.array([1, 2, 2**40])}
    y = library.numpy(dropout(library.array(x, dtype), step=4, width=widths, **keys))
    assert y.dtype == dtype
    for e, width in enumerate(widths):
        own = {name: value[e].item() for name, value in keys.items()}
        alone = dropout.reference(np.ascontiguousarray(x[e, :, :width]), step=4, **own)
        np.testing.assert_allclose(y[e, :, :width], alone, rtol=1e-6)
        np.testing.assert_array_equal(y[e, :, width:], 0)


def test_words_are_counted_over_the_member_s_own_columns(philox_word: Any) -> None:
    y = dropout(np.ones((4, 5)), rate=0.5, seed=3, step=1, width=3)
    kept = [philox_word(i, seed=3, member=0, purpose=DROPOUT, step=1) >= 2**31 for i in range(12)]
    np.testing.assert_array_equal(y[:, :3] != 0, np.reshape(kept, (4, 3)))
    np.testing.assert_array_equal(y[:, 3:], 0)
