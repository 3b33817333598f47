"""Activations taken in the products before them, where that computes the same in less time.

cuBLASLt adds the bias and takes ReLU, or GELU by the hyperbolic tangent, as it writes a product,
and keeps what the derivative needs; behind a product backward it takes the derivative and sums the
bias gradient. Each layer of each shape is timed once with its kernels and with every epilogue that
there is; one that is missing, slower, or gives other numbers on a trial is not taken.

ReLU of NaN is 0 there. Forward, NaN comes from infinities, and what is behind an infinite
activation cannot stay finite: the gradient by the next weights adds up its products, and infinity
times anything is no number that an update survives. So a step that diverged is found by its
parameters where it is not by its loss, and is the same step; only of sums that overflow both ways
at once it may be a later one. A gradient clipped by value would survive, and a prediction has none:
there ReLU stays with its kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from mlpcore.backend.cuda.precision import CARRIER, Recorded
from mlpcore.backend.cuda.products import Beside, Product, multiplied_in
from mlpcore.backend.cuda.timing import milliseconds
from mlpcore.backend.dispatch import Array

#: How far results may be from the kernels', relative to the largest, by what is multiplied in; and
#: the share that may be further, where rounding decides on which side of 0 a number lies.
TOLERANCES, FURTHER = {"float64": 1e-9, "float32": 1e-4}, 5e-3
SMALLER_TYPES = 2e-3
#: Of so many bits, or numbers, a row of what is kept for the derivative is a whole multiple.
BITS, NUMBERS = 128, 8

#: So many numbers are drawn for a trial, and repeated; as many results are compared.
DRAWN = 1_000_003

#: What was chosen before, by all that it may depend on.
_fastest: dict[Hashable, tuple[str, str]] = {}

Launches = list[Any]
#: The launches forward and backward.
Way = tuple[Launches, Launches]


@dataclass(frozen=True)
class Site:
    """An activation between products, by the places of the calls.

    Attributes:
        function: ``"relu"`` or ``"gelu"``.
        forward: of the product that it is taken of.
        backward: of the product right before its derivative; ``None`` where there is none.
        reread: whether anyone but the activation reads the product.
    """

    function: str
    forward: int
    backward: int | None
    reread: bool

    @property
    def keeps_bits(self) -> bool:
        """Whether it needs room for a bit for each result."""
        return self.function == "relu" and self.backward is not None

    @property
    def ways(self) -> list[tuple[str, str]]:
        """The epilogues forward and backward; without a name, the kernels."""
        kept = self.backward is not None
        if self.function == "relu":
            return [("RELU_BIAS", "")] + [("RELU_AUX_BIAS", "DRELU")] * kept
        forward = "GELU_AUX_BIAS" if self.reread else "GELU_BIAS"
        return [(forward, "")] + [("", "DGELU"), (forward, "DGELU")] * kept


def sites(calls: list[Recorded]) -> list[Site]:
    """Where an epilogue could stand for an activation, or for its derivative too."""
    relu = _is_guarded(calls)
    found = []
    for place, (product, activation) in enumerate(pairwise(calls)):
        function = _function(activation)
        if product.name != "affine" or activation.inputs[:1] != product.outputs:
            continue
        if not function or (function == "relu" and not relu):
            continue
        (z,), (a,) = product.outputs, activation.outputs
        back = [
            number
            for number, call in enumerate(calls)
            if call.name in (f"{function}_backward", f"{function}_backward_bias")
            and call.inputs[1:3] == [z, a]
        ]
        if _readers(calls, z) - {place + 1, *back}:
            continue
        behind = back[0] - 1 if back and _is_behind_product(calls, back[0]) else None
        found.append(Site(function, place, behind, bool(back)))
    return found


def bits_shape(z: Any) -> tuple[int, ...]:
    """Bytes for a bit for each number of a matrix ``(..., n, k)``, rows padded."""
    *lead, columns = z.shape
    return (*lead, -(-columns // BITS) * BITS // 8)


class Layer:
    """A site bound to its memory, and the fastest of the ways to compute it.

    Args:
        site: where.
        calls: those of the plan.
        launches: of each call; those of the site's become the fastest ones.
        place: ``place(symbol)``, its array.
        product: ``product(left, right, out, bias, **how)``.
        bits: room for what ReLU keeps, if it does.
    """

    def __init__(
        self,
        site: Site,
        calls: list[Recorded],
        launches: list[Launches],
        place: Callable[[Any], Array],
        product: Callable[..., Any],
        bits: Array | None,
    ):
        self._site, self._launches, self._product, self._bits = site, launches, product, bits
        forward, activation = calls[site.forward : site.forward + 2]
        self._forward = [*map(place, forward.inputs), place(activation.outputs[0])]
        self._z = place(forward.outputs[0])
        self._backward: list[Array] = []
        if site.backward is not None:
            before, derivative = calls[site.backward : site.backward + 2]
            self._backward = [*map(place, before.inputs), *map(place, derivative.outputs)]

    def settle(self, precision: str) -> None:
        """Put the launches of the fastest way in the place of the calls'."""
        site, launches = self._site, self._launches
        kernels = self._kernels()
        products = [each.key for way in kernels for each in way if isinstance(each, Product)]
        key = (site, len(self._backward), *products)
        if key not in _fastest:
            _fastest[key] = self._try(kernels, precision)
        names = _fastest[key]
        for place, way in zip((site.forward, site.backward), self._make(kernels, *names)):
            if place is not None:
                launches[place : place + 2] = [way, []]

    def _try(self, kernels: Way, precision: str) -> tuple[str, str]:
        """The epilogues of the fastest way, of those that compute the same."""
        ways = {}
        for names in self._site.ways:
            with suppress(NotImplementedError):
                ways[names] = self._make(kernels, *names)
        if not ways:
            return "", ""
        self._fill(precision)
        kind = multiplied_in(precision, self._forward[-1].dtype)
        alike = partial(_are_alike, TOLERANCES.get(kind, SMALLER_TYPES))
        expected, times = self._results(kernels), {("", ""): _time(kernels)}
        for names, way in ways.items():
            with suppress(NotImplementedError):
                if all(map(alike, self._results(way), expected)):
                    times[names] = _time(way)
        return min(times, key=lambda names: times[names])

    def _fill(self, precision: str) -> None:
        """Numbers for what the plan computes before it multiplies; weights lie there, or casts."""
        for matrices in (self._forward[:2], self._backward[:2]):
            for array in (*matrices[:1], *(w for w in matrices[1:] if w.dtype == CARRIER)):
                _fill(array, precision)

    def _results(self, way: Way) -> list[np.ndarray]:
        _run(way)
        return [_sample(array) for array in (self._forward[-1], *self._backward[2:])]

    def _kernels(self) -> Way:
        own, found = self._launches, []
        for place in (self._site.forward, self._site.backward):
            found.append([] if place is None else [*own[place], *own[place + 1]])
        return found[0], found[1]

    def _make(self, kernels: Way, forward: str, backward: str) -> Way:
        one, two = kernels
        if forward:
            x, weight, bias, a = self._forward
            beside = self._beside() if "AUX" in forward else None
            one = [self._product(x, weight, a, bias, epilogue=forward, beside=beside)]
        if backward:
            dz, weight, out, *sums = self._backward
            backward += "_BGRAD" * len(sums)
            how: dict[str, Any] = {"transpose_right": True, "epilogue": backward}
            two = [self._product(dz, weight, out, *sums, beside=self._beside(), **how)]
        return one, two

    def _beside(self) -> Beside:
        """Bits in a room of their own, or the product itself."""
        array = self._z if self._bits is None else self._bits
        *_, rows, lead = array.shape
        if self._bits is not None:
            return Beside(array, 8 * lead, 8 * lead * rows)
        if lead % NUMBERS:
            raise NotImplementedError(f"cuBLASLt keeps rows of {NUMBERS} numbers, got {lead}")
        return Beside(array, lead, lead * rows)


