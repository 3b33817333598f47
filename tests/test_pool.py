"""The kernels' threads where the process ends beside them, or the system gives no more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlpcore.backend import kernels

pytestmark = pytest.mark.skipif(kernels.native() is None, reason="the kernels are not built")

ENDS = """
import threading, time
import numpy as np, mlpcore as mc

net, X = mc.MLP([64, 256, 3]), np.ones((100_000, 64), np.float32)

def work():
    while True:
        net.predict(X)
        begun.set()

begun = threading.Event()
threading.Thread(target=work, daemon=True).start()
begun.wait()
"""

SHORT_OF_THREADS = """
import pathlib, resource
import numpy as np, mlpcore as mc

X, y = np.ones((4000, 64)), np.arange(4000) % 3
pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
room = pages * resource.getpagesize() + 60 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (room, room))
print(len(mc.MLP([64, 256, 3]).fit(X, y, epochs=1, progress=False)))
"""


def run(program: str, threads: int) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", program],
        env={**os.environ, "MLPCORE_THREADS": str(threads)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_process_ends_while_a_daemon_thread_computes() -> None:
    run(ENDS, threads=2)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs the size of the process")
def test_fewer_threads_than_wanted_do_the_work() -> None:
    assert run(SHORT_OF_THREADS, threads=64) == "1\n"
