"""Floor 0, no mathematics: namespaces and devices, fused-or-reference dispatch, random draws."""

from mlpcore.backend import kernels, workspace  # each registers a way to run a primitive

__all__ = ["kernels", "workspace"]
