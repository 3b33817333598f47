"""Parts of our own training step, recorded as the step is: what it cannot be faster than."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

import mlpcore as mc
from mlpcore.functions.affine import affine, affine_input_gradient, affine_weight_gradient
from mlpcore.functions.updates import adam

from ..cases import Training
from .tasks import Task, timed
from .worker import Worker, main

#: How often a plan is replayed before it is timed, so that it has tried out its threads.
TRIALS = 32


class PartsTask(Task):
    """The chain of `cases.training.product_figures`, and behind it Adam's update.

    Every member reads the same batch, no row is gathered, and no activation or loss stands between
    the products.

    Args:
        case: the step.
        update: whether the parameters are updated.
    """

    def __init__(self, case: Training, update: bool):
        self.case, self.problem, self.update = case, case.problem(), update

    def prepare(self) -> None:
        case = self.case
        self.net = mc.MLP(case.sizes, members=case.members, backend="cpu")
        self.moments = [np.zeros_like(self.net.parameters) for _ in range(2)]
        self.gradient = np.zeros_like(self.net.parameters)
        self.plan = self.net.backend.plan()
        self._record(self.problem.x[: case.batch])
        self.plan.finish()
        self._restart()
        self.plan.run(0, TRIALS)

    def check(self) -> Iterable[float]:
        self._restart()
        self.plan.run(0, 1)
        return [float(np.linalg.norm(view["weight"])) for view in self._views(self.gradient)]

    def round(self, count: int) -> float:
        """Behind as many steps as an epoch has, like those of the networks."""
        self._restart()
        steps = self.case.batches
        epoch = partial(self.plan.run, 0, steps)
        epoch()
        return timed(epoch, count) / steps

    def _restart(self) -> None:
        for parameter, start in zip(self.net.weights, self.problem.weights):
            parameter[...] = start
        for array in (*self.net.biases, *self.moments):
            array[...] = 0

    def _views(self, flat: np.ndarray) -> Iterator[dict[str, Any]]:
        return (view for view in self.net.layout.views(flat) if "weight" in view)

    def _record(self, batch: np.ndarray) -> None:
        symbol = self.plan.symbol
        layers = [
            {name: symbol(array) for name, array in view.items()}
            for view in self._views(self.net.parameters)
        ]
        z = [symbol(batch)]
        for layer in layers:
            z.append(affine(z[-1], layer["weight"], layer["bias"]))
        dz = z.pop()
        gradients = list(self._views(self.gradient))
        while layers:
            layer, gradient = layers.pop(), gradients.pop()
            affine_weight_gradient(z.pop(), dz, out=symbol(gradient["weight"]))
            if layers:
                dz = affine_input_gradient(dz, layer["weight"])
        if self.update:
            theta, *moments = map(symbol, (self.net.parameters, *self.moments))
            adam(
                theta,
                symbol(self.gradient),
                None,
                None,
                *moments,
                learning_rate=self.case.rate,
                step=1,
                out=(theta, *moments),
            )


if __name__ == "__main__":
    update = "update" in sys.argv[1:]
    main(Worker(("numpy", "scipy"), {Training.kind: partial(PartsTask, update=update)}))
