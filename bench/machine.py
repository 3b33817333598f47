"""What was measured, and on what: facts without names of hosts, people or folders."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import ROOT


def machine() -> dict[str, Any]:
    """The processor and the system."""
    return {
        "processor": _processor(),
        "cores": len(cores()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def slug(facts: dict[str, Any]) -> str:
    """A file name for a machine.

    >>> slug({"processor": "Intel(R) Core(TM) i7 CPU @ 2.4GHz", "cores": 2})
    'intel-core-i7-2.4ghz-2-cores'
    """
    words = re.sub(r"\((R|TM)\)|@|\b(CPU|Processor)\b", " ", facts["processor"])
    name = re.sub(r"[^a-z0-9.]+", "-", words.lower()).strip("-")
    return f"{name}-{facts['cores']}-cores"


def stamp() -> dict[str, str]:
    """When, and which commit of the checkout."""
    return {"date": datetime.now(UTC).isoformat(timespec="seconds"), "commit": _commit()}


def cores() -> set[int]:
    """The processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def pools() -> list[dict[str, Any]]:
    """The thread pools in this process: BLAS and OpenMP libraries, their versions and threads."""
    from threadpoolctl import threadpool_info

    return [
        {name: value for name, value in pool.items() if name != "filepath"}
        for pool in threadpool_info()
    ]


def _processor() -> str:
    table = Path("/proc/cpuinfo")
    if table.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", table.read_text(), re.MULTILINE)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return "unknown"

    def ask(*arguments: str) -> str:
        result = subprocess.run([git, "-C", ROOT, *arguments], capture_output=True, text=True)
        return result.stdout.strip() if result.returncode == 0 else ""

    commit = ask("rev-parse", "--short=12", "HEAD")
    changed = ask("status", "--porcelain", "--untracked-files=no", "--", "mlpcore", "kernels")
    return f"{commit or 'unknown'}{' and changes' if changed else ''}"
