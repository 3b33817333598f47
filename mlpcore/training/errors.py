"""What training raises when it cannot go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlpcore.training.history import History


class DivergenceError(ArithmeticError):
    """The loss or the parameters left the finite numbers; the last finite parameters are kept.

    Attributes:
        epoch: the epoch, from 0.
        step: the step within the epoch, from 0.
        history: what was recorded before.
    """

    def __init__(self, message: str, epoch: int, step: int, history: History):
        super().__init__(message)
        self.epoch = epoch
        self.step = step
        self.history = history
