"""The one fit loop: epochs of steps until they are done or something ends them."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np

from mlpcore.functions.updates import gradient_norm
from mlpcore.training.batches import Batches
from mlpcore.training.callbacks import Callback
from mlpcore.training.data import Data
from mlpcore.training.early_stopping import EarlyStopping, Watch
from mlpcore.training.errors import DivergenceError
from mlpcore.training.evaluate import evaluate
from mlpcore.training.history import Epoch, History
from mlpcore.training.progress import Bar, Progress
from mlpcore.training.rewind import rewind
from mlpcore.training.state import State
from mlpcore.training.step import FunctionalStep, RecordedStep
from mlpcore.training.timetable import Timetable

#: The longest that one replay may keep Ctrl-C waiting, in seconds.
LONGEST_REPLAY = 0.25


class Trainer:
    """A training run: the state, the step that advances it, and who is told about it."""

    def __init__(
        self,
        state: State,
        data: Data,
        batches: Batches,
        *,
        shuffle: bool,
        validation: Data | None,
        metrics: tuple[str, ...],
        stopping: EarlyStopping | None,
        callbacks: tuple[Callback, ...],
        recorded: bool,
    ):
        self.state, self.network = state, state.network
        self.data, self.validation = data, validation
        self.metrics, self.callbacks = metrics, callbacks
        self.batches = batches
        self.timetable = Timetable(state, data, batches, shuffle)
        step = RecordedStep if recorded else FunctionalStep
        self.step = step(state, data, self.timetable, batches)
        self.watch = None if stopping is None else Watch(stopping, state)
        self.history = History()
        self._entered = int(state.active.sum())
        self._kept = state.snapshot()
        self._piece = 1

    def run(self, epochs: int, progress: Progress) -> History:
        """Train for so many epochs at most."""
        history = self.history
        bar = Bar(epochs, progress)
        try:
            for _ in range(epochs):
                epoch = self._epoch()
                history.append(epoch)
                bar.advance(epoch)
                ending = self._ending(epoch)
                if ending:
                    history.stopped = ending
                    break
        except KeyboardInterrupt:
            history.stopped = "interrupted"
        finally:
            bar.close()
            if self.watch is not None:
                self.watch.restore()
                history.monitored_best = self._per_member(self.watch.best_epoch)
        return history

    def _epoch(self) -> Epoch:
        """One pass over the data, and the figures it leaves.

        Whatever leaves the finite numbers is found by its value, so NumPy need not warn of it.
        """
        with np.errstate(all="ignore"):
            return self._one_epoch(time.perf_counter())

    def _one_epoch(self, start: float) -> Epoch:
        state, timetable = self.state, self.timetable
        trained = state.active.copy()
        timetable.lay_out()
        self._kept = state.snapshot(self._kept)
        stopped = self._replay()
        failed = trained & ((stopped >= 0) | ~state.finite())
        if failed.any():
            self._leave_out(failed)
        state.updates += self.batches.steps
        state.epochs += 1
        return self._figures(trained, start)

    def _replay(self) -> np.ndarray:
        """All steps of the epoch, in pieces short enough for Ctrl-C; who stopped, and where."""
        active = self.state.active.copy()
        stopped = np.full(active.shape, -1)
        first = 0
        while first < self.batches.steps and active.any():
            last = min(first + self._piece, self.batches.steps)
            start = time.perf_counter()
            stopped = np.maximum(stopped, self.step.run(first, last, active))
            active &= stopped < 0
            seconds = max(time.perf_counter() - start, 1e-7)
            self._piece = max(
                1, min(8 * self._piece, int((last - first) * LONGEST_REPLAY / seconds))
            )
            first = last
        return stopped

    def _leave_out(self, failed: np.ndarray) -> None:
        """Members that diverged keep their last finite parameters and train no further.

        Raises:
            DivergenceError: where every member that was to train has diverged.
        """
        epoch = self.state.epochs
        broken = rewind(self.state, self.step, self._kept, failed, self.batches.steps)
        self.state.active &= ~failed
        self.history.diverged |= dict.fromkeys(broken, len(self.history))
        member, step = min(broken.items(), key=lambda item: item[1])
        rate = np.broadcast_to(self.timetable.rates[step], failed.shape)[member]
        message = (
            f"training diverged in epoch {epoch}, step {step}: the loss or an update was NaN or "
            f"infinite at learning rate {rate:g}; the last finite parameters are kept. Likely the "
            "learning rate is too large or the features are not scaled: lower the rate, "
            "standardise X, or set clip_norm in the optimizer"
        )
        if len(self.history.diverged) == self._entered:
            self.history.stopped = "diverged"
            raise DivergenceError(message, epoch, step, self.history)
        warnings.warn(f"of members {sorted(broken)}, {message}", RuntimeWarning, stacklevel=7)

    def _figures(self, trained: np.ndarray, start: float) -> Epoch:
        validation_loss: Any = None
        validation_metrics: dict[str, Any] = {}
        metrics: dict[str, Any] = {}
        if self.validation is not None:
            validation_loss, validation_metrics = evaluate(
                self.network, self.validation, self.metrics
            )
        if self.metrics:
            metrics = evaluate(self.network, self.data, self.metrics)[1]
        losses = np.atleast_1d(np.sum(self.timetable.shares() * self.timetable.losses, axis=0))
        norm = gradient_norm(self.step.gradient, self.state.theta, None)
        return Epoch(
            index=self.state.epochs - 1,
            loss=self._per_member(np.where(trained, losses, np.nan)),
            validation_loss=validation_loss,
            metrics=metrics,
            validation_metrics=validation_metrics,
            learning_rate=self._per_member(self.timetable.rates[-1]),
            gradient_norm=self._per_member(
                np.where(trained, self.network.backend.to_numpy(norm), np.nan)
            ),
            seconds=time.perf_counter() - start,
            network=self.network,
        )

    def _ending(self, epoch: Epoch) -> str:
        """Why training ends after this epoch, or nothing."""
        self.state.rate.observe(
            epoch.loss if epoch.validation_loss is None else epoch.validation_loss
        )
        if self.watch is not None:
            self.watch.observe(epoch)
            if not self.state.active.any():
                return "early stopping"
        wishes = [callback(epoch) is True for callback in self.callbacks]
        return "callback" if any(wishes) else ""

    def _per_member(self, values: Any) -> Any:
        """A number for a single network, an array ``(E,)`` for a stack."""
        array = np.array(values, dtype=np.asarray(values).dtype)
        return array.reshape(-1)[0].item() if self.network.members is None else array
