"""The flat buffer: every parameter of a network in one contiguous row, and the views into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from mlpcore.backend.namespaces import Array, namespace

#: Parameters start at multiples of so many elements: 64 bytes in float32, 128 in float64.
STRIDE = 16


@dataclass(frozen=True)
class Slot:
    """One parameter's place: ``flat[..., start:stop]``, reshaped to ``shape``."""

    layer: int
    name: str
    shape: tuple[int, ...]
    start: int

    @property
    def stop(self) -> int:
        """Where it ends."""
        return self.start + prod(self.shape)

    def of(self, flat: Array) -> Array:
        """The parameter as a view into the flat buffer, ``(..., *shape)``."""
        piece = flat[..., self.start : self.stop]
        return namespace(flat).reshape(piece, (*flat.shape[:-1], *self.shape))


class Layout:
    """Where each parameter of each layer lies in the flat buffer ``(..., size)``.

    The gaps that alignment leaves stay zero: no gradient reaches them.

    >>> layout = Layout([{"weight": (3, 2), "bias": (2,)}])
    >>> [(slot.name, slot.start) for slot in layout.slots], layout.size
    ([('weight', 0), ('bias', 16)], 32)
    """

    def __init__(self, shapes: Iterable[Mapping[str, tuple[int, ...]]]):
        slots: list[Slot] = []
        place, count = 0, 0
        for count, layer in enumerate(shapes, start=1):
            for name, shape in layer.items():
                slots.append(Slot(count - 1, name, shape, place))
                place += -(-prod(shape) // STRIDE) * STRIDE
        self.slots = tuple(slots)
        self.layers = count
        self.size = place

    def views(self, flat: Array) -> list[dict[str, Array]]:
        """The parameters of each layer by name, as views into ``flat``."""
        views: list[dict[str, Array]] = [{} for _ in range(self.layers)]
        for slot in self.slots:
            views[slot.layer][slot.name] = slot.of(flat)
        return views

    def adapted(self, flat: Array, layout: Layout) -> Array:
        """A buffer that is laid out otherwise, for wider or narrower layers, in this layout.

        What both have is kept, and what only this one has is 0.

        Args:
            flat: ``(..., P)`` in the order of ``layout``: parameters, gradients or moments.
            layout: of the same layers, with widths of their own.

        Returns:
            ``(..., size)``; ``flat`` itself where the layouts are alike.
        """
        if layout.slots == self.slots:
            return flat
        shape = (*flat.shape[:-1], self.size)
        mine = namespace(flat).zeros(shape, dtype=flat.dtype, device=flat.device)
        for slot, other in zip(self.slots, layout.slots, strict=True):
            common = (..., *(slice(min(a, b)) for a, b in zip(slot.shape, other.shape)))
            slot.of(mine)[common] = other.of(flat)[common]
        return mine

    def mask(self, names: tuple[str, ...]) -> np.ndarray:
        """``(size,)`` of 1 where a parameter of one of these names lies, else 0."""
        mask = np.zeros(self.size)
        for slot in self.slots:
            if slot.name in names:
                mask[slot.start : slot.stop] = 1
        return mask


class Parameters:
    """A flat buffer of parameters, gradients or statistics, and its views by kind.

    Each list has one entry for each layer that has the kind.

    Attributes:
        flat: the buffer, ``(..., P)``.
        views: the parameters of each layer by name.
        weights: ``(..., fan_in, fan_out)`` each.
        biases: ``(..., fan_out)`` each.
        gammas: the scales of the normalization layers, ``(..., units)`` each.
        betas: their shifts.
    """

    def __init__(self, flat: Array, layout: Layout):
        self.flat = flat
        self.views = layout.views(flat)
        self.weights = self._all("weight")
        self.biases = self._all("bias")
        self.gammas = self._all("gamma")
        self.betas = self._all("beta")

    def _all(self, name: str) -> list[Array]:
        return [layer[name] for layer in self.views if name in layer]
