"""Who is compared: a table of libraries and variants, each in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, Self

from bench import ROOT
from bench.machine import cores

#: How many threads every library may use.
THREADS = min(2, len(cores()))


@dataclass(frozen=True)
class Peer:
    """A library, or a variant of one.

    Attributes:
        name: in the results.
        title: in the tables.
        module: in `bench.workers`.
        package: that must be installed.
        arguments: of the worker.
    """

    name: str
    title: str
    module: str
    package: str
    arguments: tuple[str, ...] = ()

    @property
    def installed(self) -> bool:
        """Whether the library is there."""
        return importlib.util.find_spec(self.package) is not None


PEERS = {
    peer.name: peer
    for peer in (
        Peer("ours", "mlpcore", "ours", "mlpcore"),
        Peer("products", "products", "products", "numpy", (str(THREADS),)),
        Peer("products_one", "products, one thread", "products", "numpy", ("1",)),
        Peer("jax_jit", "JAX jit", "jax", "jax", ("jit",)),
        Peer("jax_scan", "JAX scan", "jax", "jax", ("scan",)),
        Peer("pytorch", "PyTorch", "pytorch", "torch", (str(THREADS),)),
        Peer("pytorch_fused", "PyTorch, fused Adam", "pytorch", "torch", (str(THREADS), "fused")),
    )
}


class WorkerError(Exception):
    """A worker failed; the message is its own."""


class Process:
    """A worker in a process of its own, on the same processors as all others.

    Attributes:
        name: the peer's.
        start: seconds from the start of the process to its first answer: Python and all imports.
        waited: seconds it waited for commands, and of them seconds it kept a processor busy.
    """

    def __init__(self, peer: Peer):
        self.name = peer.name
        limits = ("OMP", "OPENBLAS", "MKL")
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"bench.workers.{peer.module}", *peer.arguments],
            cwd=ROOT,
            env=os.environ
            | {f"{name}_NUM_THREADS": str(THREADS) for name in limits}
            | {"MLPCORE_THREADS": str(THREADS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.waited = (0.0, 0.0)
        self.facts = self.ask(do="facts")
        self.start = time.perf_counter() - began

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and wait for the answer.

        Raises:
            WorkerError: for an answer that is an error, or none.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(command), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": "it ended without an answer"}
        if "error" in answer:
            raise WorkerError(f"the worker {self.name} failed: {answer['error']}")
        wall, busy = answer["waited"]
        self.waited = self.waited[0] + wall, self.waited[1] + busy
        return answer

    @property
    def unrest(self) -> float:
        """The share of a processor that it took while it waited: it should sleep."""
        return self.waited[1] / max(self.waited[0], 1e-9)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def on_these_processors() -> None:
    """Keep this process, and all that it starts, to as many processors as there are threads."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(cores())[:THREADS])
