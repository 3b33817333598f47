"""All that training changes: parameters, statistics, moments, counts and the started schedule."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mlpcore.network import Network
from mlpcore.training.buffers import Buffers
from mlpcore.training.memory import Memory, joined, part
from mlpcore.training.optimizers import Optimizer
from mlpcore.training.schedules import Schedule


@dataclass
class State:
    """What the next update starts from; `mlpcore.training.fit` goes on from it, and updates it.

    Args:
        network: what is trained.
        optimizer: with the hyperparameters of all the training to come.

    Attributes:
        rate: the optimizer's schedule, started, with what it remembers.
        updates: how many updates have been made.
        epochs: how many epochs have been done; one that Ctrl-C cut short is none.
        buffers: the parameters, the running statistics and the optimizer's moments.
        active: ``(E,)``, or ``(1,)`` for a single network: the members that still train.

    Raises:
        ValueError: for hyperparameters of another number of members.

    >>> import numpy as np
    >>> import mlpcore as mc
    >>> from mlpcore.training import State, fit
    >>> X, y = np.eye(4), np.array([0, 1, 1, 0])
    >>> once, twice = mc.MLP([4, 3, 2]), mc.MLP([4, 3, 2])
    >>> _ = fit(once, X, y, optimizer=mc.Adam(), epochs=5)
    >>> state = State(twice, mc.Adam())
    >>> _ = fit(twice, X, y, epochs=3, state=state), fit(twice, X, y, epochs=2, state=state)
    >>> np.array_equal(once.parameters, twice.parameters), state.epochs, state.updates
    (True, 5, 5)
    """

    network: Network
    optimizer: Optimizer
    rate: Schedule = field(init=False)
    updates: int = field(default=0, init=False)
    epochs: int = field(default=0, init=False)
    buffers: Buffers = field(init=False, repr=False)
    active: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        network = self.network
        self.optimizer.check_members(network.members)
        self.rate = self.optimizer.schedule.start()
        self.active = np.ones(network.members or 1, dtype=bool)
        self.buffers = Buffers(network, self.optimizer)

    def memory(self) -> Memory:
        """All of it, copied to the host."""
        counts = {"updates": np.array(self.updates), "epochs": np.array(self.epochs)}
        buffers, rate = self.buffers.memory(), self.rate.memory()
        return {**counts, "active": self.active.copy(), **joined(buffers=buffers, rate=rate)}

    def recall(self, memory: Memory) -> None:
        """Take over what `memory` gave."""
        self.updates, self.epochs = int(memory["updates"]), int(memory["epochs"])
        self.active[...] = memory["active"]
        self.buffers.recall(part(memory, "buffers"))
        self.rate.recall(part(memory, "rate"))
