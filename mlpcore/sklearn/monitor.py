"""What happens after each epoch: figures noted and shown, the pace changed, the end found."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sklearn.exceptions import ConvergenceWarning

from mlpcore.sklearn.examples import Examples
from mlpcore.sklearn.held_out import HeldOut
from mlpcore.sklearn.penalty import Penalty, epoch_strength
from mlpcore.training import DivergenceError, Epoch
from mlpcore.training.callbacks import call, checked
from mlpcore.training.progress import Bar

if TYPE_CHECKING:
    from mlpcore.sklearn.descent import Descent

#: What "adaptive" divides the learning rate by, and the rate at which it gives up.
DIVISOR, SMALLEST = 5.0, 1e-6

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)


def warn_of_haste(max_iter: int) -> None:
    """Say that ``max_iter`` came before convergence."""
    warnings.warn(
        f"Stochastic Optimizer: Maximum iterations ({max_iter}) reached and the optimization "
        "hasn't converged yet.",
        ConvergenceWarning,
        stacklevel=5,
    )


class Monitor:
    """Watches a descent for an estimator, and fills in its fitted attributes.

    Attributes:
        converged: whether the estimator's rule found nothing more to gain.
        ended: whether that, a callback or the user ended the training.
    """

    def __init__(
        self,
        estimator: Any,
        descent: Descent,
        examples: Examples,
        held_out: HeldOut | None,
        steps: int,
        bar: Bar,
    ):
        self.converged = self.ended = False
        self._estimator, self._descent = estimator, descent
        self._examples, self._held_out, self._bar = examples, held_out, bar
        self._callbacks = checked(estimator.callbacks)
        self._reported = estimator._loss_report(examples)
        if held_out is not None:
            self._reported_there = estimator._loss_report(held_out.examples)
        strength = epoch_strength(estimator.alpha, steps, examples.total)
        self._penalty = Penalty(estimator.network_, strength)
        estimator.n_iter_ = 0

    def observe(self, epoch: Epoch) -> bool:
        """Take an epoch in; whether training ends."""
        estimator = self._estimator
        loss = self._reported(epoch.loss) + float(self._penalty())
        self._note(loss)
        figure = loss
        if self._held_out is not None:
            epoch = self._measure(epoch)
            if estimator.early_stopping:
                figure = -estimator.validation_scores_[-1]
        improved = estimator._convergence.observe(figure, estimator.tol)
        if estimator.early_stopping:
            if improved:
                self._descent.keep()
        else:
            estimator.best_loss_ = estimator._convergence.best
        if estimator.solver == "sgd" and estimator.learning_rate == "invscaling":
            self._descent.learning_rate = (
                estimator.learning_rate_init / (estimator.t_ + 1) ** estimator.power_t
            )
        if estimator._convergence.waited > estimator.n_iter_no_change:
            self.converged = self._gives_up()
        self._bar.advance(epoch)
        wished = call(self._callbacks, epoch)
        self.ended = self.converged or wished
        return self.ended

    def diverged(self, fault: DivergenceError) -> None:
        """Note an epoch that left the finite numbers.

        Raises:
            ValueError: unless early stopping has better parameters to give back.
        """
        estimator = self._estimator
        if not estimator.early_stopping:
            raise ValueError(f"{NOT_FINITE} {fault}") from fault
        self._note(math.nan)
        estimator.validation_loss_curve_.append(math.nan)
        estimator.validation_scores_.append(math.nan)
        self.converged = self.ended = True

    def _note(self, loss: float) -> None:
        estimator = self._estimator
        estimator.n_iter_ += 1
        estimator.t_ += len(self._examples)
        estimator.loss_ = loss
        estimator.loss_curve_.append(loss)
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")

    def _measure(self, epoch: Epoch) -> Epoch:
        """The epoch with the figures of the held-out examples."""
        estimator, held_out = self._estimator, self._held_out
        assert held_out is not None
        loss, score = held_out.measure(estimator, epoch.network)
        loss = self._reported_there(loss)
        estimator.validation_loss_curve_.append(loss)
        estimator.validation_scores_.append(score)
        best = estimator.best_validation_score_
        estimator.best_validation_score_ = score if score > best else best
        if estimator.verbose:
            print(f"Validation score: {score:f}")
        return replace(epoch, validation_loss=loss, validation_metrics={"score": score})

    def _gives_up(self) -> bool:
        """After too long without progress: end, or with "adaptive" go on more slowly."""
        estimator, descent = self._estimator, self._descent
        what = "Validation score" if estimator.early_stopping else "Training loss"
        message = (
            f"{what} did not improve more than tol={estimator.tol:f} for "
            f"{estimator.n_iter_no_change} consecutive epochs."
        )
        ends = True
        if estimator.solver != "sgd" or estimator.learning_rate != "adaptive":
            message += " Stopping."
        elif descent.learning_rate <= SMALLEST:
            message += " Learning rate too small. Stopping."
        else:
            descent.learning_rate /= DIVISOR
            estimator._convergence.waited = 0
            message += f" Setting learning rate to {descent.learning_rate:f}"
            ends = False
        if estimator.verbose:
            print(message)
        return ends
