"""Parameters with one value per member give what each value gives as a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlpcore import functions as F
from mlpcore.backend.dispatch import Primitive
from mlpcore.functions import updates

pytestmark = pytest.mark.filterwarnings("error")

MEMBERS, ROWS, COLUMNS = 3, 5, 6
DECAYS = np.array([0.0, 0.9, 0.999])
POSITIVE = np.array([1e-8, 1e-3, 0.7])

#: Float32 to its last bit; in float64 Adam's powers of an array may round once more.
TOLERANCE = {"float32": 1e-7, "float64": 1e-13}

numbers = np.random.default_rng(0)
MATRIX = numbers.normal(size=(MEMBERS, ROWS, COLUMNS))
FLAT = numbers.normal(size=(MEMBERS, COLUMNS))
SQUARES = numbers.uniform(0.1, 2.0, (MEMBERS, COLUMNS))
LABELS = numbers.integers(0, COLUMNS, ROWS)
UPDATE = {"learning_rate": POSITIVE, "l2": POSITIVE, "weight_decay": DECAYS}
UPDATE |= {"clip_value": 0.4 + POSITIVE, "clip_norm": POSITIVE}
KEYS = {"seed": np.array([1, 1, 2**40]), "member": np.array([0, 1, 0]), "step": 3}

#: A primitive, its arrays and its parameters, of which those with one value per member are arrays.
CASES: dict[str, tuple[Primitive, tuple[Any, ...], dict[str, Any]]] = {
    "sgd": (updates.sgd, (FLAT, FLAT, None, SQUARES[:, 0]), UPDATE),
    "momentum": (updates.momentum, (FLAT, FLAT, None, None, FLAT), {**UPDATE, "momentum": DECAYS}),
    "nesterov": (updates.nesterov, (FLAT, FLAT, None, None, FLAT), {**UPDATE, "momentum": DECAYS}),
    "rmsprop": (
        updates.rmsprop,
        (FLAT, FLAT, None, None, SQUARES),
        {**UPDATE, "rho": DECAYS, "epsilon": POSITIVE},
    ),
    "adagrad": (
        updates.adagrad,
        (FLAT, FLAT, None, None, SQUARES),
        {**UPDATE, "epsilon": POSITIVE},
    ),
    "adam": (
        updates.adam,
        (FLAT, FLAT, None, None, FLAT, SQUARES),
        {**UPDATE, "beta1": DECAYS, "beta2": DECAYS[::-1], "epsilon": POSITIVE, "step": 7},
    ),
    "gradient_norm": (
        updates.gradient_norm,
        (FLAT, FLAT),
        {"l2": POSITIVE, "clip_value": 0.4 + POSITIVE},
    ),
    "dropout": (F.dropout, (MATRIX,), {"rate": np.array([0.0, 0.5, 0.9]), **KEYS}),
    "smoothing": (F.softmax_cross_entropy, (MATRIX, LABELS), {"label_smoothing": DECAYS}),
    "huber": (F.huber, (MATRIX, MATRIX[0]), {"delta": POSITIVE}),
    "elu": (F.elu, (MATRIX,), {"alpha": POSITIVE}),
    "leaky_relu": (F.leaky_relu, (MATRIX,), {"negative_slope": POSITIVE}),
    "batch_norm": (F.batch_norm, (MATRIX, FLAT, FLAT), {"epsilon": POSITIVE}),
    "layer_norm": (F.layer_norm, (MATRIX, FLAT, FLAT), {"epsilon": POSITIVE}),
    "normalize": (F.normalize, (MATRIX, FLAT, FLAT, FLAT, SQUARES), {"epsilon": POSITIVE}),
    "running_average": (
        F.running_average,
        (FLAT, FLAT),
        {"momentum": DECAYS, "scale": np.array([1.0, 1.1, 3.0])},
    ),
}


def member_of(value: Any, member: int) -> Any:
    """A member's number of a parameter; what is one value for all stays."""
    return value if np.ndim(value) == 0 else value[member].item()


@pytest.mark.parametrize("how", ["body", "call"])
@pytest.mark.parametrize(("function", "arrays", "parameters"), CASES.values(), ids=CASES)
def test_a_value_per_member_is_that_number(
    function: Primitive, arrays: tuple[Any, ...], parameters: dict[str, Any], how: str, dtype: str
) -> None:
    run = function.reference if how == "body" else function

    def cast(array: Any) -> Any:
        return array if array is None or array.dtype == np.int64 else array.astype(dtype)

    def one_of(array: Any, member: int) -> Any:
        alone = array is None or array.shape[:1] != (MEMBERS,)
        return cast(array if alone else np.array(array[member]))

    stacked = run(*map(cast, arrays), **parameters)
    for member in range(MEMBERS):
        own = {name: member_of(value, member) for name, value in parameters.items()}
        alone = run(*(one_of(array, member) for array in arrays), **own)
        pairs = zip(stacked, alone) if isinstance(stacked, tuple) else [(stacked, alone)]
        for of_stack, of_one in pairs:
            assert of_stack.dtype == of_one.dtype
            np.testing.assert_allclose(of_stack[member], of_one, rtol=TOLERANCE[dtype])
