"""What is kept of each member that was trained."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Self

from mlpcore.experiments.problem import Key


@dataclass(frozen=True)
class Record:
    """The result of one member.

    Attributes:
        setting: the number of its setting.
        split: the number of its split.
        repeat: the number of its seed.
        rung: the round of halving that it has come to, from 0.
        score: its metric on the held-out rows, more is better; NaN where its training diverged.
        epochs: how many epochs it was to train for by then.
        best_epoch: the epoch whose parameters were scored, counted from 0.
        diverged: whether its training left the finite numbers.
        loss: of each epoch it trained, on the training rows.
        held_out_loss: likewise after each epoch, where it was taken.
        fit_seconds: its share of the time that its stack trained.
        score_seconds: its share of the time that its stack was scored.
    """

    setting: int
    split: int
    repeat: int
    rung: int
    score: float
    epochs: int
    best_epoch: int
    diverged: bool
    loss: tuple[float, ...]
    held_out_loss: tuple[float, ...]
    fit_seconds: float
    score_seconds: float

    @property
    def key(self) -> Key:
        """What names the member among those of its sweep."""
        return (self.setting, self.split, self.repeat)

    def as_json(self) -> dict[str, Any]:
        """As JSON can hold it; what is not finite becomes ``None``."""
        return {name: _finite(value) for name, value in dataclasses.asdict(self).items()}

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Self:
        """The reverse of `as_json`.

        Raises:
            TypeError: for other than these attributes.
        """
        curves = {name: tuple(map(_number, entry[name])) for name in ("loss", "held_out_loss")}
        return cls(**{**entry, **curves, "score": _number(entry["score"])})


def _finite(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: float | None) -> float:
    return math.nan if value is None else value
