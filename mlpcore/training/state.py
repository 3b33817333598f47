"""All that training changes: parameters, statistics, moments, counts and the started schedule."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mlpcore.backend.dispatch import Array
from mlpcore.network import Network
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
        epochs: how many epochs have been done.
        buffers: the flat parameters, the running statistics and the optimizer's moments, each
            ``(..., P)``; the first two are the network's own memory.
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
    buffers: list[Array] = field(init=False, repr=False)
    active: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        network = self.network
        self.optimizer.check_members(network.members)
        self.rate = self.optimizer.schedule.start()
        shape = tuple(network.parameters.shape)
        self.active = np.ones(network.members or 1, dtype=bool)
        self.buffers = [network.parameters, network.statistics.flat] + [
            network.backend.zeros(shape, network.dtype) for _ in range(self.optimizer.rule.states)
        ]

    @property
    def theta(self) -> Array:
        """The flat parameters."""
        return self.buffers[0]

    @property
    def moments(self) -> list[Array]:
        """The optimizer's state."""
        return self.buffers[2:]

    def snapshot(self, into: list[Array] | None = None) -> list[Array]:
        """Copies of all buffers, in new memory or in that of an earlier snapshot."""
        if into is None:
            return [self.network.backend.xp.asarray(buffer, copy=True) for buffer in self.buffers]
        for kept, buffer in zip(into, self.buffers, strict=True):
            kept[...] = buffer
        return into

    def restore(self, snapshot: list[Array], members: np.ndarray) -> None:
        """Write a snapshot back for the members of a boolean mask ``(E,)``."""
        copy_members(snapshot, self.buffers, members)

    def finite(self) -> np.ndarray:
        """For each member whether all its parameters and statistics are finite numbers."""
        xp, to_numpy = self.network.backend.xp, self.network.backend.to_numpy
        sums = [np.atleast_1d(to_numpy(xp.sum(buffer, axis=-1))) for buffer in self.buffers[:2]]
        finite: np.ndarray = np.isfinite(sums[0] + sums[1])
        if not finite.all():
            # A sum of finite numbers may overflow; only now is it worth a look at each of them.
            checks = [to_numpy(xp.all(xp.isfinite(b), axis=-1)) for b in self.buffers[:2]]
            finite = np.atleast_1d(np.logical_and(*checks))
        return finite


def copy_members(source: list[Array], target: list[Array], members: np.ndarray) -> None:
    """Copy buffers ``(..., P)`` for the members of a mask ``(E,)``, or ``(1,)`` for one net."""
    for old, new in zip(source, target, strict=True):
        if len(old.shape) == 1:
            if members[0]:
                new[...] = old
            continue
        for member in np.flatnonzero(members):
            new[int(member), ...] = old[int(member), ...]
