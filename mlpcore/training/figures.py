"""The figures of an epoch, from the members at work to the whole stack."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from mlpcore.training.crew import Crew
from mlpcore.training.evaluate import evaluate
from mlpcore.training.history import Epoch, History
from mlpcore.training.state import State


def figures(
    crew: Crew, state: State, history: History, metrics: tuple[str, ...], start: float
) -> Epoch:
    """What an epoch that began at ``start`` has come to.

    A member that trains no more has no loss, rate or gradient, and of the rest what it had last.
    """
    single, working = state.network.members is None, state.active[crew.places]

    def spread(values: Any, last: Any = np.nan) -> Any:
        if single:
            return float(values) if working[0] else last
        whole = np.full(state.active.shape, last, dtype=np.float64)
        whole[crew.places[working]] = np.broadcast_to(values, working.shape)[working]
        return whole

    def spread_all(values: dict[str, Any], last: dict[str, list[Any]]) -> dict[str, Any]:
        return {name: spread(v, *last.get(name, [])[-1:]) for name, v in values.items()}

    network, job, timetable = crew.buffers.network, crew.job, crew.timetable
    validation_loss: Any = None
    validation_metrics: dict[str, Any] = {}
    own: dict[str, Any] = {}
    if job.validation is not None:
        measured, of_validation = evaluate(network, job.validation, metrics)
        validation_loss = spread(measured, *history.validation_loss[-1:])
        validation_metrics = spread_all(of_validation, history.validation_metrics)
    if metrics:
        own = spread_all(evaluate(network, job.data, metrics)[1], history.metrics)
    return Epoch(
        index=state.epochs - 1,
        loss=spread(timetable.loss()),
        validation_loss=validation_loss,
        metrics=own,
        validation_metrics=validation_metrics,
        learning_rate=spread(timetable.rates[-1]),
        gradient_norm=spread(crew.step.gradient_norm()),
        seconds=time.perf_counter() - start,
        network=state.network,
    )
