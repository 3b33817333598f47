"""The network: layers over one flat buffer of parameters, its loss and its gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np

from mlpcore.backend.checks import at_least_0
from mlpcore.backend.devices import Backend
from mlpcore.backend.devices import backend as find_backend
from mlpcore.backend.dispatch import Array
from mlpcore.backend.names import check_parameters, parse_spec
from mlpcore.functions.class_weights import row_weights
from mlpcore.layers import Affine, Layer, Pass
from mlpcore.layers.layer import Views
from mlpcore.network import inputs
from mlpcore.network.build import build_layers
from mlpcore.network.configuration import Configuration
from mlpcore.network.heads import HEADS
from mlpcore.network.initialize import initial_parameters, initial_statistics
from mlpcore.network.parameters import Layout, Parameters

#: Bytes of activations that one piece of a long input may take in `Network.forward`.
PIECE_BYTES = 1 << 26


class Network:
    """A multilayer perceptron, or a stack of them, without the means to train it.

    Everything below is written once for ``(..., n, k)`` arrays: a single network has no leading
    axis, a stack has one, its members. See `mlpcore.MLP` for the arguments.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: str | Sequence[str] = "relu",
        output: str = "softmax",
        loss: str = "auto",
        init: str = "auto",
        normalization: str | None = None,
        dropout: Any = 0.0,
        label_smoothing: Any = 0.0,
        members: int | None = None,
        dtype: str = "float32",
        backend: Any = "cpu",
        seed: Any = 0,
    ):
        settings = Configuration(
            sizes=sizes,
            activation=activation,
            output=output,
            loss=loss,
            init=init,
            normalization=normalization,
            dropout=dropout,
            label_smoothing=label_smoothing,
            members=members,
            dtype=dtype,
            seed=seed,
        )
        self._build(settings, find_backend(backend))
        self._own(
            initial_parameters(
                self.layers, self.layout, self.identity, settings.init, self.head.link.name
            ),
            initial_statistics(self.statistics_layout, self.identity),
        )

    @classmethod
    def _holding(
        cls, settings: Configuration, backend: Backend, parameters: Array, statistics: Array
    ) -> Self:
        """A network that starts from values given, and draws none."""
        network = cls.__new__(cls)
        network._build(settings, backend)
        network._own(parameters, statistics)
        return network

    def _build(self, settings: Configuration, backend: Backend) -> None:
        """All of the network but its values."""
        self.settings, self.backend = settings, backend
        self.head = HEADS[self.settings.output]
        name, self.loss_settings = parse_spec(self.settings.loss)
        self.loss_function = self.head.loss(name)
        check_parameters(name, self.loss_function.rows, self.loss_settings)
        _check_loss_settings(self.loss_settings)
        if np.any(self.settings.label_smoothing != 0):
            self.loss_settings["label_smoothing"] = self.settings.label_smoothing
        self.identity = self.settings.identity
        self.layers: tuple[Layer, ...] = tuple(build_layers(self.settings))
        self.layout = Layout(layer.parameters for layer in self.layers)
        self.statistics_layout = Layout(layer.statistics for layer in self.layers)

    def _own(self, parameters: Array, statistics: Array) -> None:
        """Copy values, the host's or the backend's, into aligned buffers, and make the views."""
        buffers = []
        for values in (parameters, statistics):
            buffer = self.backend.zeros(tuple(values.shape), self.dtype)
            buffer[...] = self.backend.asarray(values, self.dtype)
            buffers.append(buffer)
        self.values = Parameters(buffers[0], self.layout)
        self.statistics = Parameters(buffers[1], self.statistics_layout)

    # What it is

    @property
    def parameters(self) -> Array:
        """The flat buffer ``(..., P)`` that holds every parameter; write into it to change them."""
        return self.values.flat

    @property
    def weights(self) -> list[Array]:
        """``(..., fan_in, fan_out)`` for each affine layer, views into `parameters`."""
        return self.values.weights

    @property
    def biases(self) -> list[Array]:
        """``(..., fan_out)`` for each affine layer, views into `parameters`."""
        return self.values.biases

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, hidden widths and outputs."""
        return tuple(self.settings.sizes)

    @property
    def members(self) -> int | None:
        """How many networks the stack has; ``None`` for a single one."""
        return self.settings.members

    @property
    def dtype(self) -> str:
        """``"float32"`` or ``"float64"``."""
        return self.settings.dtype

    @property
    def configuration(self) -> dict[str, Any]:
        """The constructor's arguments, all but the backend, as JSON can hold them."""
        return self.settings.as_json()

    @property
    def named(self) -> dict[str, Array]:
        """Views of every parameter and running statistic by name, ``layers.0.weight``.

        The affine layers are counted from 0; what normalizes behind one bears its number.
        """
        affine = np.cumsum([isinstance(layer, Affine) for layer in self.layers]) - 1
        return {
            f"layers.{affine[layer]}.{name}": array
            for values in (self.values, self.statistics)
            for layer, views in enumerate(values.views)
            for name, array in views.items()
        }

    def tensors(self) -> dict[str, np.ndarray]:
        """Host copies of every parameter and running statistic by name."""
        return {name: np.array(self.backend.to_numpy(view)) for name, view in self.named.items()}

    def set_tensors(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Write parameters and running statistics by name; every name must be there, no other.

        Raises:
            ValueError: for names or shapes that are not this network's.
        """
        named = self.named
        expected = {name: tuple(view.shape) for name, view in named.items()}
        got = {name: tuple(value.shape) for name, value in tensors.items()}
        if got != expected:
            wrong = sorted(set(got.items()) ^ set(expected.items()))[0]
            raise ValueError(
                f"got tensors that are not this network's, first {wrong[0]} of shape "
                f"{got.get(wrong[0])}, expected {expected.get(wrong[0])}"
            )
        for name, view in named.items():
            view[...] = self.backend.asarray(tensors[name], self.dtype)

    def to(self, backend: Any) -> Self:
        """The same network on another backend, its values copied."""
        return self._holding(self.settings, find_backend(backend), *self._host_values())

    def copy(self) -> Self:
        """An independent network with the same values."""
        return self.to(self.backend)

    def select(self, members: Any) -> Self:
        """Some members of a stack as a stack of their own, or one as a single network.

        ``stack[members]`` is the same. The values are copied, and each keeps its place in the
        random draws: it goes on as it would have gone on among the others.

        Args:
            members: a slice, a list of numbers or a mask ``(E,)`` for a stack; a number for one.

        Raises:
            TypeError: for a single network.
            IndexError: for a member that is not there, or for none at all.

        >>> import mlpcore as mc
        >>> stack = mc.MLP([4, 3], members=5, seed=7)
        >>> stack.select([0, 3]).configuration["seed"]
        [[7, 0], [7, 3]]
        """
        count = len(self)
        try:
            chosen = np.arange(count)[members]
        except IndexError:
            chosen = np.empty(0)
        if chosen.ndim > 1 or chosen.size == 0:
            raise IndexError(
                f"got member {members!r}, expected 0 to {count - 1}, or a slice, a list or a mask "
                "of some of them"
            )
        if chosen.ndim == 0:
            values = [buffer[int(chosen), ...] for buffer in self._buffers]
        else:
            places = self.backend.asarray(chosen, "int64")
            values = [self.backend.xp.take(buffer, places, axis=0) for buffer in self._buffers]
        return self._holding(self.settings.select(chosen), self.backend, *values)

    def __getitem__(self, members: Any) -> Self:
        return self.select(members)

    def __len__(self) -> int:
        if self.members is None:
            raise TypeError("got a single network, expected a stack; set members=E")
        return self.members

    def __repr__(self) -> str:
        stack = "" if self.members is None else f", members={self.members}"
        return (
            f"{type(self).__name__}({list(self.sizes)}, activation={self.settings.activation!r}, "
            f"output={self.settings.output!r}{stack}, dtype={self.dtype!r}, "
            f"backend={self.backend.name!r})"
        )

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self.configuration, self.backend, self._host_values())

    # What it computes

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
        """The logits, ``(..., n, n_out)``, computed in pieces of bounded memory."""
        x = inputs.features(X, self.sizes[0], self.members, self.backend, self.dtype)
        pieces = [self._infer(piece) for piece in self._pieces(x)]
        return pieces[0] if len(pieces) == 1 else self.backend.xp.concat(pieces, axis=-2)

    def predict(self, X: Any) -> Array:
        """The output activations: probabilities or values, ``(..., n, n_out)``."""
        return self.head.link(self.forward(X))

    def loss(self, X: Any, y: Any, *, sample_weight: Any = None, class_weight: Any = None) -> Any:
        """The sample-weighted mean loss as in prediction: a number, or ``(members,)``."""
        x, target, weight = self.prepare(X, y, sample_weight, class_weight)
        return self.loss_function(self.forward(x), target, weight, **self.loss_settings)

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
        logits, saved = self.propagate(x, p, s, run)
        loss, dz = self.loss_function.value_and_gradient(
            logits, target, weight, **self.loss_settings
        )
        self.backpropagate(dz, saved, p, g.views, run)
        return loss, g

    def prepare(
        self, X: Any, y: Any, sample_weight: Any = None, class_weight: Any = None
    ) -> tuple[Array, Array, Array | None]:
        """Check and convert a data set once: features, targets, and the weight of each row."""
        x = inputs.features(X, self.sizes[0], self.members, self.backend, self.dtype, rows=1)
        rows = x.shape[-2]
        target = inputs.targets(
            y, self.head, self.sizes[-1], rows, self.members, self.backend, self.dtype
        )
        weight = inputs.weights(sample_weight, rows, self.members, self.backend, self.dtype)
        if class_weight is not None:
            shares = inputs.class_weights(class_weight, target, self.sizes[-1], self.head)
            shares = self.backend.asarray(shares, self.dtype)
            weight = row_weights(target, shares, weight)
            inputs.check_some_weight("class_weight", weight, self.backend)
        return x, target, weight

    # Private

    def _infer(self, x: Array) -> Array:
        return self.propagate(x, self.values.views, self.statistics.views, Pass())[0]

    def _pieces(self, x: Array) -> Iterator[Array]:
        row = max(self.sizes) * (self.members or 1) * (4 if self.dtype == "float32" else 8)
        rows = max(PIECE_BYTES // row, 1)
        for start in range(0, max(x.shape[-2], 1), rows):
            yield x[..., start : min(start + rows, x.shape[-2]), :]

    @property
    def _buffers(self) -> tuple[Array, Array]:
        return self.parameters, self.statistics.flat

    def _host_values(self) -> list[np.ndarray]:
        return [self.backend.to_numpy(buffer) for buffer in self._buffers]


def _check_loss_settings(settings: dict[str, Any]) -> None:
    if "label_smoothing" in settings:
        raise ValueError(
            "got label_smoothing in the loss's name, expected it beside: label_smoothing="
            f"{settings['label_smoothing']!r}"
        )
    for name, value in settings.items():
        at_least_0(name, value, above=True)


def _rebuild(cls: type[Network], configuration: Any, backend: Any, state: Any) -> Network:
    return cls._holding(Configuration(**configuration), backend, *state)
