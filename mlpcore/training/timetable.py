"""The timetable of an epoch: the order of the rows, and what changes from step to step."""

from __future__ import annotations

import numpy as np

from mlpcore.backend.random import permutation
from mlpcore.network import Network
from mlpcore.training.batches import Batches
from mlpcore.training.data import Data
from mlpcore.training.schedules import Constant
from mlpcore.training.state import State


class Timetable:
    """What changes from step to step, laid out for a whole epoch before it runs.

    Attributes:
        order: the rows in use in the order of the epoch, ``(m,)`` or ``(E, m)``.
        rates: the learning rate of each step, ``(steps,)`` or ``(steps, E)``.
        counts: the number of each update, ``(steps,)``, from 1.
        losses: room for the loss of each step, ``(steps,)`` or ``(steps, E)``.
    """

    def __init__(
        self, network: Network, data: Data, batches: Batches, shuffle: bool, places: np.ndarray
    ):
        """``places`` are the members' numbers in the stack that the state describes."""
        self._identity, self._places = network.identity, places
        self._batches = batches
        self._weight = None if data.weight is None else network.backend.to_numpy(data.weight)
        self._shuffle = shuffle
        stack = () if network.members is None else (network.members,)
        rows = np.arange(batches.rows, dtype=np.int64) if data.rows is None else data.rows
        self._rows = np.ascontiguousarray(np.broadcast_to(rows, (*stack, batches.rows)))
        self.order = self._rows.copy()
        if stack:
            self._once, self._alike = network.identity.distinct()
        self.rates = np.zeros((batches.steps, *stack))
        sizes = np.full(batches.steps, float(batches.size))
        sizes[batches.full :] = batches.last
        self._row_shares = (sizes / batches.rows).reshape(-1, *(1,) * len(stack))
        self.counts = np.zeros(batches.steps, dtype=np.int64)
        self.losses = np.zeros((batches.steps, *stack), dtype=network.dtype)

    def lay_out(self, state: State, done: int = 0) -> None:
        """Fill in the order, rates and counts of an epoch of which so many steps are done."""
        if self._shuffle:
            self._reorder(state.epochs)
        steps = self._batches.steps
        if isinstance(state.rate, Constant):
            self.rates[...] = self._rate(state, 0.0)
        else:
            for step in range(steps):
                self.rates[step] = self._rate(state, state.epochs + step / steps)
        first = state.updates - done + 1
        self.counts[...] = np.arange(first, first + steps)

    def _reorder(self, epoch: int) -> None:
        """Shuffle the rows of each member; those of one identity by the same draws."""
        if self.order.ndim < 2 or len(self._once.seeds) == len(self.order):
            permutation(self._rows, epoch=epoch, out=self.order, **self._identity.keys)
            return
        shape = (len(self._once.seeds), self._batches.rows)
        numbers = np.ascontiguousarray(np.broadcast_to(np.arange(shape[1]), shape))
        shuffled = permutation(numbers, epoch=epoch, **self._once.keys)
        for rows, alike, order in zip(self._rows, self._alike, self.order):
            np.take(rows, shuffled[alike], out=order, mode="clip")  # unchecked, so unbuffered

    def _rate(self, state: State, time: float) -> float | np.ndarray:
        rate = state.rate(time)
        return rate[self._places] if isinstance(rate, np.ndarray) else rate

    def shares(self) -> np.ndarray:
        """Each batch's share of the epoch's weight, in a shape that meets `losses`."""
        if self._weight is None:
            return self._row_shares
        every = (*self.order.shape[:-1], self._weight.shape[-1])
        weight = np.broadcast_to(self._weight, every)
        ordered = np.take_along_axis(weight, self.order, axis=-1)
        starts = np.arange(0, self._batches.rows, self._batches.size)
        sums = np.add.reduceat(ordered, starts, axis=-1, dtype=np.float64).T
        total = np.sum(sums, axis=0)
        shares: np.ndarray = sums / np.where(total == 0, 1.0, total)
        return shares
