"""Products in a smaller type than the rest of a step: what they read is cast on its way in.

float16 has no numbers below 6e-8, where gradients often lie, so losses are scaled for it. What is
scaled here is not the loss but, where it matters, each matrix of gradients as it is cast: by the
power of two that brings its largest number near the top of the range, one for each member, taken
back from the product's result, which is float32. One scale for all layers, halved when it was too
large and doubled from time to time, costs fewer passes, but leaves layers outside the range whose
gradients lie far apart, skips steps, and has to be remembered: by both of an epoch's plans, by
checkpoints, by members that change their stack. A scale found anew from each matrix keeps every bit
of numbers down to 2^-28 of the largest, skips nothing, and gives the same bits however a run is cut
up. It lives on the device, as a captured graph needs. cuBLASLt's own factor cannot take it back: in
a strided batch of floats, it is one number for all members.

Source: Micikevicius et al. (2018), Mixed Precision Training, section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

#: What reads matrices that may be smaller, its first two inputs; which of them are gradients.
PRODUCTS = {
    "affine": (False, False),
    "affine_input_gradient": (True, False),
    "affine_weight_gradient": (False, True),
}
#: NumPy knows no bfloat16, so two bytes of either type lie in integers of two bytes.
CARRIER = np.dtype(np.uint16)
SCALE = np.dtype(np.float32)


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
        precision: what products multiply in; only ``"bfloat16"`` and ``"float16"`` need a cast.
        allocate: ``allocate(shape, dtype)`` makes room in the workspace.
    """
    if precision not in ("bfloat16", "float16"):
        return calls
    found: list[Recorded] = []
    cast: dict[Any, list[Any]] = {}  # by matrix: its scale, if it has one, and what products read

    def read(matrix: Any, gradient: bool) -> list[Any]:
        if matrix not in cast:
            scaled = gradient and precision == "float16"
            scale = [allocate(matrix.shape[:-2], SCALE)] if scaled else []
            cast[matrix] = [*scale, allocate(matrix.shape, CARRIER)]
            name = f"to_scaled_{precision}" if scaled else f"to_{precision}"
            found.append(Recorded(name, [matrix], cast[matrix], {}))
        return cast[matrix]

    for call in calls:
        scales: list[Any] = []
        if call.name in PRODUCTS:
            operands = [*map(read, call.inputs[:2], PRODUCTS[call.name])]
            scales = [scale for *scaled, _ in operands for scale in scaled]
            call = replace(call, inputs=[*(narrow for *_, narrow in operands), *call.inputs[2:]])
        found.append(call)
        found += [Recorded("unscale", [*call.outputs, scale], call.outputs, {}) for scale in scales]
        for written in call.outputs:
            cast.pop(written, None)
    return found
