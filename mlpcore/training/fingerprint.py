"""What a training run is, in a few words: what must be the same for it to go on."""

from __future__ import annotations

import dataclasses
import zlib
from typing import Any

import numpy as np

from mlpcore.backend.memory import to_numpy
from mlpcore.training.crew import Job
from mlpcore.training.data import Data
from mlpcore.training.early_stopping import EarlyStopping
from mlpcore.training.state import State


def fingerprint(
    state: State, job: Job, metrics: tuple[str, ...], stopping: EarlyStopping | None
) -> dict[str, Any]:
    """Everything that a run's numbers depend on but its initial values, as JSON can hold it."""
    return {
        "network": state.network.configuration,
        "optimizer": state.optimizer.as_json(),
        "batch_size": job.batches.size,
        "shuffle": bool(job.shuffle),
        "data": _of_data(job.data),
        "validation": None if job.validation is None else _of_data(job.validation),
        "metrics": list(metrics),
        "early_stopping": None if stopping is None else dataclasses.asdict(stopping),
        "epochs before": state.epochs,
        "updates before": state.updates,
    }


def _of_data(data: Data) -> dict[str, Any]:
    return {
        field.name: None if value is None else _of_array(value)
        for field in dataclasses.fields(data)
        for value in (getattr(data, field.name),)
    }


def _of_array(array: Any) -> dict[str, Any]:
    host = np.ascontiguousarray(to_numpy(array))
    return {"shape": list(host.shape), "checksum": f"{zlib.crc32(host.data.cast('B')):08x}"}
