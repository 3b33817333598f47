"""Stochastic descent of an estimator's network: SGD or Adam, carried on from call to call."""

from __future__ import annotations

import warnings
from typing import Any

from mlpcore.sklearn.examples import Examples
from mlpcore.sklearn.held_out import HeldOut
from mlpcore.sklearn.monitor import Monitor
from mlpcore.sklearn.pace import Pace
from mlpcore.training import SGD, Adam, DivergenceError, Optimizer, State, fit
from mlpcore.training.progress import Bar


class Descent:
    """What `partial_fit` goes on from.

    Attributes:
        state: the network, the moments and the counts.
        finished: whether early stopping has ended it.
    """

    def __init__(self, estimator: Any):
        self.state = State(estimator.network_, optimizer(estimator))
        self.finished = False
        self._best: list[Any] = []
        self.keep()

    @property
    def learning_rate(self) -> float:
        """The rate of the next epoch."""
        return float(self.state.rate(0.0))

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        # Here the rate multiplies the velocity, in scikit-learn it is part of it and stays there.
        for moment in self.state.buffers.moments:
            moment *= self.learning_rate / rate
        assert isinstance(self.state.rate, Pace)
        self.state.rate.set(rate)

    def keep(self) -> None:
        """Remember the network's values as the best."""
        xp = self.state.network.backend.xp
        self._best = [xp.asarray(buffer, copy=True) for buffer in self._values]

    def give_back(self) -> None:
        """Give the network its best values."""
        for buffer, kept in zip(self._values, self._best):
            buffer[...] = kept

    def run(
        self, estimator: Any, examples: Examples, held_out: HeldOut | None, epochs: int
    ) -> Monitor:
        """Train for so many epochs, or until the estimator's rules end it.

        Raises:
            ValueError: where the loss or the parameters left the finite numbers; with early
                stopping that only ends the training.
        """
        size = batch_size(estimator, len(examples))
        if size != estimator.batch_size != "auto":
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped",
                stacklevel=6,
            )
        bar = Bar(epochs, estimator.progress)
        steps = batches(estimator, len(examples))
        monitor = Monitor(estimator, self, examples, held_out, steps, bar)
        try:
            history = fit(
                estimator.network_,
                examples.x,
                examples.target,
                batch_size=size,
                epochs=epochs,
                shuffle=estimator.shuffle,
                sample_weight=examples.weight,
                callbacks=(monitor.observe,),
                progress=False,
                state=self.state,
            )
        except DivergenceError as fault:
            monitor.diverged(fault)
        else:
            if history.stopped == "interrupted":
                monitor.ended = True
                warnings.warn("Training interrupted by user.", stacklevel=5)
        finally:
            bar.close()
        return monitor

    @property
    def _values(self) -> list[Any]:
        network = self.state.network
        return [network.parameters, network.statistics.flat]


def optimizer(estimator: Any) -> Optimizer:
    """The optimizer that an estimator's parameters describe."""
    common = {
        "l2": estimator.alpha,
        "l2_shared": True,
        "weight_decay": estimator.weight_decay,
        "clip_norm": estimator.clip_norm,
    }
    rate = estimator.learning_rate_init
    if estimator.solver == "adam":
        decays = {"beta1": estimator.beta_1, "beta2": estimator.beta_2}
        return Adam(rate, **decays, epsilon=estimator.epsilon, **common)
    return SGD(
        rate if estimator.learning_rate == "constant" else Pace(rate),
        momentum=estimator.momentum,
        nesterov=estimator.nesterovs_momentum and estimator.momentum > 0,
        **common,
    )


def batch_size(estimator: Any, rows: int) -> int:
    """The rows of a batch; more than there are means all."""
    return min(200 if estimator.batch_size == "auto" else int(estimator.batch_size), rows)


def batches(estimator: Any, rows: int) -> int:
    """How many batches an epoch has."""
    return -(-rows // batch_size(estimator, rows))
