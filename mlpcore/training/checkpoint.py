"""Checkpoints of a training run: when they are made, what is in them, and how a run goes on."""

from __future__ import annotations

import json
import os
import reprlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpcore.backend.checks import at_least_0, whole_number

if TYPE_CHECKING:
    from mlpcore.training.trainer import Trainer


@dataclass(frozen=True)
class Checkpoint:
    """Keep a training run in a directory, so that it can go on where it was cut off.

    The same call of ``fit`` goes on from the newest checkpoint, and ends in the same bits as if it
    had never been cut off; on a GPU within rounding, since another process may find other products
    the fastest. ``epochs``, ``callbacks`` and ``progress`` may differ; another network, other data
    or other settings are refused. A run that has ended comes back as it ended, or goes on where
    ``epochs`` ask for more. To begin anew, take another directory.

    Each checkpoint is a file that is there whole or not at all. Where the newest is damaged the one
    before is taken, with a warning. A disk that is full costs the checkpoint, with a warning, and
    not the training.

    Args:
        path: the directory, made where it is missing; one run each.
        every: epochs from one to the next, above 0; 0.25 makes four an epoch. There is always one
            at the end.
        keep: how many of the last to keep.

    >>> Checkpoint("run", every=0.5).keep
    3
    """

    path: str | os.PathLike[str]
    every: float = 1.0
    keep: int = 3

    def __post_init__(self) -> None:
        at_least_0("every", self.every, above=True)
        whole_number("keep", self.keep)


class Keeper:
    """Checkpointing at work.

    Args:
        rule: where and how often.
        fingerprint: what the run is, as JSON can hold it; another is refused.
        steps: of an epoch.
    """

    def __init__(self, rule: Checkpoint, fingerprint: dict[str, Any], steps: int):
        from mlpcore.io.checkpoints import Checkpoints

        self._files = Checkpoints(rule.path, rule.keep)
        self._fingerprint = json.loads(json.dumps(fingerprint))
        self._steps = steps
        self._stride = max(1, round(rule.every * steps))

    def next_step(self, epochs: int, done: int) -> int:
        """The step of an epoch, the last at most, before which the next checkpoint is due."""
        next_one = ((epochs * self._steps + done) // self._stride + 1) * self._stride
        return min(next_one - epochs * self._steps, self._steps)

    def is_due(self, epochs: int) -> bool:
        """Whether a checkpoint is due after so many epochs."""
        return epochs * self._steps % self._stride == 0

    def save(self, trainer: Trainer) -> None:
        """Write a checkpoint; where that fails, warn."""
        description = {"training": self._fingerprint, "ending": trainer.ending}
        try:
            self._files.save(trainer.state.updates, description, trainer.memory())
        except OSError as fault:
            warnings.warn(
                f"a checkpoint could not be written ({fault}); training goes on without it",
                RuntimeWarning,
                stacklevel=2,
            )

    def resume(self, trainer: Trainer) -> None:
        """Go on from the newest checkpoint, if there is one.

        Raises:
            ValueError: for checkpoints of another training.
        """
        newest = self._files.newest()
        if newest is None:
            return
        description, memory = newest
        changed = _difference(description["training"], self._fingerprint)
        if changed is not None:
            name, then, now = changed
            raise ValueError(
                f"{self._files.directory}: got checkpoints of a training with {name} "
                f"{reprlib.repr(then)}, expected {reprlib.repr(now)} as it is now; go on with the "
                "settings of then, or use another directory"
            )
        trainer.recall(memory, description["ending"])


def _difference(then: Any, now: Any, name: str = "") -> tuple[str, Any, Any] | None:
    """The first entry in which two fingerprints differ, and both its values."""
    if not (isinstance(then, dict) and isinstance(now, dict)):
        return None if then == now else (name, then, now)
    for key in {**now, **then}:
        changed = _difference(then.get(key), now.get(key), f"{name}.{key}" if name else key)
        if changed is not None:
            return changed
    return None
