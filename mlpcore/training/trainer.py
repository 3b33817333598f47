"""The one fit loop: epochs of steps until they are done or something ends them."""

from __future__ import annotations

import time
import warnings

import numpy as np

from mlpcore.training.callbacks import Callback, call
from mlpcore.training.checkpoint import Keeper
from mlpcore.training.crew import Crew, Job
from mlpcore.training.early_stopping import EarlyStopping, Watch
from mlpcore.training.errors import DivergenceError, what_happened
from mlpcore.training.figures import figures
from mlpcore.training.history import Epoch, History
from mlpcore.training.interrupts import Interrupts
from mlpcore.training.memory import Memory, joined, part
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
        keeper: Keeper | None = None,
    ):
        self.state, self.job = state, job
        self.metrics, self.callbacks, self.keeper = metrics, callbacks, keeper
        self.watch = None if stopping is None else Watch(stopping, state)
        self.history = History()
        self.ending = ""
        self._entered = int(state.active.sum())
        self._done = 0
        self._form_crew(np.arange(state.active.size))

    def run(self, epochs: int, progress: Progress) -> History:
        """Train for so many epochs at most."""
        history, keeper = self.history, self.keeper
        if keeper is not None:
            keeper.resume(self)
        bar = Bar(epochs, progress, done=len(history))
        try:
            with Interrupts() as interrupts:
                while len(history) < epochs and not self.ending:
                    epoch = self._epoch()
                    with interrupts.held:
                        self._note(epoch)
                    bar.advance(epoch)
                    self.ending = self._ending(epoch)
                    over = self.ending or len(history) == epochs
                    if keeper is not None and (over or keeper.is_due(len(history))):
                        keeper.save(self)
            history.stopped = self.ending or "epochs"
        except KeyboardInterrupt:
            history.stopped = "interrupted"
        finally:
            bar.close()
            self._settle()
        return history

    def memory(self) -> Memory:
        """All that the rest of the run depends on, copied to the host."""
        self.crew.hand_over(self.state)
        own = {
            "places": self.crew.places,
            "losses": self.crew.timetable.losses[: self._done].copy(),
        }
        watch = {} if self.watch is None else self.watch.memory()
        return joined(
            run=own, state=self.state.memory(), watch=watch, history=self.history.memory()
        )

    def recall(self, memory: Memory, ending: str) -> None:
        """Take over what `memory` gave, and how the run had ended by then, if it had."""
        self.ending = ending
        self.state.recall(part(memory, "state"))
        self.history.recall(part(memory, "history"))
        if self.watch is not None:
            self.watch.recall(part(memory, "watch"))
        own = part(memory, "run")
        self._done = len(own["losses"])
        self._form_crew(own["places"])
        self.crew.timetable.losses[: self._done] = own["losses"]

    @np.errstate(all="ignore")
    def _epoch(self) -> Epoch:
        """One pass over the data, and the figures it leaves.

        Whatever leaves the finite numbers is found by its value, so NumPy need not warn of it.
        """
        start = time.perf_counter()
        state, steps = self.state, self.job.batches.steps
        if self._done == 0 and self.crew.is_thin(state.active):
            self.crew.hand_over(state)
            self._form_crew(np.flatnonzero(state.active))
        self.crew.timetable.lay_out(state, self._done)
        if self.keeper is not None:
            while (stop := self.keeper.next_step(len(self.history), self._done)) < steps:
                self._stretch(stop)
                self.keeper.save(self)
        self._stretch(steps)
        state.epochs, self._done = state.epochs + 1, 0
        self.crew.hand_over(state)
        return figures(self.crew, state, self.history, self.metrics, start)

    def _form_crew(self, places: np.ndarray) -> None:
        self.crew = Crew(self.state, self.job, places)
        self._piece = 1

    def _stretch(self, last: int) -> None:
        """The steps up to ``last``; whoever diverged on them leaves."""
        first, step = self._done, self.crew.step
        step.keep()
        active = self.state.active[self.crew.places]
        stopped = self._replay(last, active)
        good = step.finite() & (stopped < 0)
        if np.count_nonzero(good) == good.size:  # a tenth of what all() takes, every epoch
            return
        failed = active & ~good
        if failed.any():
            self._leave_out(failed, range(first, last))

    def _replay(self, last: int, active: np.ndarray) -> np.ndarray:
        """The steps up to ``last``, in pieces short enough for Ctrl-C; who stopped, and where."""
        stopped = self._replay_piece(last, active)
        while self._done < last:
            active = active & (stopped < 0)
            if not active.any():
                break
            stopped = np.maximum(stopped, self._replay_piece(last, active))
        self._advance(last)
        return stopped

    def _replay_piece(self, last: int, active: np.ndarray) -> np.ndarray:
        first, until = self._done, min(self._done + self._piece, last)
        start = time.perf_counter()
        stopped = self.crew.step.run(first, until, active)
        share = LONGEST_REPLAY / max(time.perf_counter() - start, 1e-7)
        self._piece = max(1, min(8 * self._piece, int((until - first) * share)))
        self._advance(until)
        return stopped

    def _advance(self, step: int) -> None:
        self.state.updates += step - self._done
        self._done = step

    def _leave_out(self, failed: np.ndarray, steps: range) -> None:
        """Members of the crew that diverged keep their last finite parameters and leave.

        Raises:
            DivergenceError: where every member that was to train has diverged.
        """
        crew, epoch = self.crew, self.state.epochs
        broken = rewind(crew.step, failed, steps)
        members = {int(crew.places[place]): step for place, step in broken.items()}
        self.state.active[crew.places[failed]] = False
        self.history.diverged |= dict.fromkeys(members, len(self.history))
        place, step = min(broken.items(), key=lambda item: item[1])
        rate = np.broadcast_to(crew.timetable.rates[step], failed.shape)[place]
        message = what_happened(epoch, step, rate)
        if len(self.history.diverged) == self._entered:
            self.history.stopped = "diverged"
            raise DivergenceError(message, epoch, step, self.history)
        warnings.warn(f"of members {sorted(members)}, {message}", RuntimeWarning, stacklevel=8)

    def _note(self, epoch: Epoch) -> None:
        """Take an epoch into everything that remembers."""
        self.history.append(epoch)
        self.state.rate.observe(
            epoch.loss if epoch.validation_loss is None else epoch.validation_loss
        )
        if self.watch is not None:
            self.watch.observe(epoch)

    def _ending(self, epoch: Epoch) -> str:
        """Why training ends after this epoch, or nothing."""
        wished = call(self.callbacks, epoch)
        if not np.count_nonzero(self.state.active):
            return "early stopping"
        return "callback" if wished else ""

    @np.errstate(all="ignore")
    def _settle(self) -> None:
        """Leave the network in order, wherever training was cut off."""
        buffers = self.crew.buffers
        broken = ~buffers.finite()
        if broken.any():
            buffers.restore(self.crew.step.kept, broken)
        self.crew.hand_over(self.state)
        if self.watch is not None:
            self.watch.restore()
            self.history.monitored_best = self.watch.best
