"""scikit-learn: `MLPClassifier.partial_fit`, a pass over the rows a call; a loop for a stack."""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import MLPClassifier

from ..cases.training import mean_cross_entropy
from .network import Network
from .tasks import of_networks
from .worker import Worker, main


class OneHot:
    """One output a class also for two classes, where scikit-learn would take a single logit."""

    def __init__(self, classes: int):
        self.rows = np.eye(classes)

    def transform(self, labels: np.ndarray) -> np.ndarray:
        """Each label as a row."""
        return np.asarray(self.rows[labels])


class ScikitLearn(Network):
    """A classifier for each member."""

    def restart(self) -> None:
        case = self.problem.case
        settings = {
            "hidden_layer_sizes": case.sizes[1:-1],
            "batch_size": case.batch,
            "learning_rate_init": case.rate,
            "alpha": 0.0,
            "random_state": 0,
        }
        self.models = [MLPClassifier(**settings) for _ in range(case.members or 1)]
        for member, model in enumerate(self.models):
            self._start(model, member)

    def _start(self, model: MLPClassifier, member: int) -> None:
        """The initial weights: taken after a first call, which would otherwise draw its own."""
        case = self.problem.case
        rows = slice(case.batch)
        classes = np.arange(case.sizes[-1])
        model.partial_fit(self.problem.x[rows], self.problem.labels[rows], classes=classes)
        model._label_binarizer, model.out_activation_ = OneHot(case.sizes[-1]), "softmax"
        weights = [w if case.members is None else w[member] for w in self.problem.weights]
        model.coefs_ = [w.copy() for w in weights]
        model.intercepts_ = [np.zeros_like(w[0]) for w in weights]
        model.n_outputs_ = case.sizes[-1]
        del model._optimizer

    def ordered(self, rows: int) -> np.ndarray:
        """Batch by batch, since the loss that it tells is that of clipped probabilities."""
        losses = []
        for start in range(0, rows, self.problem.case.batch):
            part = slice(start, start + self.problem.case.batch)
            p = self.predict(self.problem.x[part])
            losses.append(mean_cross_entropy(p, self.problem.labels[part]))
            self._train(part)
        return np.asarray(np.mean(losses, axis=0))

    def epoch(self) -> None:
        self._train(slice(None))

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self._lead([model.predict_proba(x) for model in self.models])

    def parameters(self) -> list[np.ndarray]:
        layers = range(len(self.problem.weights))
        return [
            self._lead([getattr(model, name)[layer] for model in self.models])
            for layer in layers
            for name in ("coefs_", "intercepts_")
        ]

    def _train(self, rows: slice) -> None:
        for model in self.models:
            model.partial_fit(self.problem.x[rows], self.problem.labels[rows])

    def _lead(self, values: list[np.ndarray]) -> np.ndarray:
        return np.asarray(values[0] if self.problem.case.members is None else values)


if __name__ == "__main__":
    main(Worker(("scikit-learn",), of_networks(ScikitLearn)))
