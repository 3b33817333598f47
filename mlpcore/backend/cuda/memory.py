"""Memory of a device: asked for before it is taken."""

from __future__ import annotations

#: Arrays of a workspace start at multiples of so many bytes, as CuPy's own do.
ALIGNMENT = 256


def aligned(size: int) -> int:
    """``size`` bytes and what is left up to where the next array starts.

    >>> aligned(1), aligned(512)
    (256, 512)
    """
    return -(-size // ALIGNMENT) * ALIGNMENT


def free_memory() -> tuple[int, int]:
    """Bytes of the current device that can be had, and all that it has."""
    import cupy

    free, total = cupy.cuda.runtime.memGetInfo()
    return free + cupy.get_default_memory_pool().free_bytes(), total


def check_memory(what: str, needed: int) -> None:
    """Refuse ``what`` the current device cannot hold, before anything of it is allocated.

    Raises:
        MemoryError: with what is needed and what is free.
    """
    import cupy

    free, total = free_memory()
    if needed > free:
        raise MemoryError(
            f"got {what} that needs {_mib(needed)} on gpu:{cupy.cuda.Device().id}, expected at "
            f"most {_mib(free)}, which is free of {_mib(total)}; use fewer rows or a smaller "
            "batch_size, fewer members at a time, or float32"
        )


def _mib(size: int) -> str:
    return f"{-(-size // 2**20)} MiB"
