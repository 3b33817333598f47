"""The memory that a stack takes, counted from its shapes."""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from mlpcore.experiments.recipe import Recipe
from mlpcore.layers import Affine
from mlpcore.network.arrays import PIECE_BYTES
from mlpcore.network.build import Structure

#: Of a row's number, or a label.
INTEGER = 8
#: Of a parameter while the initial ones are drawn: words, uniform and normal numbers.
DRAWN = 40


@dataclass(frozen=True)
class Memory:
    """What the members of a stack take, in bytes.

    Where members leave early, those that stay go on in a smaller stack, for a moment beside the old
    one; that is not counted.

    Attributes:
        drawing: each, while the initial weights are drawn.
        training: each, while it trains: the flat buffers (parameters, gradient, moments, and the
            copies to which a member returns that has diverged or stopped), what the layers hold of
            a batch, forward and backward, for the full batch and the last one, and the order of the
            rows.
        scoring: each, for the values of all layers on the held-out rows.
        logits: each, for the logits that are kept where those rows are taken piece by piece.
        piece: all together, for the values of all layers on the rows of a piece.
        watched: whether the held-out rows are looked at while the stack trains.
    """

    drawing: int
    training: int
    scoring: int
    logits: int
    piece: int
    watched: bool

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        sizes: Sequence[int],
        training: int,
        held_out: int,
        *,
        watched: bool,
        stopping: bool,
    ) -> Self:
        """Count.

        Args:
            recipe: of any member.
            sizes: inputs, hidden widths as padded, outputs.
            training: how many rows each is trained on.
            held_out: how many rows each is scored on.
            watched: whether they are looked at after each epoch.
            stopping: whether early stopping keeps the best parameters.
        """
        narrow = recipe.build((1, *(1 for _ in recipe.hidden), 2)).settings
        structure = Structure(dataclasses.replace(narrow, sizes=sizes))
        item = np.dtype(narrow.dtype).itemsize
        parameters, statistics = (layout.size for layout in structure.layouts)
        buffers = (3 + 2 * recipe.optimizer.rule.states + stopping) * parameters
        buffers += (2 + stopping) * statistics
        full, last = divmod(training, recipe.batch_size)
        rows = recipe.batch_size * (full > 0) + last
        hidden, width = 0, 0
        for layer in structure.layers[:-1]:
            if isinstance(layer, Affine):
                (width,) = layer.parameters["bias"]
            hidden += width
        forward = sizes[0] + hidden + sizes[-1]
        both = forward + hidden + sizes[-1]
        return cls(
            DRAWN * parameters,
            item * (buffers + rows * both) + INTEGER * (3 * training + rows),
            # The rows are gathered, and read into the memory of a recorded pass; so it is with the
            # logits, the other way.
            (item * (forward + sizes[0] + sizes[-1]) + 3 * INTEGER) * held_out,
            2 * item * sizes[-1] * held_out,
            PIECE_BYTES * forward // max(sizes),
            watched,
        )

    def total(self, members: int) -> int:
        """The most that a stack of so many takes at any time."""
        scoring = members * self.scoring
        if scoring > self.piece:
            scoring = self.piece + members * self.logits
        if self.watched:
            return max(members * self.drawing, members * self.training + scoring)
        return max(members * self.drawing, members * self.training, scoring)

    def most(self, limit: int, members: int) -> int:
        """How many of so many members fit into a limit, in bytes."""
        return bisect.bisect_right(range(1, members + 1), limit, key=self.total)
