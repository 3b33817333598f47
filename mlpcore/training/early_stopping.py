"""Early stopping: end where a figure no longer improves, and keep the best parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcore.backend.checks import whole_number
from mlpcore.training.buffers import copy_members
from mlpcore.training.history import Epoch
from mlpcore.training.memory import Memory, joined
from mlpcore.training.state import State


@dataclass(frozen=True)
class EarlyStopping:
    """Stop after ``patience`` epochs without an improvement by more than ``min_delta``.

    The best parameters and running statistics are restored at the end, for each member its own.

    Args:
        patience: how many epochs to wait, at least 1.
        min_delta: the least change that counts, in the figure's own unit.
        monitor: ``"validation_loss"``, ``"loss"``, or a metric, ``"validation_accuracy"`` or
            ``"accuracy"``; a loss should fall, a metric should rise.

    Source: Prechelt (1998), "Early stopping - but when?", criterion UP in its simplest form.

    >>> EarlyStopping(patience=5).monitor
    'validation_loss'
    """

    patience: int = 10
    min_delta: float = 0.0
    monitor: str = "validation_loss"

    def __post_init__(self) -> None:
        whole_number("patience", self.patience)
        if not self.min_delta >= 0:
            raise ValueError(f"got min_delta={self.min_delta}, expected at least 0")

    @property
    def metric(self) -> str | None:
        """The metric that is monitored, or ``None`` for a loss."""
        name = self.monitor.removeprefix("validation_")
        return None if name == "loss" else name

    @property
    def on_validation(self) -> bool:
        """Whether the figure is one of the validation data."""
        return self.monitor.startswith("validation_")

    def figure(self, epoch: Epoch) -> np.ndarray:
        """The monitored figure, ``(E,)`` or ``(1,)``, turned so that lower is better."""
        if self.metric is None:
            value = epoch.validation_loss if self.on_validation else epoch.loss
        else:
            figures = epoch.validation_metrics if self.on_validation else epoch.metrics
            value = -figures[self.metric]
        return np.atleast_1d(np.asarray(value, dtype=np.float64))


class Watch:
    """Early stopping at work: the best so far of each member, and how long ago it was."""

    def __init__(self, rule: EarlyStopping, state: State):
        members = state.active.shape
        self._rule = rule
        self._state = state
        self._first = state.epochs
        self._best = np.full(members, np.inf)
        self._waited = np.zeros(members, dtype=int)
        self._kept = state.buffers.snapshot()[:2]
        self._epoch = np.zeros(members, dtype=int)

    @property
    def best(self) -> Any:
        """The epoch of each member's best figure: a number, or ``(E,)`` for a stack."""
        single = self._state.network.members is None
        return int(self._epoch[0]) if single else self._epoch.copy()

    def observe(self, epoch: Epoch) -> None:
        """Note an epoch; members that waited too long are no longer active."""
        figure = self._rule.figure(epoch)
        improved = (figure < self._best - self._rule.min_delta) & self._state.active
        self._best = np.where(improved, figure, self._best)
        self._waited = np.where(improved, 0, self._waited + 1)
        self._epoch[improved] = epoch.index - self._first
        copy_members(self._state.buffers.values, self._kept, improved)
        self._state.active &= self._waited < self._rule.patience

    def restore(self) -> None:
        """Give every member its best parameters back."""
        ever = np.isfinite(self._best)
        copy_members(self._kept, self._state.buffers.values, ever)

    def memory(self) -> Memory:
        """What was best so far, and when, copied to the host."""
        to_numpy = self._state.network.backend.to_numpy
        own = {"best": self._best, "waited": self._waited, "epoch": self._epoch}
        kept = {str(place): np.array(to_numpy(array)) for place, array in enumerate(self._kept)}
        return {**{name: value.copy() for name, value in own.items()}, **joined(kept=kept)}

    def recall(self, memory: Memory) -> None:
        """Take over what `memory` gave."""
        self._best, self._waited = memory["best"], memory["waited"]
        self._epoch = memory["epoch"]
        network = self._state.network
        for place, array in enumerate(self._kept):
            array[...] = network.backend.asarray(memory[f"kept.{place}"], network.dtype)
