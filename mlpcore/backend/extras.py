"""Optional packages, imported where they are used and nowhere else."""

from __future__ import annotations

import importlib
from types import ModuleType

#: Where the name to install differs from the name to import.
DISTRIBUTIONS = {"sklearn": "scikit-learn"}


def require(module: str, extra: str) -> ModuleType:
    """Import a module that only an extra of mlpcore brings.

    Args:
        module: the name to import, such as ``"pandas"`` or ``"safetensors.numpy"``.
        extra: the extra that installs it.

    Returns:
        The module.

    Raises:
        ImportError: if it is not there; the message says what to install.

    >>> require("json", "cli").__name__
    'json'
    >>> require("no_such_module", "cli")
    Traceback (most recent call last):
        ...
    ImportError: got no no_such_module; install it with: pip install "mlpcore[cli]"
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as fault:
        missing = (fault.name or module).partition(".")[0]
        raise ImportError(
            f"got no {DISTRIBUTIONS.get(missing, missing)}; "
            f'install it with: pip install "mlpcore[{extra}]"'
        ) from fault


def version(distribution: str) -> str | None:
    """The installed version of a distribution, or ``None`` where it is not installed."""
    # Costs a third of NumPy's own import, and only `mlpcore info` and saved models ask.
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
