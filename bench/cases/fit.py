"""A whole fit: the time until the held-out digits are read well enough."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mlpcore.io import load_digits

from .case import SEED, Case, WrongResultError
from .training import Problem, Training, he_weights

#: After so many epochs a fit that has not come there counts as wrong.
MOST_EPOCHS = 200


@dataclass(frozen=True)
class Fit(Case):
    """Training on the UCI optical digits up to an accuracy on those held out.

    The same start for all, an order of the rows for each fit. The accuracy is measured after every
    epoch, and that is part of the time.

    Attributes:
        hidden: widths.
        batch: rows a step.
        accuracy: of the held-out rows, at which the fit ends.
    """

    kind = "fit"
    hidden: tuple[int, ...]
    batch: int
    accuracy: float

    @property
    def title(self) -> str:
        """The network and the goal in words."""
        sizes = "-".join(map(str, self.network.sizes))
        return f"digits to {100 * self.accuracy:g} %, {sizes}, batch {self.batch}"

    @property
    def network(self) -> Training:
        """The network and the batches; a whole number of them, of about four fifths of the rows."""
        return Training((64, *self.hidden, 10), self.batch, 1437 // self.batch)

    @property
    def flops(self) -> int:
        """Unknown, as the number of epochs is."""
        return 0

    @property
    def bytes(self) -> int:
        """Unknown, as the number of epochs is."""
        return 0

    def problem(self) -> Problem:
        """The rows to train on, and the initial weights."""
        x, labels = _shuffled_digits()
        rows, rng = slice(self.network.rows), np.random.default_rng(SEED)
        return Problem(self.network, x[rows], labels[rows], he_weights(self.network, rng))

    def held_out(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows to measure on: features and labels."""
        x, labels = _shuffled_digits()
        return x[self.network.rows :], labels[self.network.rows :]

    def expected(self, floor: bool = False) -> np.ndarray:
        """The accuracy to reach."""
        return np.array([self.accuracy, self.accuracy])

    def validate(self, who: str, got: Iterable[float], expected: np.ndarray) -> None:
        """The library's own accuracy, and that of its parameters in float64: there, and equal.

        Raises:
            WrongResultError: where one of them is not.
        """
        own, exact = got
        if not (own >= self.accuracy and abs(own - exact) <= 1 / len(self.held_out()[1]) + 1e-9):
            raise WrongResultError(
                f"{who} on {self.title} ended with an accuracy of {own:.4f}, {exact:.4f} when its "
                f"parameters are taken in float64; expected both at {self.accuracy:g} or above"
            )


def _shuffled_digits() -> tuple[np.ndarray, np.ndarray]:
    x, labels = load_digits()
    order = np.random.default_rng(SEED).permutation(len(labels))
    return x[order], labels[order]
