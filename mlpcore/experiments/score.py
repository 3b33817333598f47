"""The metric by which a network is judged: more is better."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcore.backend.names import choose
from mlpcore.experiments.problem import Metric, Problem
from mlpcore.mlp import MLP
from mlpcore.training.data import prepare
from mlpcore.training.evaluate import METRICS, evaluate, metric_names

#: The loss counts negatively, so that more is better here too.
LOSS = "loss"


def checked_metric(metric: Metric | None, network: MLP) -> Metric:
    """The metric asked for, or the usual one for the network's targets.

    Raises:
        ValueError: for an unknown name, or a metric that does not fit the network's output.
    """
    if metric is None:
        return "accuracy" if network.head.target in ("labels", "shares") else "r2"
    if callable(metric):
        return metric
    choose("metric", metric, dict.fromkeys((*METRICS, LOSS)))
    if metric != LOSS:
        metric_names(network, metric)
    return metric


def metric_name(metric: Metric) -> str:
    """What to call a metric.

    >>> metric_name("loss"), metric_name(len)
    ('loss', 'len')
    """
    return metric if isinstance(metric, str) else getattr(metric, "__name__", type(metric).__name__)


def scores(problem: Problem, stack: MLP, held_out: np.ndarray) -> np.ndarray:
    """The score of each member on its own rows ``(E, m)``, as float64 ``(E,)``."""
    if callable(problem.metric):
        own = (
            problem.metric(stack[member], problem.X[rows], problem.y[rows])
            for member, rows in enumerate(held_out)
        )
        return np.fromiter(map(float, own), dtype=np.float64, count=len(held_out))
    data = prepare(stack, problem.X, problem.y, problem.weight, None, held_out)
    names = () if problem.metric == LOSS else (problem.metric,)
    with np.errstate(all="ignore"):  # a member that diverged may be left with huge parameters
        loss, figures = evaluate(stack, data, names)
    found: Any = figures[problem.metric] if names else -loss
    return np.asarray(found, dtype=np.float64)
