"""The progress bar, by tqdm where it is installed."""

from __future__ import annotations

import sys
from typing import Any, Literal

import numpy as np

from mlpcore.backend.extras import require
from mlpcore.training.history import Epoch

Progress = bool | Literal["auto"]


class Bar:
    """One bar over all epochs, with the latest figures behind it; silent where not wanted."""

    def __init__(self, epochs: int, progress: Progress, done: int = 0):
        self._bar = bar(progress, total=epochs, initial=done, unit="epoch")

    def advance(self, epoch: Epoch) -> None:
        """One epoch more."""
        if self._bar is None:
            return
        figures = {"loss": epoch.loss, "validation_loss": epoch.validation_loss}
        figures |= {f"validation_{name}": v for name, v in epoch.validation_metrics.items()}
        shown = {name: _shown(v) for name, v in figures.items() if v is not None}
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update()

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()


def bar(progress: Progress, **arguments: Any) -> Any:
    """A bar of tqdm, or ``None`` where none is wanted."""
    if progress is True or (progress == "auto" and _interactive()):
        return require("tqdm.auto", "cli").tqdm(dynamic_ncols=True, leave=True, **arguments)
    return None


def _shown(values: Any) -> str:
    """The mean over the members that still have a figure."""
    finite = np.asarray(values)[np.isfinite(values)]
    return f"{np.mean(finite):.4g}" if finite.size else "-"


def _interactive() -> bool:
    """Whether somebody watches and tqdm is there to show something."""
    if not (sys.stderr.isatty() or "ipykernel" in sys.modules):
        return False
    try:
        require("tqdm", "cli")
    except ImportError:
        return False
    return True
