"""The initial weights and biases that scikit-learn draws."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np


def initial_values(
    sizes: Sequence[int], activation: str | Sequence[str], random: np.random.RandomState
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights and biases of each layer, ``U(-a, a)`` with ``a = sqrt(6 / (fan_in + fan_out))``.

    For the sigmoid ``a = sqrt(2 / (fan_in + fan_out))``, whose slope at 0 is a quarter. The draws
    are taken in scikit-learn's order, so the same ``random_state`` starts from the same numbers.

    Args:
        sizes: inputs, hidden widths and outputs.
        activation: of the hidden layers; of several the one behind each layer counts, and the last
            one for the outputs.
        random: the generator.

    Returns:
        For each layer weights ``(fan_in, fan_out)`` and biases ``(fan_out,)``, float64.

    Source: Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward
    neural networks", eq. 16, taken to the biases as well.

    >>> (weight, bias), _ = initial_values([3, 3, 1], "relu", np.random.RandomState(0))
    >>> weight.shape, bias.shape, bool(np.all(np.abs(weight) < 1))
    ((3, 3), (3,), True)
    """
    layers = len(sizes) - 1
    if isinstance(activation, str):
        names = [activation] * layers
    else:
        names = [*activation, *(activation[-1:] or ["identity"])]
    values = []
    for (fan_in, fan_out), name in zip(itertools.pairwise(sizes), names):
        factor = 2.0 if name in ("logistic", "sigmoid") else 6.0
        limit = math.sqrt(factor / (fan_in + fan_out))
        values.append(
            (
                random.uniform(-limit, limit, (fan_in, fan_out)),
                random.uniform(-limit, limit, fan_out),
            )
        )
    return values
