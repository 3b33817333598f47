"""The memory that a member of a stack takes, counted from its shapes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from mlpcore.experiments.recipe import Recipe
from mlpcore.layers import Affine
from mlpcore.network.build import build_layers
from mlpcore.network.parameters import Layout

#: Of a row's number, or a label.
INTEGER = 8
#: Of a parameter while the initial ones are drawn: words, uniform and normal numbers.
DRAWING = 36


def member_bytes(recipe: Recipe, sizes: Sequence[int], training: int, *, stopping: bool) -> int:
    """What one member adds to the memory that the training of its stack takes.

    That are the flat buffers (parameters, gradient, moments, and the copies to which a member
    returns that has diverged or stopped), what the layers hold of a batch, forward and backward,
    for the full batch and the last one, and the order of the rows.

    Args:
        recipe: the member's.
        sizes: inputs, hidden widths as padded, outputs.
        training: how many rows it is trained on.
        stopping: whether early stopping keeps the best parameters.

    >>> member_bytes(Recipe.of({"hidden": 100, "batch_size": 200}), (64, 100, 10), 1400, stopping=False)
    560672
    """
    narrow = recipe.build((1, *(1 for _ in recipe.hidden), 2)).settings
    layers = build_layers(dataclasses.replace(narrow, sizes=sizes))
    parameters = Layout(layer.parameters for layer in layers).size
    statistics = Layout(layer.statistics for layer in layers).size
    buffers = (3 + 2 * recipe.optimizer.rule.states + stopping) * parameters
    buffers += (2 + stopping) * statistics
    full, last = divmod(training, recipe.batch_size)
    rows = recipe.batch_size * (full > 0) + last
    values, width = sizes[0] + 2 * sizes[-1], 0
    for layer in layers[:-1]:
        if isinstance(layer, Affine):
            (width,) = layer.parameters["bias"]
        values += 2 * width
    held = np.dtype(narrow.dtype).itemsize * (buffers + rows * values)
    return max(int(held + INTEGER * (3 * training + rows)), DRAWING * parameters)
