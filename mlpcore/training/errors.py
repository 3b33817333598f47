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


def what_happened(epoch: int, step: int, rate: float) -> str:
    """Where training diverged, why that is likely, and what to do."""
    return (
        f"training diverged in epoch {epoch}, step {step}: the loss or an update was NaN or "
        f"infinite at learning rate {rate:g}; the last finite parameters are kept. Likely the "
        "learning rate is too large or the features are not scaled: lower the rate, "
        "standardise X, or set clip_norm in the optimizer"
    )
