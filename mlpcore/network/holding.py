"""What a network is and holds: its settings and its values, made, copied, selected and stacked."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any, Self

import numpy as np

from mlpcore.backend.devices import Backend
from mlpcore.backend.devices import backend as find_backend
from mlpcore.backend.dispatch import Array
from mlpcore.layers import Affine
from mlpcore.network.build import Structure
from mlpcore.network.configuration import Configuration
from mlpcore.network.initialize import initial_values
from mlpcore.network.padding import present
from mlpcore.network.parameters import Parameters
from mlpcore.network.sizes import widest


class Holding:
    """The settings of a network or a stack, and its values in two flat buffers on a backend."""

    def __init__(
        self,
        sizes: Sequence[Any],
        *,
        activation: Any = "relu",
        output: str = "softmax",
        loss: str = "auto",
        init: Any = "auto",
        init_scale: Any = 1.0,
        normalization: str | None = None,
        dropout: Any = 0.0,
        label_smoothing: Any = 0.0,
        members: int | None = None,
        dtype: str = "float32",
        backend: Any = "cpu",
        precision: str = "auto",
        seed: Any = 0,
    ):
        settings = Configuration(
            sizes=sizes,
            activation=activation,
            output=output,
            loss=loss,
            init=init,
            init_scale=init_scale,
            normalization=normalization,
            dropout=dropout,
            label_smoothing=label_smoothing,
            members=members,
            dtype=dtype,
            seed=seed,
        )
        found = find_backend(backend, weights=settings.weights)
        self._build(settings, found.computing(precision, settings.dtype))
        self._own(*initial_values(settings, self.structure))

    @classmethod
    def _of(
        cls,
        settings: Configuration,
        backend: Backend,
        buffers: Sequence[Array],
        structure: Structure | None = None,
    ) -> Self:
        """A network that starts from values given, as ``structure`` has them, and draws none."""
        network = cls.__new__(cls)
        network._build(settings, backend)
        layouts = network.structure.layouts
        given = layouts if structure is None else structure.layouts
        network._own(*(a.adapted(values, b) for a, values, b in zip(layouts, buffers, given)))
        return network

    @classmethod
    def from_tensors(
        cls, configuration: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
    ) -> Self:
        """A network in the host's memory, of what `configuration` and `tensors` tell of another.

        The tensors are compared with the configuration before any memory is taken.

        Raises:
            ValueError: for tensors that do not fit; whatever else a constructor raises for
                arguments that cannot be.

        >>> import mlpcore as mc
        >>> net = mc.MLP([4, 8, 3])
        >>> mc.MLP.from_tensors(net.configuration, net.tensors()).sizes
        (4, 8, 3)
        """
        settings = Configuration(**configuration)
        if len(tensors) < 2 * settings.depth:
            raise ValueError(
                f"got {len(tensors)} tensors, expected a weight and a bias for each of the "
                f"{settings.depth} layers"
            )
        structure = Structure(settings)
        slots = [slot for layout in structure.layouts for slot in layout.slots]
        wanted = (settings.members or 1) * sum(prod(slot.shape) for slot in slots)
        found = sum(tensor.size for tensor in tensors.values())
        dtypes = {tensor.dtype.name for tensor in tensors.values()}
        if found != wanted or dtypes != {settings.dtype}:
            raise ValueError(
                f"got tensors of {found} numbers of {' and '.join(sorted(dtypes))}, expected "
                f"{wanted} of {settings.dtype}"
            )
        lead = () if settings.members is None else (settings.members,)
        empty = [np.zeros((*lead, layout.size)) for layout in structure.layouts]
        network = cls._of(settings, find_backend("cpu"), empty)
        network.set_tensors(tensors)
        return network

    @classmethod
    def stack(cls, networks: Iterable[Holding]) -> Self:
        """Single networks, or the members of stacks, one after the other as one stack.

        Each keeps its values, which are copied, its settings and its place in the random draws.

        Raises:
            ValueError: for no network, or for networks that differ in depth, inputs, outputs, loss,
                normalization, dtype or backend.

        >>> import mlpcore as mc
        >>> mc.MLP.stack([mc.MLP([4, 8, 3], seed=1), mc.MLP([4, 5, 3], seed=2)]).sizes
        (4, (8, 5), 3)
        """
        given = list(networks)
        places = [network.backend for network in given]
        backends = {(place.name, place.precision): place for place in places}
        if len(backends) != 1:
            raise ValueError(
                f"got networks on {len(backends)} backends, expected at least one network, and all "
                "on one backend; move them with to()"
            )
        settings = Configuration.join([network.settings for network in given])
        structure, (backend,) = Structure(settings), backends.values()
        buffers = []
        for i, layout in enumerate(structure.layouts):
            parts = [
                backend.xp.reshape(
                    layout.adapted(network._buffers[i], network.structure.layouts[i]),
                    (network.members or 1, layout.size),
                )
                for network in given
            ]
            buffers.append(backend.xp.concat(parts, axis=0))
        return cls._of(settings, backend, buffers)

    def _build(self, settings: Configuration, backend: Backend) -> None:
        """All of the network but its values."""
        self.settings, self.backend = settings, backend
        self.identity = settings.identity
        self.structure = Structure(settings)
        self.layers = self.structure.layers
        self.layout, self.statistics_layout = self.structure.layouts

    def _own(self, parameters: Array, statistics: Array) -> None:
        """Copy values, the host's or the backend's, into aligned buffers, and make the views."""
        buffers = []
        for values in (parameters, statistics):
            buffer = self.backend.zeros(tuple(values.shape), self.dtype)
            buffer[...] = self.backend.asarray(values, self.dtype)
            buffers.append(buffer)
        self.values = Parameters(buffers[0], self.layout)
        self.statistics = Parameters(buffers[1], self.statistics_layout)

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
    def sizes(self) -> tuple[Any, ...]:
        """Inputs, hidden widths and outputs; where widths differ by member, a tuple of them."""
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
        """The constructor's arguments but for the backend and the precision, as JSON holds them."""
        return self.settings.as_json()

    @property
    def named(self) -> dict[str, Array]:
        """Views of every parameter and running statistic by name, ``layers.0.weight``.

        The affine layers are counted from 0; what normalizes behind one bears its number.
        """
        return self._named(self._buffers)

    def tensors(self) -> dict[str, np.ndarray]:
        """Host copies of every parameter and running statistic by name."""
        return {name: np.array(view) for name, view in self._named(self._host_values()).items()}

    def set_tensors(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Write parameters and running statistics by name; every name must be there, no other.

        Raises:
            ValueError: for names or shapes that are not this network's.
        """
        named = self.named
        expected = {name: tuple(view.shape) for name, view in named.items()}
        got = {name: tuple(np.shape(value)) for name, value in tensors.items()}
        if got != expected:
            wrong = sorted(set(got.items()) ^ set(expected.items()))[0]
            raise ValueError(
                f"got tensors that are not this network's, first {wrong[0]} of shape "
                f"{got.get(wrong[0])}, expected {expected.get(wrong[0])}"
            )
        self._check_padding(tensors)
        for name, view in named.items():
            view[...] = self.backend.asarray(tensors[name], self.dtype)

    def _check_padding(self, tensors: Mapping[str, np.ndarray]) -> None:
        if self.sizes == widest(self.sizes):
            return
        for name, inside in self._named(present(self.settings, self.structure)).items():
            if np.any(np.asarray(tensors[name])[inside == 0] != 0):
                raise ValueError(
                    f"got {name} with numbers beyond a member's own width, expected zeros "
                    f"there; the widths are {self.sizes[1:-1]}"
                )

    def to(self, backend: Any, *, precision: str = "auto") -> Self:
        """The same network on another backend, its values copied; ``precision`` as in `MLP`."""
        place = find_backend(backend, weights=self.settings.weights)
        return self._of(self.settings, place.computing(precision, self.dtype), self._host_values())

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
        return self._of(self.settings.select(chosen), self.backend, values, self.structure)

    def __getitem__(self, members: Any) -> Self:
        return self.select(members)

    def __len__(self) -> int:
        if self.members is None:
            raise TypeError("got a single network, expected a stack; set members=E")
        return self.members

    def __repr__(self) -> str:
        stack = "" if self.members is None else f", members={self.members}"
        return (
            f"{type(self).__name__}({_short(list(self.sizes))}, "
            f"activation={_short(self.settings.activation)}, "
            f"output={self.settings.output!r}{stack}, dtype={self.dtype!r}, "
            f"backend={self.backend.name!r})"
        )

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self.configuration, self.backend, self._host_values())

    def _named(self, buffers: Sequence[Array]) -> dict[str, Array]:
        affine = np.cumsum([isinstance(layer, Affine) for layer in self.layers]) - 1
        return {
            f"layers.{affine[slot.layer]}.{slot.name}": slot.of(buffer)
            for buffer, layout in zip(buffers, self.structure.layouts)
            for slot in layout.slots
        }

    @property
    def _buffers(self) -> tuple[Array, Array]:
        return self.parameters, self.statistics.flat

    def _host_values(self) -> list[np.ndarray]:
        return [self.backend.to_numpy(buffer) for buffer in self._buffers]


def _short(setting: Any) -> str:
    """A setting in a few words, however many members there are."""
    if isinstance(setting, np.ndarray):
        return f"array({reprlib.repr(setting.tolist())})"
    if isinstance(setting, list):
        return f"[{', '.join(map(_short, setting))}]"
    return reprlib.repr(setting) if isinstance(setting, tuple) else repr(setting)


def _rebuild(cls: type[Holding], configuration: Any, backend: Any, state: Any) -> Holding:
    return cls._of(Configuration(**configuration), backend, state)
