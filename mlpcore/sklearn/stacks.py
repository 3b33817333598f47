"""Many estimators trained as one stack, each as it would be trained alone."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcore.backend import kernels
from mlpcore.experiments.cost import Cost, partition
from mlpcore.experiments.stacking import merged, structure
from mlpcore.mlp import MLP
from mlpcore.sklearn.descent import batch_size, batches, optimizer
from mlpcore.sklearn.examples import Examples
from mlpcore.sklearn.held_out import HeldOut
from mlpcore.sklearn.penalty import Penalty, epoch_strength
from mlpcore.training import DivergenceError, Epoch, State, fit
from mlpcore.training.callbacks import checked
from mlpcore.training.data import Data, prepare
from mlpcore.training.evaluate import evaluate

#: The most estimators in one stack.
MAX_MEMBERS = 64


@dataclass
class Pending:
    """An estimator that is ready to be trained on some rows of a data set.

    Attributes:
        estimator: with its network, untrained.
        examples: those that it trains on, its own part.
        held_out: those that its early stopping goes by, or ``None``.
        rows: the numbers of its rows in the whole data set.
        failed: whether its training left the finite numbers.
    """

    estimator: Any
    examples: Examples
    held_out: HeldOut | None
    rows: np.ndarray
    failed: bool = False

    @property
    def training(self) -> np.ndarray:
        """The rows that it trains on, by their numbers in the whole data set."""
        return self._numbers(self.examples)

    @property
    def watched(self) -> np.ndarray:
        """The rows held out, likewise."""
        return self.rows[:0] if self.held_out is None else self._numbers(self.held_out.examples)

    def _numbers(self, examples: Examples) -> np.ndarray:
        return self.rows if examples.rows is None else self.rows[examples.rows]


def can_be_stacked(estimator: Any) -> bool:
    """Whether an estimator's training can share a stack: SGD or Adam that nobody watches."""
    steady = estimator.solver == "adam" or estimator.learning_rate == "constant"
    watched = estimator.verbose or checked(estimator.callbacks) or estimator.scoring is not None
    return estimator._is_stochastic and steady and not watched and not estimator.warm_start


def stacks(pending: Iterable[Pending]) -> list[list[Pending]]:
    """Those that train together: alike in all that a stack shares, their widths close."""
    groups: dict[Hashable, list[Pending]] = {}
    for one in pending:
        groups.setdefault(_kind(one), []).append(one)
    return [
        together[start : start + MAX_MEMBERS]
        for group in groups.values()
        for together in _by_width(group)
        for start in range(0, len(together), MAX_MEMBERS)
    ]


def _kind(one: Pending) -> Hashable:
    estimator, network = one.estimator, one.estimator.network_
    settings, own = network.settings, optimizer(estimator)
    hidden = network.sizes[1:-1]
    return (
        (network.sizes[0], len(hidden), network.sizes[-1], settings.output, str(settings.loss)),
        (settings.normalization, settings.dtype, network.backend.name),
        hidden if settings.normalization == "layer" else None,
        (own.rule.name, structure(own)),
        (batch_size(estimator, len(one.examples)), estimator.max_iter, estimator.shuffle),
        (len(one.training), len(one.watched), one.examples.weight is None),
        getattr(estimator, "label_smoothing", None),
    )


def _by_width(group: Sequence[Pending]) -> list[list[Pending]]:
    by_width: dict[tuple[int, ...], list[Pending]] = {}
    for one in group:
        by_width.setdefault(one.estimator.network_.sizes[1:-1], []).append(one)
    first = group[0]
    inputs, *_, outputs = first.estimator.network_.sizes
    rows, epochs = len(first.examples), first.estimator.max_iter
    size, steps = batch_size(first.estimator, rows), batches(first.estimator, rows)
    cost = Cost(inputs, outputs, size, steps, epochs, kernels.threads())
    widths, alike = list(by_width), list(by_width.values())
    chosen = partition(widths, list(map(len, alike)), cost.stack)
    return [[one for place in places for one in alike[place]] for places in chosen]


def train(together: Sequence[Pending], whole: Examples) -> bool:
    """Train estimators of one stack on rows of the whole data set.

    Returns:
        Whether all of them converged.
    """
    first = together[0].estimator
    stack = MLP.stack([one.estimator.network_ for one in together])
    state = State(stack, merged([optimizer(one.estimator) for one in together]))
    weight = _weights(together, len(whole))
    watch = _Watch(together, state, whole, weight)
    diverged: Iterable[int] = ()
    try:
        with warnings.catch_warnings():
            # A member that diverges is a fit that failed, and failures are told of together.
            warnings.filterwarnings("ignore", "of members", RuntimeWarning)
            history = fit(
                stack,
                whole.x,
                whole.target,
                sample_weight=weight,
                rows=np.stack([one.training for one in together]),
                batch_size=batch_size(first, len(together[0].examples)),
                epochs=first.max_iter,
                shuffle=first.shuffle,
                callbacks=(watch.observe,),
                progress=False,
                state=state,
            )
        if history.stopped == "interrupted":
            raise KeyboardInterrupt
        diverged = history.diverged
    except DivergenceError as fault:
        diverged = fault.history.diverged
    watch.settle()
    for number, one in enumerate(together):
        watch.hand_over(number, one, stack)
        one.failed = number in diverged and not one.estimator.early_stopping
    return not state.active.any()


