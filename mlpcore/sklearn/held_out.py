"""Examples held out from training: how they are chosen, and the figures that they give."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from mlpcore.network import Network
from mlpcore.sklearn.examples import Examples
from mlpcore.training.data import Data
from mlpcore.training.evaluate import evaluate


@dataclass
class HeldOut:
    """Held-out examples, and how good a network is on them.

    Attributes:
        examples: as the network takes them.
        metric: the score, ``"accuracy"`` or ``"r2"``.
        scorer: in its place, ``scorer(estimator, X, y)``, by scikit-learn's convention.
        given: ``X`` and ``y`` as the scorer takes them.
    """

    examples: Examples
    metric: str
    scorer: Any
    given: tuple[Any, Any]
    _data: Data | None = None

    def measure(self, estimator: Any, network: Network) -> tuple[float, float]:
        """The loss and the score; the higher the score the better."""
        if self._data is None:
            examples = self.examples
            self._data = Data(*network.prepare(examples.x, examples.target, examples.weight))
        with np.errstate(all="ignore"):
            loss, metrics = evaluate(network, self._data, () if self.scorer else (self.metric,))
        if self.scorer is None:
            return loss, float(metrics[self.metric])
        weight = self.examples.weight
        weighs = weight is not None and _weighs(self.scorer)
        weights = {"sample_weight": weight} if weighs else {}
        return loss, float(self.scorer(estimator, *self.given, **weights))


def _weighs(scorer: Any) -> bool:
    """Whether a scorer takes weights."""
    if hasattr(scorer, "_accept_sample_weight"):  # scikit-learn's own
        return bool(scorer._accept_sample_weight())
    return "sample_weight" in inspect.signature(scorer).parameters


def split_rows(
    rows: int, fraction: float, labels: np.ndarray | None, random: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the rows to train on, and of those to hold out.

    Args:
        rows: how many there are.
        fraction: the share that is held out.
        labels: one of each row, whose shares both parts keep; ``None`` for any split. Of two labels
            each needs two rows; of more the shares are kept where there are rows enough for it.
        random: the generator.

    Raises:
        ValueError: for too few rows.
    """
    strata = _strata(labels, fraction)
    training, held_out = train_test_split(
        np.arange(rows), random_state=random, test_size=fraction, stratify=strata
    )
    if len(held_out) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            f"dataset: got {rows} rows and validation_fraction={fraction}, expected at least 2 "
            "rows held out"
        )
    return training, held_out


def _strata(labels: np.ndarray | None, fraction: float) -> np.ndarray | None:
    if labels is None:
        return None
    _, counts = np.unique(labels, return_counts=True)
    rows = len(labels)
    held_out = int(np.ceil(fraction * rows))
    fits = counts.min() >= 2 and len(counts) <= min(held_out, rows - held_out)
    return labels if len(counts) <= 2 or fits else None
