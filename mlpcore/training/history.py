"""What a training run was like, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlpcore.network import Network
from mlpcore.training.memory import Memory, part


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures; for a stack each is an array ``(E,)``.

    A member that trains no more has no loss, learning rate and gradient norm, which are NaN; of the
    figures that are measured after the epoch it keeps the last.

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


_LISTS = ("loss", "validation_loss", "learning_rate", "gradient_norm", "seconds")
_METRICS = ("metrics", "validation_metrics")


@dataclass(repr=False)
class History:
    """Lists with one entry an epoch, named as in `Epoch`.

    The numbers of epochs below are places in these lists.

    Attributes:
        best_epoch: the epoch with the best monitored figure: a number, or ``(E,)`` for a stack.
        stopped: why training ended: ``"epochs"``, ``"early stopping"``, ``"callback"``,
            ``"interrupted"`` or ``"diverged"``.
        diverged: the members whose training diverged, and the epoch in which each did.
        monitored_best: the best epoch by early stopping's figure, where there is early stopping.

    It is shown by the last losses, those of a stack by the least and the greatest:

    >>> History(loss=[np.array([0.5, 0.75]), np.array([0.25, 0.5])])
    History(2 epochs, loss=0.25 to 0.5, stopped='epochs')
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

    def memory(self) -> Memory:
        """All lists as arrays, and who diverged when."""
        every = {
            **{name: getattr(self, name) for name in _LISTS},
            **{f"{kind}.{name}": own for kind in _METRICS for name, own in self._of(kind).items()},
        }
        diverged = np.array(sorted(self.diverged.items()), dtype=np.int64).reshape(-1, 2)
        arrays = {name: np.array(own, dtype=np.float64) for name, own in every.items()}
        return {**arrays, "diverged": diverged}

    def recall(self, memory: Memory) -> None:
        """Take over what `memory` gave."""
        for name in _LISTS:
            setattr(self, name, _listed(memory[name]))
        for kind in _METRICS:
            own = {name: _listed(array) for name, array in part(memory, kind).items()}
            setattr(self, kind, own)
        self.diverged = {int(member): int(epoch) for member, epoch in memory["diverged"]}

    def _of(self, kind: str) -> dict[str, list[Any]]:
        own: dict[str, list[Any]] = getattr(self, kind)
        return own

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

    def __repr__(self) -> str:
        losses = {name: getattr(self, name) for name in ("loss", "validation_loss")}
        said = [f"{name}={_last(own)}" for name, own in losses.items() if own]
        return ", ".join([f"History({len(self)} epochs", *said, f"stopped={self.stopped!r})"])

    def __len__(self) -> int:
        return len(self.loss)


def _last(figures: list[Any]) -> str:
    """The last epoch's figure; for a stack the least and the greatest that is one."""
    last = np.asarray(figures[-1])
    last = last[~np.isnan(last)]
    ends = dict.fromkeys(f"{end:.4g}" for end in (last.min(), last.max())) if last.size else ["nan"]
    return " to ".join(ends)


def _listed(array: np.ndarray) -> list[Any]:
    """Floats for a single network, arrays ``(E,)`` for a stack."""
    return array.tolist() if array.ndim == 1 else list(array)
