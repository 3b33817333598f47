"""The backends of this machine."""

from __future__ import annotations

from mlpcore.backend import kernels
from mlpcore.backend.devices import backend, gpu_count


def at_hand() -> list[str]:
    """The names of the backends that can compute here, the CPU first; no GPU becomes current."""
    try:
        import cupy
    except ImportError:
        return ["cpu"]
    return ["cpu", *(f"gpu:{number}" for number in range(gpu_count(cupy)))]


def why_no_gpu() -> str:
    """Why there is no GPU; empty where there is one."""
    try:
        backend("gpu")
    except RuntimeError as reason:
        return str(reason)
    return ""


def description(name: str) -> str:
    """The device behind a backend, in a few words."""
    return backend(name).description


def kernels_of(name: str) -> str:
    """The kernels that a backend computes with, in a word or two."""
    on_gpu = "array bodies" if kernels.switched_off() else "fused, CUDA"
    return kernels.status()["kernels"] if name == "cpu" else on_gpu
