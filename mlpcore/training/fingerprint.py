"""What a training run is, in a few words: what must be the same for it to go on."""

from __future__ import annotations

import dataclasses
import zlib
from typing import Any

import numpy as np

from mlpcore.backend.memory import to_numpy
from mlpcore.network.arrays import PIECE_BYTES
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
        "data": _of_data(job.data, state.network.dtype),
        "validation": None
        if job.validation is None
        else _of_data(job.validation, state.network.dtype),
        "metrics": list(metrics),
        "early_stopping": None if stopping is None else dataclasses.asdict(stopping),
        "epochs before": state.epochs,
        "updates before": state.updates,
    }


def _of_data(data: Data, dtype: str) -> dict[str, Any]:
    return {
        field.name: None
        if value is None
        else _of_array(value, dtype if field.name == "x" else None)
        for field in dataclasses.fields(data)
        for value in (getattr(data, field.name),)
    }


def _of_array(array: Any, dtype: str | None) -> dict[str, Any]:
    """Its shape and numbers, as ``dtype`` wherever they lie: some may not be converted yet."""
    host = to_numpy(array)
    return {"shape": list(host.shape), "checksum": f"{_checksum(host, dtype, 0):08x}"}


def _checksum(array: np.ndarray, dtype: str | None, start: int) -> int:
    """Of the bytes in their order, some rows at a time: the array may be larger than the memory."""
    if array.ndim > 2:
        for part in array:
            start = _checksum(part, dtype, start)
        return start
    if array.ndim == 0:
        array = array[None]
    piece = max(1, PIECE_BYTES // max(1, array[:1].nbytes))
    for first in range(0, len(array), piece):
        rows = np.ascontiguousarray(array[first : first + piece], dtype)
        start = zlib.crc32(rows.data.cast("B"), start)
    return start
