"""When training has converged, by scikit-learn's rule."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Convergence:
    """Counts the epochs without progress: a figure that stays above the best less ``tol``.

    The figure is a loss, or a score with its sign turned; NaN does not count.

    Attributes:
        best: the lowest figure so far.
        waited: how many epochs in a row brought no progress.

    >>> convergence = Convergence()
    >>> [convergence.observe(loss, tol=0.1) for loss in (3.0, 2.0, 1.95)], convergence.waited
    ([True, True, True], 1)
    """

    best: float = math.inf
    waited: int = 0

    def observe(self, figure: float, tol: float) -> bool:
        """Take an epoch's figure; whether it is the best so far."""
        self.waited = self.waited + 1 if figure > self.best - tol else 0
        improved = figure < self.best
        self.best = figure if improved else self.best
        return improved
