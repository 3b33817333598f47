"""The progress bar of a sweep, by tqdm where it is installed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Self

import numpy as np

from mlpcore.experiments.records import Record
from mlpcore.training.progress import Progress, bar


class SweepBar:
    """One bar over all networks, with the best score so far behind it.

    The score of a setting is the mean over those of its members that have ended.
    """

    def __init__(self, progress: Progress):
        self._bar: Any = bar(progress, total=0, unit="epoch", unit_scale=True)
        self._ticked = 0
        self._scores: dict[int, dict[Any, float]] = defaultdict(dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def expect(self, epochs: int) -> None:
        """So many epochs of members are to come."""
        if self._bar is not None:
            self._bar.total += epochs
            self._bar.refresh()

    def tick(self, members: int) -> None:
        """So many members of the stack that trains here have done an epoch."""
        self._advance(members)
        self._ticked += members

    def finish(self, epochs: int) -> None:
        """A stack has ended that had so many epochs to do, whether they ticked or not."""
        self._advance(epochs - self._ticked)
        self._ticked = 0

    def take(self, records: Iterable[Record]) -> None:
        """Members have ended."""
        for record in records:
            self._scores[record.setting][record.key] = record.score
        if self._bar is not None and self._scores:
            means = [float(np.mean([*scores.values()])) for scores in self._scores.values()]
            self._bar.set_postfix_str(f"best {np.nanmax([-np.inf, *means]):.4g}")

    def _advance(self, epochs: int) -> None:
        if self._bar is not None:
            self._bar.update(epochs)
