"""The members at work, and what they work on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mlpcore.training.batches import Batches
from mlpcore.training.data import Data
from mlpcore.training.state import State
from mlpcore.training.step import FunctionalStep, RecordedStep
from mlpcore.training.timetable import Timetable

#: A crew is formed anew once no more than this share of it still trains: it costs a recording.
WORTH_FORMING = 0.75


@dataclass(frozen=True)
class Job:
    """What a training run works on, from its beginning to its end.

    Attributes:
        data: to train on.
        validation: to measure on after each epoch, or ``None``.
        batches: how an epoch is cut.
        shuffle: whether each epoch has an order of its own.
        recorded: whether steps are recorded and replayed.
    """

    data: Data
    validation: Data | None
    batches: Batches
    shuffle: bool
    recorded: bool

    def select(self, places: np.ndarray) -> Job:
        """The same for some members of a stack."""
        validation = None if self.validation is None else self.validation.select(places)
        return replace(self, data=self.data.select(places), validation=validation)


class Crew:
    """The members at work, as a stack of their own: those that left cost nothing any more.

    A single network and a whole stack work in place, in the state's own memory. Any others work on
    copies, until `hand_over`.

    Attributes:
        places: ``(E',)``, the members' numbers in the whole stack.
        buffers: what their updates change.
        job: their data.
        timetable: the epoch's.
        step: what runs it.
    """

    def __init__(self, state: State, job: Job, places: np.ndarray):
        whole = len(places) == state.active.size
        self.places = places
        self.buffers = state.buffers if whole else state.buffers.select(places)
        self.job = job if whole else job.select(places)
        data, batches = self.job.data, job.batches
        self.timetable = Timetable(self.buffers, data, batches, job.shuffle, places, job.recorded)
        step = RecordedStep if job.recorded else FunctionalStep
        self.step = step(self.buffers, data, self.timetable, batches)

    def is_thin(self, active: np.ndarray) -> bool:
        """Whether so few of it are still ``active``, ``(E,)``, that forming another one pays."""
        if len(self.places) == 1:
            return False
        staying = int(np.count_nonzero(active[self.places]))
        return 0 < staying <= WORTH_FORMING * len(self.places)

    def hand_over(self, state: State) -> None:
        """Write what the members have become back into the whole stack."""
        if self.buffers is not state.buffers:
            state.buffers.write_back(self.buffers, self.places)