def _function(call: Recorded) -> str:
    if call.name == "relu":
        return "relu"
    approximate = call.parameters.get("approximate")
    return "gelu" if call.name == "gelu" and approximate == "tanh" else ""


def _is_guarded(calls: list[Recorded]) -> bool:
    """Whether a NaN that ReLU hides is found by the parameters."""
    updates = [call for call in calls if "clip_value" in call.parameters]
    trained = any(call.name == "stop_if_not_finite" for call in calls)
    return trained and all(call.parameters["clip_value"] is None for call in updates)


def _readers(calls: list[Recorded], symbol: Any) -> set[int]:
    return {number for number, call in enumerate(calls) if symbol in call.inputs}


def _is_behind_product(calls: list[Recorded], derivative: int) -> bool:
    """Whether a derivative is taken of a product that nobody else reads."""
    da, before = calls[derivative].inputs[0], calls[derivative - 1]
    product = before.name == "affine_input_gradient" and before.outputs == [da]
    return product and _readers(calls, da) == {derivative}


def _fill(array: Array, precision: str) -> None:
    """Normal numbers, in the bits that products of a precision read."""
    flat = array.reshape(-1)
    filled = min(flat.size, DRAWN)
    values = np.random.default_rng(0).standard_normal(filled)
    if array.dtype.itemsize > 2:
        flat[:filled].set(values.astype(array.dtype))
    elif precision == "float16":
        flat[:filled].set(values.astype(np.float16).view(np.uint16))
    else:
        flat[:filled].set((values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16))
    while filled < flat.size:
        more = min(filled, flat.size - filled)
        flat[filled : filled + more] = flat[:more]
        filled += more


def _sample(array: Array) -> np.ndarray:
    """Numbers from all over an array, on the host."""
    step = 1 + 2 * (array.size // (2 * DRAWN))  # odd, to meet every column
    return np.asarray(array.reshape(-1)[::step].get())


def _run(way: Way) -> None:
    for launches in way:
        for launch in launches:
            launch.run()


def _time(way: Way) -> float:
    return milliseconds(lambda: _run(way))


def _are_alike(tolerance: float, got: np.ndarray, expected: np.ndarray) -> bool:
    near = np.abs(got - expected) <= tolerance * np.max(np.abs(expected), initial=0)
    return bool(np.count_nonzero(near) >= (1 - FURTHER) * near.size)
