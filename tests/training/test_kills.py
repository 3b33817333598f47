"""Trainings in processes of their own, killed at random moments and called again.

``MLPCORE_TEST_KILLS=50`` kills each so many times, in place of a few.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from mlpcore.io.checkpoints import Checkpoints

pytest.importorskip("safetensors")
pytestmark = [
    pytest.mark.filterwarnings("error"),
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a system that kills"),
]

KILLS = int(os.environ.get("MLPCORE_TEST_KILLS", "4"))

#: Trains with all that has a memory; its disk is slow, so that many a kill meets a write.
CHILD = """
import os, sys, time
import numpy as np
import mlpcore as mc

directory, members, epochs = sys.argv[1], int(sys.argv[2]) or None, int(sys.argv[3])
flush = os.fsync

def slowly(handle):
    time.sleep(0.004)
    flush(handle)

os.fsync = slowly
numbers = np.random.default_rng(0)
X = numbers.normal(size=(50, 6))
y = numbers.integers(0, 3, 50)
net = mc.MLP([6, 16, 3], normalization="batch", dropout=0.2, members=members, seed=5)
rate = 0.1 if members is None else np.geomspace(1e-3, 0.3, members)
history = net.fit(
    X, y,
    optimizer=mc.SGD(mc.schedules.ReduceOnPlateau(rate, factor=0.7, patience=2), momentum=0.9),
    batch_size=8,
    epochs=epochs,
    validation_data=(-X, y),
    early_stopping=mc.EarlyStopping(epochs // 2),
    callbacks=[lambda epoch: print(epoch.index, flush=True)],
    checkpoint=mc.Checkpoint(directory, every=0.4, keep=2) if directory else None,
    progress=False,
)
net.save(sys.argv[4])
np.save(sys.argv[4] + ".npy", np.array(history.loss + history.validation_loss))
"""


def start(directory: Path | str, members: int, result: Path) -> subprocess.Popen[str]:
    epochs = 20 + 2 * KILLS
    return subprocess.Popen(
        [sys.executable, "-P", "-c", CHILD, str(directory), str(members), str(epochs), str(result)],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("members", [0, 6], ids=["single", "stacked"])
def test_a_killed_training_ends_in_the_same_bits(members: int, tmp_path: Path) -> None:
    expected, found = tmp_path / "expected", tmp_path / "found"
    with start("", members, expected) as child:
        child.communicate()
        assert child.returncode == 0
    run = tmp_path / "run"
    moments = random.Random(members)
    kills = cut_short = 0
    while kills < KILLS:
        with start(run, members, found) as child:
            assert child.stdout is not None
            assert child.stdout.readline()
            time.sleep(moments.uniform(0.0, 0.05))
            child.kill()
            child.stdout.read()
        assert child.returncode == -signal.SIGKILL, "the training ended before it was killed"
        kills += 1
        cut_short += any(run.glob(".*.tmp"))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert Checkpoints(run, keep=2).newest() is not None
    with start(run, members, found) as child:
        child.communicate()
        assert child.returncode == 0
    assert expected.read_bytes() == found.read_bytes()
    np.testing.assert_array_equal(np.load(f"{expected}.npy"), np.load(f"{found}.npy"))
    if KILLS >= 20:
        assert cut_short
    print(f"{kills} kills, {cut_short} of them during a write")
