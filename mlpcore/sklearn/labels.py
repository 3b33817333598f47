"""A classifier's labels as the network's targets, and its logits as labels and probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from mlpcore.backend.dispatch import Array
from mlpcore.backend.namespaces import namespace
from mlpcore.functions.activations import sigmoid
from mlpcore.functions.softmax import softmax


@dataclass(frozen=True)
class Labels:
    """The classes, and how they meet the outputs.

    Two classes share one output, the logit of the second; more have one each under a softmax. Where
    an example may carry any number of labels, each has an output of its own.

    Attributes:
        classes: sorted.
        multilabel: whether ``y`` is an indicator matrix ``(n, classes)``.
        sparse: whether that matrix came as a sparse one; predictions then do too.

    >>> labels = Labels.of(np.array(["b", "a", "b"]))
    >>> labels.target(np.array(["b", "a", "b"])).tolist()
    [[1.0], [0.0], [1.0]]
    >>> labels.predicted(np.array([[2.0], [-1.0]]))
    array(['b', 'a'], dtype='<U1')
    """

    classes: np.ndarray
    multilabel: bool = False
    sparse: bool = False

    @classmethod
    def of(cls, y: Any, classes: Any = None) -> Labels:
        """The labels in ``y``, or those that ``classes`` names beforehand.

        Raises:
            ValueError: for targets that are no labels, and for several labels of many classes.
        """
        if y.ndim == 2:
            kind = type_of_target(y, input_name="y")
            if kind == "multilabel-indicator":
                return cls(np.arange(y.shape[1]), multilabel=True, sparse=issparse(y))
            check_classification_targets(y)
            raise ValueError(
                f"got y of shape {y.shape} with several classes a column, expected one column of "
                "labels, or a matrix of 0 and 1; train one classifier a column with "
                "sklearn.multioutput.MultiOutputClassifier"
            )
        if y.dtype.kind not in "biuSU":
            check_classification_targets(y)
        return cls(np.unique(y if classes is None else column_or_1d(classes)))

    @property
    def binary(self) -> bool:
        """Whether one output tells two classes apart; a single class counts as one of two."""
        return not self.multilabel and len(self.classes) <= 2

    @property
    def outputs(self) -> int:
        """How many outputs the network has."""
        return 1 if self.binary else len(self.classes)

    @property
    def head(self) -> str:
        """The network's output."""
        return "sigmoid" if self.binary or self.multilabel else "softmax"

    def found(self, y: Any) -> np.ndarray:
        """The classes in ``y``."""
        return np.arange(y.shape[1]) if self.multilabel and y.ndim == 2 else np.unique(y)

    def target(self, y: Any) -> np.ndarray:
        """``y`` as the loss takes it: numbers of classes ``(n,)``, or shares ``(n, outputs)``.

        Raises:
            ValueError: for a label that is not among the classes.
        """
        if self.multilabel:
            if y.ndim != 2 or y.shape[1] != len(self.classes):
                raise ValueError(
                    f"got y of shape {y.shape}, expected a column for each of the "
                    f"{len(self.classes)} labels"
                )
            return np.asarray(y.toarray() if issparse(y) else y, dtype=np.float64)
        found, places = np.unique(y, return_inverse=True)
        if y.ndim != 1 or not np.isin(found, self.classes).all():
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes}. "
                f"'y' has {found}."
            )
        numbers = np.searchsorted(self.classes, found)[places]
        if not self.binary:
            return np.asarray(numbers, dtype=np.int64)
        return np.asarray(numbers == 1, dtype=np.float64)[:, None]

    def predicted(self, logits: np.ndarray) -> Any:
        """The most probable label of each row, or all labels above one half."""
        if self.multilabel:
            chosen = (logits > 0).astype(np.int64)
            return csr_array(chosen) if self.sparse else chosen
        if self.binary:
            numbers = np.minimum(logits[:, 0] > 0, len(self.classes) - 1)
        else:
            numbers = np.argmax(logits, axis=1)
        return self.classes[numbers]

    def probabilities(self, logits: Array) -> Array:
        """``(n, classes)``; independent of each other where labels are."""
        if self.multilabel:
            return sigmoid(logits)
        return sigmoid(_both(logits)) if self.binary else softmax(logits)


def _both(logits: Array) -> Array:
    """The logits of not being and of being of the second class."""
    return namespace(logits).concat((-logits, logits), axis=-1)
