"""A model's file as the commands take it."""

from __future__ import annotations

from pathlib import Path

from mlpcore.io import Preprocessing, load_preprocessing
from mlpcore.mlp import MLP, load


def load_model(path: Path, backend: str = "cpu") -> tuple[MLP, Preprocessing | None]:
    """A network, and the preprocessing that was saved with it.

    Raises:
        OSError, ValueError, RuntimeError, ImportError: as `mlpcore.load` does, and for
            preprocessing of another network.
    """
    network, preprocessing = load(path, backend), load_preprocessing(path)
    if preprocessing is not None:
        try:
            preprocessing.check_fits(network.sizes)
        except ValueError as fault:
            raise ValueError(f"{path}: {fault}") from None
    return network, preprocessing
