"""Floor 8: the command line, ``mlpcore train``, ``sweep``, ``predict``, ``bench`` and the rest."""

from __future__ import annotations

import sys

from mlpcore.backend.extras import require


def main() -> None:
    """Run the command line; the entry point ``mlpcore``."""
    try:
        require("typer", "cli")
        require("rich", "cli")
    except ImportError as fault:
        sys.exit(str(fault))
    from mlpcore.cli.app import app

    app()


__all__ = ["main"]
