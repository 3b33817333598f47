"""The loop that serves a worker's process.

A command is a line such as ``{"do": "round", "count": 3}``, answered by a line. ``facts`` gives
versions and thread pools, ``prepare`` makes a case ready and gives the seconds that this took,
``check`` the figures that are held to the reference, ``round`` the seconds of a run and how many
processors were busy with it, ``memory`` the bytes that a case takes. What is ready is known by a
number, and is kept until ``release``.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TextIO

from ..cases import KINDS, Case
from ..machine import pools
from .memory import most_memory
from .tasks import MakeTask, Task

#: Seconds between two looks at whether threads still spin, and the most looks: those of OpenBLAS
#: do so for 2^26 cycles after their last work, those of Intel's OpenMP for 0.2 s.
NAP, LOOKS = 0.004, 64


class Worker:
    """A library in a process of its own.

    Args:
        packages: whose versions are told.
        tasks: by the kind of case.
        release: gives back the memory of what is no longer ready.
    """

    def __init__(
        self,
        packages: Iterable[str],
        tasks: Mapping[str, MakeTask],
        release: Callable[[], Any] = lambda: None,
    ):
        self.packages, self.tasks, self.release = packages, tasks, release
        self.ready: dict[int, Task] = {}

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        """Do what a command says."""
        match command["do"]:
            case "facts":
                return {"versions": dict(_versions(self.packages)), "pools": pools()}
            case "prepare":
                task = self._task(command)
                start = time.perf_counter()
                task.prepare()
                self.ready[command["task"]] = task
                return {"first": time.perf_counter() - start}
            case "release":
                self.ready.clear()
                gc.collect()
                self.release()
                return {}
            case "memory":
                self.ready.clear()
                return {"bytes": most_memory(self._task(command))}
            case "check":
                return {"figures": list(self._prepared(command).check())}
            case "round":
                start, before = time.perf_counter(), time.process_time()
                seconds = self._prepared(command).round(command["count"])
                used = time.process_time() - before
                processors = used / max(time.perf_counter() - start, 1e-9)
                rest()
                return {"seconds": seconds, "processors": processors}
            case other:
                raise ValueError(
                    f"got the command {other!r}, expected facts, prepare, check, round, "
                    "memory or release"
                )

    def _prepared(self, command: dict[str, Any]) -> Task:
        if command["task"] not in self.ready:
            raise ValueError(f"got {command}, expected prepare before it")
        return self.ready[command["task"]]

    def _task(self, command: dict[str, Any]) -> Task:
        return self.tasks[command["kind"]](_case(command["kind"], command["case"]))


def rest() -> None:
    """Sleep until all threads of this process do; a pool may spin for a while in wait of work."""
    for _ in range(LOOKS):
        before = time.process_time()
        time.sleep(NAP)
        if time.process_time() - before < NAP / 4:
            return


def serve(worker: Worker, commands: Iterable[str], replies: TextIO) -> None:
    """Answer commands until there are no more."""
    for line in commands:
        try:
            answer = worker.answer(json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=replies, flush=True)


def main(worker: Worker) -> None:
    """Serve a worker on the standard streams; what a library prints goes to standard error."""
    with os.fdopen(os.dup(1), "w") as replies:
        os.dup2(2, 1)
        serve(worker, sys.stdin, replies)


def _case(kind: str, fields: dict[str, Any]) -> Case:
    return KINDS[kind](
        **{name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}
    )


def _versions(packages: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            yield name, importlib.metadata.version(name)
