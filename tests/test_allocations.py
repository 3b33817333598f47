"""A steady step allocates nothing: neither Python objects that stay nor memory of the process."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.training.batches import batches
from mlpcore.training.crew import Crew, Job
from mlpcore.training.data import Data
from mlpcore.training.state import State
from mlpcore.training.step import Step
from mlpcore.training.timetable import Timetable

STEPS = 1000
#: What the replay itself may leave behind in a run: the array of who stopped, and no more.
FEW_BYTES = 4096


def recorded_step(**settings: Any) -> tuple[Step, Timetable, State]:
    network = mc.MLP([20, 33, 17, 5], **settings)
    if not network.backend.records:
        pytest.skip("there are no compiled kernels to replay a step")
    numbers = np.random.default_rng(0)
    data = Data(*network.prepare(numbers.standard_normal((70, 20)), numbers.integers(0, 5, 70)))
    state = State(network, mc.Adam(1e-3))
    job = Job(data, None, batches(70, 32), shuffle=True, recorded=True)
    crew = Crew(state, job, np.arange(network.members or 1))
    crew.timetable.lay_out(state)
    return crew.step, crew.timetable, state


def resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"normalization": "batch", "dropout": 0.2},
        {"members": 6, "seed": range(6)},
    ],
    ids=["single", "normalized", "stack"],
)
def test_a_steady_step_allocates_nothing(settings: dict[str, Any]) -> None:
    step, timetable, state = recorded_step(**settings)
    epoch = timetable.losses.shape[0]

    def replay() -> None:
        for _ in range(STEPS // epoch):
            step.run(0, epoch, state.active)

    replay()
    tracemalloc.start()
    replay()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    replay()
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before <= FEW_BYTES
    assert peak - before <= FEW_BYTES


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_resident_memory_stays() -> None:
    step, timetable, state = recorded_step()
    epoch = timetable.losses.shape[0]
    for _ in range(STEPS // epoch):
        step.run(0, epoch, state.active)
    before = resident_bytes()
    for _ in range(STEPS // epoch):
        step.run(0, epoch, state.active)
    assert resident_bytes() == before
