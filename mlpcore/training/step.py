"""One training step: gather a batch, forward, loss, backward, update.

The step is written once, in `Step.differentiate` and `Step.update`, with primitives only. Called
with arrays it runs, on any array library; called with symbols it is recorded into a plan.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from mlpcore.backend.dispatch import Array
from mlpcore.functions.activations import identity
from mlpcore.functions.gather import gather_rows
from mlpcore.functions.updates import gradient_norm
from mlpcore.layers import Pass
from mlpcore.training.batches import Batches
from mlpcore.training.buffers import Buffers
from mlpcore.training.data import Data, features_of, gather_targets, gather_weights
from mlpcore.training.timetable import Timetable


class Step(ABC):
    """What a step reads and writes, and the two halves of its mathematics.

    Attributes:
        gradient: the gradient of the last step, ``(..., P)``.
        kept: what the buffers held when `keep` was called last, or at first.
    """

    def __init__(self, buffers: Buffers, data: Data, timetable: Timetable, batches: Batches):
        network = buffers.network
        self.buffers, self.data, self.timetable, self.batches = buffers, data, timetable, batches
        self.gradient = network.backend.zeros(tuple(buffers.theta.shape), network.dtype)
        self.kept = buffers.snapshot()
        common = buffers.optimizer.common
        penalised = any(np.any(np.asarray(common[name])) for name in ("l2", "weight_decay"))
        mask = network.layout.mask(("weight",))
        self.mask = network.backend.asarray(mask, network.dtype) if penalised else None

    @abstractmethod
    def run(self, first: int, last: int, active: np.ndarray) -> np.ndarray:
        """Steps ``first`` to ``last - 1``; for each member -1, or the step it stopped at."""

    @abstractmethod
    def keep(self) -> None:
        """Copy the buffers as they are, to take back what steps from here on break."""

    @abstractmethod
    def finite(self) -> np.ndarray:
        """For each member whether all its parameters and statistics are finite numbers."""

    @abstractmethod
    def gradient_norm(self) -> Any:
        """The 2-norm of the last gradient on the host, ``()`` or ``(E,)``; after `finite`."""

    def differentiate(
        self,
        batch: tuple[Any, Any, Any],
        p: Any,
        s: Any,
        g: Any,
        count: Any,
        loss: Any,
        guard: Callable[[Any], None],
    ) -> None:
        """Forward, loss and backward; ``guard`` sees the loss before anything is changed."""
        network = self.buffers.network
        run = Pass(training=True, draws=network.identity.keys, step=count)
        x, target, weight = batch
        logits, saved = network.propagate(x, p, s, run)
        value, dz = network.loss_function.value_and_gradient(
            logits, target, weight, out=(loss, None), **network.loss_settings
        )
        guard(value)
        for layer, kept, statistics in zip(network.layers, saved, s):
            layer.settle(kept, statistics)
        network.backpropagate(dz, saved, p, g, run)

    def update(
        self,
        theta: Any,
        gradient: Any,
        mask: Any,
        moments: list[Any],
        rate: Any,
        count: Any,
        penalty: Any,
    ) -> None:
        """The optimizer's rule over the flat buffer, in place; ``penalty`` may replace its L2's."""
        optimizer = self.buffers.optimizer
        common = optimizer.common | ({} if penalty is None else {"l2": penalty})
        norm = None
        if common["clip_norm"] is not None:
            norm = gradient_norm(
                gradient, theta, mask, l2=common["l2"], clip_value=common["clip_value"]
            )
        optimizer.rule(
            theta,
            gradient,
            mask,
            norm,
            *moments,
            learning_rate=rate,
            step=count,
            out=(theta, *moments),
            **common,
            **optimizer.hyperparameters,
        )


class FunctionalStep(Step):
    """The step run call by call: the reference, and the way for every array library."""

    def run(self, first: int, last: int, active: np.ndarray) -> np.ndarray:
        """Steps ``first`` to ``last - 1``; for each member -1, or the step it stopped at."""
        active = active.copy()
        stopped = np.full(active.shape, -1)
        for step in range(first, last):
            if not active.any():
                break
            self._run(step, active, stopped)
        return stopped

    def keep(self) -> None:
        """Copy the buffers as they are, to take back what steps from here on break."""
        self.buffers.snapshot(self.kept)

    def finite(self) -> np.ndarray:
        """For each member whether all its parameters and statistics are finite numbers."""
        return self.buffers.finite()

    def gradient_norm(self) -> Any:
        """The 2-norm of the last gradient on the host, ``()`` or ``(E,)``."""
        norm = gradient_norm(self.gradient, self.buffers.theta, None)
        return self.buffers.network.backend.to_numpy(norm)

    def _run(self, step: int, active: np.ndarray, stopped: np.ndarray) -> None:
        buffers, timetable, network = self.buffers, self.timetable, self.buffers.network
        size = self.batches.size
        data, rows = self.data, timetable.order[..., step * size : (step + 1) * size]
        x, index = features_of(network, data, rows), network.backend.asarray(rows, "int64")
        batch = x, gather_targets(data.target, index), gather_weights(data.weight, index)
        before: list[Array] = []

        def guard(loss: Any) -> None:
            timetable.losses[step, ...] = network.backend.to_numpy(loss)
            failed = active & ~np.isfinite(np.atleast_1d(timetable.losses[step, ...]))
            stopped[failed] = step
            active[failed] = False
            if not active.all():
                before.extend(buffers.snapshot())

        views = network.values.views, network.statistics.views, network.layout.views(self.gradient)
        count = int(timetable.counts[step])
        self.differentiate(batch, *views, count, None, guard)
        rate, penalties = timetable.rates[step, ...], timetable.penalties
        self.update(
            buffers.theta,
            self.gradient,
            self.mask,
            buffers.moments,
            _plain(rate),
            count,
            None if penalties is None else _plain(penalties[step, ...]),
        )
        if before:
            buffers.restore(before, ~active)


class RecordedStep(Step):
    """The step recorded once for each batch shape and replayed by the backend."""

    def __init__(self, buffers: Buffers, data: Data, timetable: Timetable, batches: Batches):
        super().__init__(buffers, data, timetable, batches)
        self._full = self._record(batches.size, batches.full)
        self._last = self._record(batches.last, 1) if batches.last else None
        self._keep = self._record_copies()
        self._measure = self._record_norms()

    def run(self, first: int, last: int, active: np.ndarray) -> np.ndarray:
        """Steps ``first`` to ``last - 1``; for each member -1, or the step it stopped at."""
        full = self.batches.full
        stopped: np.ndarray
        if first < full:
            stopped = self._full.run(first, min(last, full), active)
        else:
            stopped = np.full(active.shape, -1)
        if self._last is not None and last > full:
            tail = self._last.run(full, full + 1, active & (stopped < 0))
            stopped = np.where(stopped < 0, tail, stopped)
        return stopped

    def keep(self) -> None:
        """Copy the buffers as they are, to take back what steps from here on break."""
        self._keep.run(0, 1)

    def finite(self) -> np.ndarray:
        """For each member whether all its parameters and statistics are finite numbers."""
        finite: np.ndarray = self._measure.run(0, 1) < 0
        # A norm of finite numbers may overflow; only then is it worth a look at each of them.
        return finite if np.count_nonzero(finite) == finite.size else self.buffers.finite()

    def gradient_norm(self) -> Any:
        """The 2-norm of the last gradient on the host, ``()`` or ``(E,)``, by `finite`."""
        return self.buffers.network.backend.to_numpy(self._norm)

    def _record_copies(self) -> Any:
        plan = self.buffers.network.backend.plan()
        for array, kept in zip(self.buffers.arrays, self.kept, strict=True):
            if array.shape[-1]:
                identity(plan.symbol(array), out=plan.symbol(kept))
        plan.finish()
        return plan

    def _record_norms(self) -> Any:
        """The gradient's, and those of what has to stay finite, where a member stops if not."""
        network = self.buffers.network
        plan = network.backend.plan()
        self._norm = network.backend.zeros(tuple(self.gradient.shape[:-1]), network.dtype)
        gradient = plan.symbol(self.gradient)
        gradient_norm(gradient, gradient, None, out=plan.symbol(self._norm))
        for array in self.buffers.values:
            if array.shape[-1]:
                values = plan.symbol(array)
                plan.stop_if_not_finite(gradient_norm(values, values, None))
        plan.finish()
        return plan

    def _record(self, rows: int, steps: int) -> Any:
        buffers, timetable, network = self.buffers, self.timetable, self.buffers.network
        plan = network.backend.plan(steps)
        symbol, symbols = plan.symbol, plan.symbols
        index = symbol(timetable.order[..., :rows], self.batches.size * timetable.order.itemsize)
        count = symbol(timetable.counts[0, ...], timetable.counts.strides[0])
        rate = symbol(timetable.rates[0, ...], timetable.rates.strides[0])
        loss = symbol(timetable.losses[0, ...], timetable.losses.strides[0])
        penalties = timetable.penalties
        data = self.data
        if data.streamed:
            x = identity(plan.rows(gather_rows, data.x, index, self.gradient.dtype))
        else:
            x = gather_rows(symbol(data.x), index)
        target = gather_targets(symbol(data.target), index)
        batch = x, target, gather_weights(symbol(data.weight), index)
        self.differentiate(
            batch,
            symbols(network.values.views),
            symbols(network.statistics.views),
            symbols(network.layout.views(self.gradient)),
            count,
            loss,
            plan.stop_if_not_finite,
        )
        self.update(
            symbol(buffers.theta),
            symbol(self.gradient),
            symbol(self.mask),
            [symbol(moment) for moment in buffers.moments],
            rate,
            count,
            None if penalties is None else symbol(penalties[0, ...], penalties.strides[0]),
        )
        plan.finish()
        return plan


def _plain(values: np.ndarray) -> float | np.ndarray:
    return float(values) if values.ndim == 0 else values
