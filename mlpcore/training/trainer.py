"""The one fit loop: epochs of steps until they are done or something ends them."""

from __future__ import annotations

import time
import warnings

import numpy as np

from mlpcore.training.callbacks import Callback
from mlpcore.training.crew import Crew, Job, whole_crew
from mlpcore.training.early_stopping import EarlyStopping, Watch
from mlpcore.training.errors import DivergenceError
from mlpcore.training.figures import figures
from mlpcore.training.history import Epoch, History
from mlpcore.training.progress import Bar, Progress
from mlpcore.training.rewind import rewind
from mlpcore.training.state import State

#: The longest that one replay may keep Ctrl-C waiting, in seconds.
LONGEST_REPLAY = 0.25


class Trainer:
    """A training run: the state, the crew that advances it, and who is told about it."""

    def __init__(
        self,
        state: State,
        job: Job,
        *,
        metrics: tuple[str, ...],
        stopping: EarlyStopping | None,
        callbacks: tuple[Callback, ...],
    ):
        self.state, self.job = state, job
        self.metrics, self.callbacks = metrics, callbacks
        self.crew = whole_crew(state, job)
        self.watch = None if stopping is None else Watch(stopping, state)
        self.history = History()
        self._entered = int(state.active.sum())
        self._kept = self.crew.buffers.snapshot()
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
            self.crew.hand_over(self.state)
            if self.watch is not None:
                self.watch.restore()
                history.monitored_best = self.watch.best
        return history

    def _epoch(self) -> Epoch:
        """One pass over the data, and the figures it leaves.

        Whatever leaves the finite numbers is found by its value, so NumPy need not warn of it.
        """
        with np.errstate(all="ignore"):
            return self._one_epoch(time.perf_counter())

    def _one_epoch(self, start: float) -> Epoch:
        if self.crew.is_thin(self.state.active):
            self._form_crew(np.flatnonzero(self.state.active))
        state, crew = self.state, self.crew
        crew.timetable.lay_out(state)
        self._kept = crew.buffers.snapshot(self._kept)
        active = state.active[crew.places]
        stopped = self._replay(active)
        failed = active & ((stopped >= 0) | ~crew.buffers.finite())
        if failed.any():
            self._leave_out(failed)
        state.updates += self.job.batches.steps
        state.epochs += 1
        crew.hand_over(state)
        return figures(crew, state, self.history, self.metrics, start)

    def _form_crew(self, places: np.ndarray) -> None:
        self.crew.hand_over(self.state)
        self.crew = Crew(self.state, self.job, places)
        self._kept = self.crew.buffers.snapshot()
        self._piece = 1

    def _replay(self, active: np.ndarray) -> np.ndarray:
        """All steps of the epoch, in pieces short enough for Ctrl-C; who stopped, and where."""
        steps = self.job.batches.steps
        active, stopped = active.copy(), np.full(active.shape, -1)
        first = 0
        while first < steps and active.any():
            last = min(first + self._piece, steps)
            start = time.perf_counter()
            stopped = np.maximum(stopped, self.crew.step.run(first, last, active))
            active &= stopped < 0
            seconds = max(time.perf_counter() - start, 1e-7)
            self._piece = max(
                1, min(8 * self._piece, int((last - first) * LONGEST_REPLAY / seconds))
            )
            first = last
        return stopped

    def _leave_out(self, failed: np.ndarray) -> None:
        """Members of the crew that diverged keep their last finite parameters and leave.

        Raises:
            DivergenceError: where every member that was to train has diverged.
        """
        crew, epoch = self.crew, self.state.epochs
        broken = rewind(crew.buffers, crew.step, self._kept, failed, self.job.batches.steps)
        members = {int(crew.places[place]): step for place, step in broken.items()}
        self.state.active[crew.places[failed]] = False
        self.history.diverged |= dict.fromkeys(members, len(self.history))
        place, step = min(broken.items(), key=lambda item: item[1])
        rate = np.broadcast_to(crew.timetable.rates[step], failed.shape)[place]
        message = (
            f"training diverged in epoch {epoch}, step {step}: the loss or an update was NaN or "
            f"infinite at learning rate {rate:g}; the last finite parameters are kept. Likely the "
            "learning rate is too large or the features are not scaled: lower the rate, "
            "standardise X, or set clip_norm in the optimizer"
        )
        if len(self.history.diverged) == self._entered:
            self.history.stopped = "diverged"
            raise DivergenceError(message, epoch, step, self.history)
        warnings.warn(f"of members {sorted(members)}, {message}", RuntimeWarning, stacklevel=7)

    def _ending(self, epoch: Epoch) -> str:
        """Why training ends after this epoch, or nothing."""
        self.state.rate.observe(
            epoch.loss if epoch.validation_loss is None else epoch.validation_loss
        )
        if self.watch is not None:
            self.watch.observe(epoch)
        wishes = [callback(epoch) is True for callback in self.callbacks]
        if not self.state.active.any():
            return "early stopping"
        return "callback" if any(wishes) else ""
