"""The best setting trained once more, on all rows that were not given for scoring alone."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from mlpcore.experiments.records import Record
from mlpcore.experiments.result import SweepResult
from mlpcore.experiments.study import Study
from mlpcore.training import DivergenceError


def refitted(study: Study, result: SweepResult) -> SweepResult:
    """The result with its best network, where there is a best setting and its training succeeds."""
    best = result.best_index
    if best is None:
        return result
    recipe, problem = study.recipes[best], study.problem
    if study.seeds is not None:
        recipe = replace(recipe, seed=study.seeds[0])
    network = recipe.build((problem.inputs, *recipe.hidden, problem.outputs), problem.backend)
    records = [record for record in result.records if record.setting == best]
    try:
        history = network.fit(
            problem.X,
            problem.y,
            rows=study.rows,
            sample_weight=problem.weight,
            class_weight=recipe.class_weight,
            optimizer=recipe.optimizer,
            batch_size=recipe.batch_size,
            epochs=_epochs(study, records),
            shuffle=recipe.shuffle,
            progress=False,
        )
    except DivergenceError as fault:
        warnings.warn(
            f"the best setting, {result.best_params}, has no network: on all rows its {fault}",
            RuntimeWarning,
            stacklevel=3,
        )
        return result
    return result if history.stopped == "interrupted" else replace(result, best_network=network)


def _epochs(study: Study, records: list[Record]) -> int:
    """The setting's own, or with early stopping those that were best on average."""
    if study.problem.stopping is None:
        return study.recipes[records[0].setting].epochs
    return round(float(np.mean([record.best_epoch + 1 for record in records])))
