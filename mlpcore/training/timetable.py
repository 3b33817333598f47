"""The timetable of an epoch: the order of the rows, and what changes from step to step."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcore.backend.devices import HOST
from mlpcore.backend.random import permutation
from mlpcore.training.batches import Batches
from mlpcore.training.buffers import Buffers
from mlpcore.training.data import Data
from mlpcore.training.schedules import Constant
from mlpcore.training.state import State


class Timetable:
    """What changes from step to step, laid out for a whole epoch before it runs.

    It lies on the host, wherever the network does; a device's plan copies what many steps need.

    Attributes:
        order: the rows in use in the order of the epoch, ``(m,)`` or ``(E, m)``.
        rates: the learning rate of each step, ``(steps,)`` or ``(steps, E)``.
        counts: the number of each update, ``(steps,)``, from 1.
        losses: room for the loss of each step, ``(steps,)`` or ``(steps, E)``.
        penalties: where the rows of a batch share the L2 penalty, its strength in each step,
            ``(steps,)`` or ``(steps, E)``; else ``None``.
    """

    def __init__(
        self,
        buffers: Buffers,
        data: Data,
        batches: Batches,
        shuffle: bool,
        places: np.ndarray,
        recorded: bool,
    ):
        """``places`` are the members' numbers in the stack that the state describes."""
        network, optimizer = buffers.network, buffers.optimizer
        self._identity, self._places = network.identity, places
        self._batches = batches
        self._weight = None if data.weight is None else network.backend.to_numpy(data.weight)
        # A single batch is the same in any order.
        self._shuffle = shuffle and batches.steps > 1
        stack = () if network.members is None else (network.members,)
        rows = np.arange(batches.rows) if data.rows is None else data.rows
        self._rows = np.array(rows, np.int64, order="C")
        self.order = np.array(np.broadcast_to(self._rows, (*stack, batches.rows)), order="C")
        self._once, self._alike = self._identity, None
        if stack:
            once, alike = network.identity.distinct()
            if len(once.seeds) < len(self.order):
                self._once, self._alike = once, alike
        self._epoch = np.zeros((), dtype=np.int64)
        self._shuffler = self._record() if recorded and self._shuffle and HOST.records else None
        self.rates = np.zeros((batches.steps, *stack))
        self._constant = isinstance(optimizer.schedule, Constant)
        if self._constant:
            self.rates[...] = optimizer.schedule(0.0)
        sizes = np.full(batches.steps, float(batches.size))
        sizes[batches.full :] = batches.last
        self._sizes = sizes.reshape(-1, *(1,) * len(stack))
        self._row_shares = self._sizes / batches.rows
        self._numbers = np.arange(1, batches.steps + 1, dtype=np.int64)
        self.counts = self._numbers.copy()
        self.losses = np.zeros((batches.steps, *stack), dtype=network.dtype)
        self._l2 = optimizer.l2
        self.penalties = np.zeros_like(self.rates) if optimizer.l2_shared else None
        if self.penalties is not None:
            self.penalties[...] = self._l2 / self._sizes

    def lay_out(self, state: State, done: int = 0) -> None:
        """Fill in the order, rates and counts of an epoch of which so many steps are done."""
        if self._shuffle:
            self._reorder(state.epochs)
        steps = self._batches.steps
        if not self._constant:
            for step in range(steps):
                self.rates[step] = self._rate(state, state.epochs + step / steps)
        np.add(self._numbers, state.updates - done, out=self.counts)
        if self.penalties is not None and self._weight is not None:
            weights = self._weights()
            nothing = weights == 0
            self.penalties[...] = np.where(nothing, 0.0, self._l2 / np.where(nothing, 1.0, weights))

    def _reorder(self, epoch: int) -> None:
        """Shuffle the rows of each member; those of one identity by the same draws."""
        if self._alike is None:
            if self._shuffler is None:
                permutation(self._rows, epoch=epoch, out=self.order, **self._identity.keys)
            else:
                self._epoch[...] = epoch
                self._shuffler.run(0, 1)
            return
        numbers = np.arange(self._batches.rows)
        shuffled = np.empty((len(self._once.seeds), len(numbers)), np.int64)
        permutation(numbers, epoch=epoch, out=shuffled, **self._once.keys)
        every = np.broadcast_to(self._rows, self.order.shape)
        for rows, alike, order in zip(every, self._alike, self.order):
            np.take(rows, shuffled[alike], out=order, mode="clip")  # unchecked, so unbuffered

    def _record(self) -> Any:
        plan = HOST.plan()
        rows, order, epoch = map(plan.symbol, (self._rows, self.order, self._epoch))
        permutation(rows, epoch=epoch, out=order, **self._identity.keys)
        plan.finish()
        return plan

    def _rate(self, state: State, time: float) -> float | np.ndarray:
        rate = state.rate(time)
        return rate[self._places] if isinstance(rate, np.ndarray) else rate

    def loss(self) -> np.ndarray:
        """The weighted mean of the epoch's losses, ``()`` or ``(E,)``."""
        mean: np.ndarray = np.vecdot(self.shares().T, self.losses.T)
        return mean

    def shares(self) -> np.ndarray:
        """Each batch's share of the epoch's weight, in a shape that meets `losses`."""
        if self._weight is None:
            return self._row_shares
        weights = self._weights()
        total = np.sum(weights, axis=0)
        shares: np.ndarray = weights / np.where(total == 0, 1.0, total)
        return shares

    def _weights(self) -> np.ndarray:
        """The sum of each batch's weights, ``(steps,)`` or ``(steps, E)``."""
        assert self._weight is not None
        every = (*self.order.shape[:-1], self._weight.shape[-1])
        weight = np.broadcast_to(self._weight, every)
        ordered = np.take_along_axis(weight, self.order, axis=-1)
        starts = np.arange(0, self._batches.rows, self._batches.size)
        sums: np.ndarray = np.add.reduceat(ordered, starts, axis=-1, dtype=np.float64).T
        return sums
