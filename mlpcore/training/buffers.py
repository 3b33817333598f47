"""The arrays that an update changes."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcore.backend.dispatch import Array
from mlpcore.network import Network
from mlpcore.network.parameters import Layout
from mlpcore.training.memory import Memory
from mlpcore.training.optimizers import Optimizer


class Buffers:
    """The parameters of a network, its running statistics and its optimizer's moments.

    Attributes:
        network: the network.
        optimizer: what the moments are for.
        arrays: all of them, each ``(..., P)``; the first two are the network's own memory.
    """

    def __init__(self, network: Network, optimizer: Optimizer):
        shape = tuple(network.parameters.shape)
        self.network, self.optimizer = network, optimizer
        self.arrays = [network.parameters, network.statistics.flat] + [
            network.backend.zeros(shape, network.dtype) for _ in range(optimizer.rule.states)
        ]

    @property
    def theta(self) -> Array:
        """The flat parameters."""
        return self.arrays[0]

    @property
    def values(self) -> list[Array]:
        """What the network itself consists of: parameters and running statistics."""
        return self.arrays[:2]

    @property
    def moments(self) -> list[Array]:
        """The optimizer's state."""
        return self.arrays[2:]

    def __getstate__(self) -> dict[str, Any]:
        """Without the network's own memory, which must stay the network's."""
        to_numpy = self.network.backend.to_numpy
        moments = [to_numpy(moment) for moment in self.moments]
        return {"network": self.network, "optimizer": self.optimizer, "moments": moments}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["network"], state["optimizer"])  # type: ignore[misc]
        for mine, moment in zip(self.moments, state["moments"], strict=True):
            mine[...] = self.network.backend.asarray(moment, self.network.dtype)

    @property
    def layouts(self) -> list[Layout]:
        """What lies where in each array."""
        network = self.network
        return [network.layout, network.statistics_layout, *(network.layout for _ in self.moments)]

    def snapshot(self, into: list[Array] | None = None) -> list[Array]:
        """Copies of all arrays, in new memory or in that of an earlier snapshot."""
        if into is None:
            return [self.network.backend.xp.asarray(array, copy=True) for array in self.arrays]
        for kept, array in zip(into, self.arrays, strict=True):
            kept[...] = array
        return into

    def restore(self, snapshot: list[Array], members: np.ndarray) -> None:
        """Write a snapshot back for the members of a boolean mask ``(E,)``."""
        copy_members(snapshot, self.arrays, members)

    def finite(self) -> np.ndarray:
        """For each member whether all its parameters and statistics are finite numbers."""
        xp, to_numpy = self.network.backend.xp, self.network.backend.to_numpy
        arrays = [array for array in self.values if array.shape[-1]]
        sums = sum(to_numpy(xp.sum(array, axis=-1)) for array in arrays)
        finite: np.ndarray = np.atleast_1d(np.isfinite(sums))
        if not finite.all():
            # A sum of finite numbers may overflow; only now is it worth a look at each of them.
            checks = [to_numpy(xp.all(xp.isfinite(array), axis=-1)) for array in arrays]
            finite = np.atleast_1d(np.logical_and.reduce(checks))
        return finite

    def select(self, places: np.ndarray) -> Buffers:
        """Copies for some members of a stack, as a stack of their own."""
        backend = self.network.backend
        some = Buffers(self.network.select(places), self.optimizer.select(places))
        index = backend.asarray(places, "int64")
        for mine, moment in zip(some.moments, self.moments, strict=True):
            taken = backend.xp.take(moment, index, axis=0)
            mine[...] = some.network.layout.adapted(taken, self.network.layout)
        return some

    def write_back(self, some: Buffers, places: np.ndarray) -> None:
        """Take over what `select` gave away."""
        for array, part, mine, its in zip(self.arrays, some.arrays, self.layouts, some.layouts):
            adapted = mine.adapted(part, its)
            for i, place in enumerate(places):
                array[int(place), ...] = adapted[i, ...]

    def memory(self) -> Memory:
        """All arrays, copied to the host, by their places."""
        to_numpy = self.network.backend.to_numpy
        return {str(place): np.array(to_numpy(array)) for place, array in enumerate(self.arrays)}

    def recall(self, memory: Memory) -> None:
        """Take over what `memory` gave."""
        backend, dtype = self.network.backend, self.network.dtype
        for place, array in enumerate(self.arrays):
            array[...] = backend.asarray(memory[str(place)], dtype)


def copy_members(source: list[Array], target: list[Array], members: np.ndarray) -> None:
    """Copy arrays ``(..., P)`` for the members of a mask ``(E,)``, or ``(1,)`` for one net."""
    for old, new in zip(source, target, strict=True):
        if len(old.shape) == 1:
            if members[0]:
                new[...] = old
            continue
        for member in np.flatnonzero(members):
            new[int(member), ...] = old[int(member), ...]
