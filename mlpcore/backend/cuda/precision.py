"""Products in a smaller type than the rest of a step: what they read is cast on its way in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

#: What reads matrices that may be smaller: its first two inputs.
PRODUCTS = ("affine", "affine_input_gradient", "affine_weight_gradient")
#: NumPy knows no bfloat16, so its two bytes lie in integers of two bytes.
CARRIER = np.dtype(np.uint16)


@dataclass(frozen=True)
class Recorded:
    """A call of a primitive on symbols."""

    name: str
    inputs: list[Any]
    outputs: list[Any]
    parameters: dict[str, Any]


def narrowed(calls: list[Recorded], precision: str, allocate: Callable[..., Any]) -> list[Recorded]:
    """The calls with every matrix cast before the first product that reads it.

    A matrix is cast once for all products up to where it is written again. Sums, results and
    everything that is no product stay as they are.

    Args:
        calls: those of a step.
        precision: what products multiply in; only ``"bfloat16"`` needs a cast.
        allocate: ``allocate(shape, dtype)`` makes room in the workspace.
    """
    if precision != "bfloat16":
        return calls
    found: list[Recorded] = []
    cast: dict[Any, Any] = {}
    for call in calls:
        if call.name in PRODUCTS:
            for matrix in call.inputs[:2]:
                if matrix not in cast:
                    cast[matrix] = allocate(matrix.shape, CARRIER)
                    found.append(Recorded(f"to_{precision}", [matrix], [cast[matrix]], {}))
            narrow = [cast[matrix] for matrix in call.inputs[:2]]
            call = replace(call, inputs=[*narrow, *call.inputs[2:]])
        found.append(call)
        for written in call.outputs:
            cast.pop(written, None)
    return found
