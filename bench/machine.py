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

import mlpcore
from mlpcore.backend import kernels
from mlpcore.backend.devices import backend

_CHECKOUT = Path(__file__).resolve().parent.parent
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def machine() -> dict[str, Any]:
    """The processor, the graphics processor and the system."""
    return {
        "processor": _processor(),
        "cores": len(cores()),
        "caches": _caches(),
        "gpu": gpu(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "kernels": kernels.status(),
    }


def slug(facts: dict[str, Any]) -> str:
    """A file name for a machine: that of its graphics processor if it has one.

    Without, the vectors are part of it, as a virtual processor's name tells little.

    >>> facts = {"processor": "AMD EPYC", "cores": 2, "kernels": {"instruction_set": "avx512"}}
    >>> slug(facts | {"gpu": None})
    'amd-epyc-avx512-2-cores'
    >>> slug(facts | {"gpu": {"name": "NVIDIA H200"}})
    'nvidia-h200'
    """
    if facts["gpu"]:
        return _words(facts["gpu"]["name"])
    return _words(f"{facts['processor']} {_vectors(facts)} {facts['cores']} cores")


def place(facts: dict[str, Any]) -> str:
    """A machine in a few words."""
    card = f" and {facts['gpu']['name']}" if facts["gpu"] else ""
    return f"{facts['processor']}, {_vectors(facts)}, {facts['cores']} cores{card}"


def _vectors(facts: dict[str, Any]) -> str:
    return str(facts["kernels"].get("instruction_set", "no kernels"))


def stamp() -> dict[str, str]:
    """When, and which source."""
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


def gpu() -> dict[str, Any] | None:
    """The first graphics processor and what drives it; ``None`` where there is none."""
    try:
        backend("gpu")
    except RuntimeError:
        return None
    import cupy

    runtime = cupy.cuda.runtime
    facts = runtime.getDeviceProperties(0)
    return {
        "name": facts["name"].decode(),
        "memory": int(facts["totalGlobalMem"]),
        "multiprocessors": int(facts["multiProcessorCount"]),
        "capability": f"{facts['major']}.{facts['minor']}",
        "cuda_driver": _dotted(runtime.driverGetVersion()),
        "cuda_runtime": _dotted(runtime.runtimeGetVersion()),
        "driver": _driver(),
    }


def _words(name: str) -> str:
    words = re.sub(r"\((R|TM)\)|@|\b(CPU|Processor)\b", " ", name)
    return re.sub(r"[^a-z0-9.]+", "-", words.lower()).strip("-")


def _dotted(version: int) -> str:
    """A CUDA version, such as 13000 for 13.0."""
    return f"{version // 1000}.{version % 1000 // 10}"


def _driver() -> str:
    """The version of the driver, as nvidia-smi has it."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "unknown"
    query = [tool, "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"]
    return subprocess.run(query, capture_output=True, text=True).stdout.strip() or "unknown"


def _processor() -> str:
    table = Path("/proc/cpuinfo")
    if table.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", table.read_text(), re.MULTILINE)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def _caches() -> dict[str, str]:
    """Sizes of the caches by level, where the system tells them."""
    found = {}
    for folder in sorted(_CACHES.glob("index*")):
        kind = (folder / "type").read_text().strip()
        if kind != "Instruction":
            level = (folder / "level").read_text().strip()
            found[f"L{level}"] = (folder / "size").read_text().strip()
    return found


def _commit() -> str:
    """Of a checkout its commit, of an installed package its version."""
    git = shutil.which("git")
    if git is None or not (_CHECKOUT / "pyproject.toml").exists():
        return str(mlpcore.__version__)

    def ask(*arguments: str) -> str:
        result = subprocess.run([git, "-C", _CHECKOUT, *arguments], capture_output=True, text=True)
        return result.stdout.strip() if result.returncode == 0 else ""

    commit = ask("rev-parse", "--short=12", "HEAD")
    changed = ask("status", "--porcelain", "--untracked-files=no", "--", "mlpcore", "kernels")
    return f"{commit or mlpcore.__version__}{' and changes' if changed else ''}"
