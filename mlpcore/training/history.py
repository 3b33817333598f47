"""What a training run was like, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlpcore.network import Network


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures; for a stack each is an array ``(E,)``.

    Attributes:
        index: from 0, counted on where a training goes on from a state.
        loss: the weighted mean over the epoch's batches, each as it stood before its update.
        validation_loss: on the validation data after the epoch, or ``None``.
        metrics: on the training data after the epoch, as asked for.
        validation_metrics: on the validation data after the epoch.
        learning_rate: of the epoch's last step.
        gradient_norm: the 2-norm of the epoch's last gradient.
        seconds: the wall time of the epoch, validation included.
        network: the network as it is now.
    """

    index: int
    loss: Any
    validation_loss: Any
    metrics: dict[str, Any]
    validation_metrics: dict[str, Any]
    learning_rate: Any
    gradient_norm: Any
    seconds: float
    network: Network = field(repr=False)


@dataclass
class History:
    """Lists with one entry an epoch, named as in `Epoch`.

    The numbers of epochs below are places in these lists.

    Attributes:
        best_epoch: the epoch with the best monitored figure: a number, or ``(E,)`` for a stack.
        stopped: why training ended: ``"epochs"``, ``"early stopping"``, ``"callback"``,
            ``"interrupted"`` or ``"diverged"``.
        diverged: the members whose training diverged, and the epoch in which each did.
        monitored_best: the best epoch by early stopping's figure, where there is early stopping.
    """

    loss: list[Any] = field(default_factory=list)
    validation_loss: list[Any] = field(default_factory=list)
    metrics: dict[str, list[Any]] = field(default_factory=dict)
    validation_metrics: dict[str, list[Any]] = field(default_factory=dict)
    learning_rate: list[Any] = field(default_factory=list)
    gradient_norm: list[Any] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    stopped: str = "epochs"
    diverged: dict[int, int] = field(default_factory=dict)
    monitored_best: Any = None

    def append(self, epoch: Epoch) -> None:
        """Take an epoch's figures in."""
        self.loss.append(epoch.loss)
        if epoch.validation_loss is not None:
            self.validation_loss.append(epoch.validation_loss)
        for mine, its in (
            (self.metrics, epoch.metrics),
            (self.validation_metrics, epoch.validation_metrics),
        ):
            for name, value in its.items():
                mine.setdefault(name, []).append(value)
        self.learning_rate.append(epoch.learning_rate)
        self.gradient_norm.append(epoch.gradient_norm)
        self.seconds.append(epoch.seconds)

    @property
    def best_epoch(self) -> Any:
        """Where the early stopping's figure, else the validation loss, else the loss was best."""
        if self.monitored_best is not None:
            return self.monitored_best
        losses = np.asarray(self.validation_loss or self.loss)
        if not losses.size:
            return None
        best = np.argmin(np.where(np.isnan(losses), np.inf, losses), axis=0)
        return int(best) if best.ndim == 0 else best

    def __len__(self) -> int:
        return len(self.loss)
