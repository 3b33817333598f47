"""L-BFGS for an estimator."""

from __future__ import annotations

import math
from typing import Any

from sklearn.utils.optimize import _check_optimize_result

from mlpcore.sklearn.examples import Examples
from mlpcore.sklearn.penalty import Penalty
from mlpcore.training import Epoch
from mlpcore.training.callbacks import call, checked
from mlpcore.training.lbfgs import lbfgs
from mlpcore.training.progress import Bar


def minimise(estimator: Any, examples: Examples) -> None:
    """Train by L-BFGS on all examples at once, and fill in the fitted attributes."""
    if estimator.weight_decay or estimator.clip_norm is not None:
        raise ValueError(
            f'got solver="lbfgs" with weight_decay={estimator.weight_decay} and '
            f"clip_norm={estimator.clip_norm}, expected neither; they belong to steps along one "
            "gradient, use alpha"
        )
    network, callbacks = estimator.network_, checked(estimator.callbacks)
    l2 = estimator.alpha / examples.total
    penalty, report = Penalty(network, 0.5 * l2), estimator._loss_report(examples)

    def reported(loss: float) -> float:
        own = float(penalty())
        return float(report(loss - own)) + own

    bar = Bar(estimator.max_iter, estimator.progress)
    ended = False

    def observe(number: int, loss: float, norm: float) -> bool:
        nonlocal ended
        loss = reported(loss)
        estimator.loss_curve_.append(loss)
        if estimator.verbose:
            print(f"Iteration {number + 1}, loss = {loss:.8f}")
        epoch = Epoch(
            index=number,
            loss=loss,
            validation_loss=None,
            metrics={},
            validation_metrics={},
            learning_rate=math.nan,
            gradient_norm=norm,
            seconds=math.nan,
            network=network,
        )
        bar.advance(epoch)
        ended = call(callbacks, epoch)
        return ended

    try:
        result = lbfgs(
            network,
            examples.x,
            examples.target,
            l2=l2,
            iterations=estimator.max_iter,
            evaluations=estimator.max_fun,
            tolerance=estimator.tol,
            sample_weight=examples.weight,
            callback=observe,
        )
    finally:
        bar.close()
    estimator.loss_ = reported(float(result.fun))
    if ended:
        estimator.n_iter_ = int(result.nit)
    else:
        estimator.n_iter_ = int(_check_optimize_result("lbfgs", result, estimator.max_iter))