def _weights(together: Sequence[Pending], rows: int) -> np.ndarray | None:
    """The weights of all rows, ``(E, rows)``; of those that a member does not use, 0."""
    if together[0].examples.weight is None:
        return None
    weight = np.zeros((len(together), rows))
    for own, one in zip(weight, together):
        own[one.training] = one.examples.weight
        if one.held_out is not None:
            own[one.watched] = one.held_out.examples.weight
    return weight


class _Watch:
    """The convergence of each member, by scikit-learn's rule; who has converged leaves."""

    def __init__(
        self,
        together: Sequence[Pending],
        state: State,
        whole: Examples,
        weight: np.ndarray | None,
    ):
        estimators = [one.estimator for one in together]
        self._state = state
        self._tol = np.array([estimator.tol for estimator in estimators])
        self._patience = np.array([estimator.n_iter_no_change for estimator in estimators])
        first = together[0]
        self._reports = [one.estimator._loss_report(one.examples) for one in together]
        steps = batches(first.estimator, len(first.examples))
        strengths = [
            epoch_strength(one.estimator.alpha, steps, one.examples.total) for one in together
        ]
        self._penalty = Penalty(state.network, np.array(strengths))
        self._best = np.full(len(together), np.inf)
        self._waited = np.zeros(len(together), dtype=int)
        self._losses: list[np.ndarray] = []
        self._held_out: Data | None = None
        self._held_out_losses: list[np.ndarray] = []
        self._scores: list[np.ndarray] = []
        self._metric = first.estimator._metric
        to_numpy = state.network.backend.to_numpy
        self._kept = [np.array(to_numpy(buffer)) for buffer in state.buffers.values]
        if first.held_out is not None:
            self._held_out_reports = [
                one.estimator._loss_report(one.held_out.examples)
                for one in together
                if one.held_out
            ]
            rows = np.stack([one.watched for one in together])
            self._held_out = prepare(state.network, whole.x, whole.target, weight, None, rows)

    def observe(self, epoch: Epoch) -> None:
        """Take an epoch in."""
        network, active = self._state.network, self._state.active
        loss = np.array([report(loss) for report, loss in zip(self._reports, epoch.loss)])
        self._losses.append(loss + self._penalty())
        figure = self._losses[-1]
        if self._held_out is not None:
            losses, scores = evaluate(network, self._held_out, (self._metric,))
            self._held_out_losses.append(
                np.array([report(own) for report, own in zip(self._held_out_reports, losses)])
            )
            self._scores.append(scores[self._metric])
            figure = -scores[self._metric]
        self._waited = np.where(figure > self._best - self._tol, self._waited + 1, 0)
        improved = active & (figure < self._best)
        self._best = np.where(improved, figure, self._best)
        if self._held_out is not None:
            for kept, buffer in zip(self._kept, self._state.buffers.values):
                kept[improved] = network.backend.to_numpy(buffer)[improved]
        self._state.active &= self._waited <= self._patience

    def settle(self) -> None:
        """With early stopping give every member its best values back."""
        if self._held_out is not None:
            network = self._state.network
            for kept, buffer in zip(self._kept, self._state.buffers.values):
                buffer[...] = network.backend.asarray(kept, network.dtype)

    def hand_over(self, number: int, one: Pending, stack: MLP) -> None:
        """Fill in the fitted attributes of a member's estimator."""
        estimator = one.estimator
        estimator.network_ = stack[number]
        losses = np.array([losses[number] for losses in self._losses])
        epochs = int(np.isfinite(losses).sum())
        estimator.loss_curve_ = losses[:epochs].tolist()
        estimator.n_iter_, estimator.t_ = epochs, epochs * len(one.examples)
        estimator.loss_ = estimator.loss_curve_[-1] if epochs else np.nan
        if self._held_out is None:
            estimator.best_loss_ = float(self._best[number])
            return
        held_out, scores = self._held_out_losses[:epochs], self._scores[:epochs]
        estimator.validation_loss_curve_ = [float(losses[number]) for losses in held_out]
        estimator.validation_scores_ = [float(score[number]) for score in scores]
        estimator.best_validation_score_ = -float(self._best[number])
