"""The network: layers over one flat buffer of parameters, its loss and its gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mlpcore.backend.checks import at_least_0
from mlpcore.backend.devices import Backend
from mlpcore.backend.dispatch import Array
from mlpcore.backend.names import check_parameters, choose
from mlpcore.functions.class_weights import row_weights
from mlpcore.layers import Pass
from mlpcore.layers.layer import Views
from mlpcore.network import by_member, inputs
from mlpcore.network.arrays import finite_numbers
from mlpcore.network.configuration import Configuration
from mlpcore.network.heads import HEADS
from mlpcore.network.holding import Holding
from mlpcore.network.inference import FunctionalInference, Inference, RecordedInference
from mlpcore.network.parameters import Parameters

#: How the predictions of a stack become one: `reduction(xp, (E, n, n_out)) -> (n, n_out)`.
REDUCTIONS: dict[str, Callable[[Any, Array], Array]] = {
    "mean": lambda xp, predictions: xp.mean(predictions, axis=0),
    "std": lambda xp, predictions: xp.std(predictions, axis=0),
}


class Network(Holding):
    """A multilayer perceptron, or a stack of them, without the means to train it.

    Everything below is written once for ``(..., n, k)`` arrays: a single network has no leading
    axis, a stack has one, its members. See `mlpcore.MLP` for the arguments.
    """

    def _build(self, settings: Configuration, backend: Backend) -> None:
        super()._build(settings, backend)
        self.head = HEADS[settings.output]
        name, given = by_member.read(settings.loss)
        self.loss_function = self.head.loss(name)
        check_parameters(name, self.loss_function.rows, given)
        self.loss_settings = _checked(given)
        if np.any(settings.label_smoothing != 0):
            self.loss_settings["label_smoothing"] = settings.label_smoothing

    def _own(self, parameters: Array, statistics: Array) -> None:
        super()._own(parameters, statistics)
        recorded = self.backend.records
        way = RecordedInference if recorded else FunctionalInference
        self.inference: Inference = way(self)

    def propagate(
        self, x: Array, p: Sequence[Views], s: Sequence[Views], run: Pass
    ) -> tuple[Array, list[Any]]:
        """Forward through all layers: the logits, and what each layer saved."""
        saved = []
        for layer, own, statistics in zip(self.layers, p, s):
            x, kept = layer.forward(x, own, statistics, run)
            saved.append(kept)
        return x, saved

    def backpropagate(
        self, dz: Array, saved: list[Any], p: Sequence[Views], g: Sequence[Views], run: Pass
    ) -> None:
        """Backward through all layers; the gradients are written into the views ``g``."""
        for layer, kept, own, gradient in reversed(list(zip(self.layers, saved, p, g))):
            dz = layer.backward(dz, kept, own, gradient, run)

    def forward(self, X: Any) -> Array:
        """The logits, ``(..., n, n_out)``; as `predict`, but without the link.

        Raises:
            ValueError, TypeError: for features that do not fit, or that are too large to compute
                with; the message names them.
        """
        return self._answer(X, link=False)

    def predict(self, X: Any, *, reduce: str | None = None) -> Array:
        """The output activations: probabilities or values, ``(..., n, n_out)``.

        A long input is converted and computed piece by piece, in bounded memory beside the output.
        Any number of threads may predict with one network while nobody changes it. A network on a
        GPU gives back the kind of array that it got: NumPy's for the host's numbers.

        Args:
            X: features ``(n, n_features)``; for a stack also ``(E, n, n_features)``.
            reduce: of a stack, ``"mean"`` averages the members' predictions, so for classes their
                probabilities and not their logits; ``"std"`` tells how far they are apart, the
                standard deviation between them. Either is ``(n, n_out)``, in bounded memory.

        Source: Gorishniy, Kotelnikov & Babenko (2024), "TabM: advancing tabular deep learning with
        parameter-efficient ensembling": what is trained is the mean of the members' losses, so each
        learns by its own, as in a stack; what is averaged are probabilities.

        >>> import mlpcore as mc
        >>> stack = mc.MLP([4, 8, 3], members=5)
        >>> stack.predict(np.zeros((2, 4)), reduce="mean").shape
        (2, 3)
        """
        if reduce is not None:
            choose("reduce", reduce, REDUCTIONS)
            if self.members is None:
                raise TypeError(f"got reduce={reduce!r} for a single network, expected a stack")
        return self._answer(X, link=True, reduce=reduce)

    def loss(self, X: Any, y: Any, *, sample_weight: Any = None, class_weight: Any = None) -> Any:
        """The sample-weighted mean loss as in prediction: a number, or ``(members,)``."""
        x, target, weight = self.prepare(X, y, sample_weight, class_weight)
        with np.errstate(all="ignore"):
            loss = self.loss_function(self.infer(x), target, weight, **self.loss_settings)
        inputs.check_loss(loss, self.backend, self.dtype)
        return loss

    def loss_and_gradients(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        class_weight: Any = None,
        step: int = 0,
    ) -> tuple[Any, Parameters]:
        """The loss of a training pass and its gradients in the parameters' shapes.

        Dropout drops, with the draws of update ``step``, and batch normalization takes the batch's
        own statistics; the running ones stay as they are.

        Returns:
            The loss, a number or ``(members,)``, and the gradients: ``g.flat``, ``g.weights``,
            ``g.biases``, ``g.gammas``, ``g.betas``.
        """
        x, target, weight = self.prepare(X, y, sample_weight, class_weight)
        run = Pass(training=True, draws=self.identity.keys, step=step)
        g = Parameters(self.backend.zeros(tuple(self.parameters.shape), self.dtype), self.layout)
        p, s = self.values.views, self.statistics.views
        with np.errstate(all="ignore"):
            logits, saved = self.propagate(x, p, s, run)
            loss, dz = self.loss_function.value_and_gradient(
                logits, target, weight, **self.loss_settings
            )
            self.backpropagate(dz, saved, p, g.views, run)
        return loss, g

    def prepare(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        class_weight: Any = None,
        *,
        stream: bool | None = False,
    ) -> tuple[Array, Array, Array | None]:
        """Check and convert a data set once: features, targets, and the weight of each row.

        With ``stream``, or with ``None`` where the features would crowd a GPU, they stay NumPy's.
        """
        x = inputs.features(
            X, self.sizes[0], self.members, self.backend, self.dtype, rows=1, stream=stream
        )
        rows = x.shape[-2]
        target = inputs.targets(
            y, self.head, self.sizes[-1], rows, self.members, self.backend, self.dtype
        )
        weight = inputs.weights(sample_weight, rows, self.members, self.backend, self.dtype)
        if class_weight is not None:
            weight = self.class_weighted(class_weight, target, weight)
            name = "class_weight" if sample_weight is None else "class_weight times sample_weight"
            inputs.check_some_weight(name, weight, self.backend)
        return x, target, weight

    def class_weighted(
        self, class_weight: Any, target: Array, weight: Array | None, counted: Array | None = None
    ) -> Array:
        """The weight of each row times that of its class.

        ``"balanced"`` counts the classes in the targets ``counted``, else in all of them.
        """
        counted = target if counted is None else counted
        shares = inputs.class_weights(class_weight, counted, self.sizes[-1], self.head)
        shares = finite_numbers("class_weight", shares, self.backend, self.dtype)
        with np.errstate(over="ignore"):
            return row_weights(target, shares, weight)

    def infer(self, x: Array, *, link: bool = False, reduce: str | None = None) -> Array:
        """The logits of features whose shape is checked, whatever they come to.

        They are behind the ``link``, and reduced over the members, if asked for.
        """
        over_members = None if reduce is None else REDUCTIONS[reduce]
        lead = () if over_members else self.identity.seeds.shape
        found = self.backend.empty((*lead, x.shape[-2], self.sizes[-1]), self.dtype)
        with np.errstate(all="ignore"):
            for first, last, outputs in self.inference.pieces(self, x, link=link):
                if over_members:
                    outputs = over_members(self.backend.xp, outputs)
                found[..., first:last, :] = outputs
        return found

    def _answer(self, X: Any, *, link: bool, reduce: str | None = None) -> Array:
        x = inputs.readable_features(X, self.sizes[0], self.members, self.backend)
        outputs = self.infer(x, link=link, reduce=reduce)
        inputs.check_outputs(outputs, self.backend, self.dtype)
        return self.backend.returned(outputs, X)


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    if "label_smoothing" in settings:
        raise ValueError(
            "got label_smoothing in the loss's name, expected it beside: label_smoothing="
            f"{settings['label_smoothing']!r}"
        )
    return {name: at_least_0(name, value, above=True) for name, value in settings.items()}
