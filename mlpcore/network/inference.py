"""Rows of any number through a network, in bounded memory and from many threads at once."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpcore.backend.dispatch import Array
from mlpcore.functions.updates import gradient_norm
from mlpcore.layers import Pass
from mlpcore.network.arrays import PIECE_BYTES, check_finite, converted
from mlpcore.network.sizes import widest

if TYPE_CHECKING:
    from mlpcore.network.network import Network

#: Of so many members, each may fill a near cache with those of a recorded pass.
SHARING = 8
#: With fewer rows than this, reading the weights takes longer than the products.
FEW_ROWS = 256
#: So many rows more take less time than a piece of their own.
WORTH_A_PIECE = 8
#: The lengths of recorded pieces: few, and each at most a quarter longer than the one before.
LENGTHS = sorted({1, 2, 3} | {factor << power for power in range(40) for factor in (4, 5, 6, 7)})

#: First row, last row and outputs of a piece; they are good until the next one is asked for.
Piece = tuple[int, int, Array]


class Inference(ABC):
    """A way to compute outputs, some rows at a time.

    Attributes:
        most: the rows of a piece, at most.
    """

    most: int

    @abstractmethod
    def pieces(self, network: Network, x: Array, *, link: bool) -> Iterator[Piece]:
        """The logits of checked features ``x`` piece by piece, behind the ``link`` if asked for."""


class FunctionalInference(Inference):
    """Call by call, on every array library."""

    def __init__(self, network: Network):
        self.most = max(PIECE_BYTES // _bytes_of_a_row(network), 1)

    def pieces(self, network: Network, x: Array, *, link: bool) -> Iterator[Piece]:
        """Pieces as long as the memory allows."""
        views = network.values.views, network.statistics.views
        rows = x.shape[-2]
        for first in range(0, rows, self.most):
            last = min(first + self.most, rows)
            part = x[..., first:last, :]
            part = converted("X", part, network.backend, network.dtype, first=first)
            yield first, last, _outputs(network, part, *views, link)


class RecordedInference(Inference):
    """By passes that were recorded once for a few lengths and are replayed."""

    def __init__(self, network: Network):
        row, shares = _bytes_of_a_row(network), min(network.members or 1, SHARING)
        near = min(network.backend.cache_bytes * shares, PIECE_BYTES)
        rows = max(near // row, min(FEW_ROWS, PIECE_BYTES // row), 1)
        self.most = LENGTHS[bisect_right(LENGTHS, rows) - 1]
        self._idle: dict[Any, list[RecordedPass]] = {}

    def pieces(self, network: Network, x: Array, *, link: bool) -> Iterator[Piece]:
        """Pieces of the lengths that passes are recorded for; the last may be a little shorter."""
        rows, first = x.shape[-2], 0
        while first < rows:
            length = _length(min(rows - first, self.most))
            last = min(first + length, rows)
            idle = self._idle.setdefault((length, len(x.shape), link), [])
            try:
                recorded = idle.pop()  # nobody else's until it is put back
            except IndexError:
                recorded = RecordedPass(network, length, x.shape[:-2], link)
            try:
                yield first, last, recorded.run(network, x[..., first:last, :], first)
            finally:
                idle.append(recorded)
            first = last


class RecordedPass:
    """A forward pass over a number of rows, bound to memory of its own."""

    def __init__(self, network: Network, rows: int, lead: tuple[int, ...], link: bool):
        backend, shape = network.backend, (*lead, rows, network.sizes[0])
        flat = backend.zeros((math.prod(shape),), network.dtype)
        self._x = backend.xp.reshape(flat, shape)
        self._norm = backend.zeros((), network.dtype)
        self._measure = backend.plan()
        symbol = self._measure.symbol
        gradient_norm(symbol(flat), symbol(flat), out=symbol(self._norm))
        self._measure.finish()
        plan = backend.plan()
        views = plan.symbols(network.values.views), plan.symbols(network.statistics.views)
        outputs = _outputs(network, plan.symbol(self._x), *views, link)
        plan.finish()
        self._plan, self._y = plan, outputs.array

    def run(self, network: Network, x: Array, first: int) -> Array:
        """The outputs of some rows, which are converted and checked; the first is row ``first``."""
        place = self._x[..., : x.shape[-2], :]
        backend, dtype = network.backend, network.dtype
        own = isinstance(x, type(place))
        if own and x.dtype == place.dtype:
            place[...] = x
        else:
            with np.errstate(over="ignore"):
                place[...] = x if own else backend.asarray(x, dtype)
        self._measure.run(0, 1)
        # A norm of finite numbers may overflow; only then is it worth a look at each of them.
        if not np.isfinite(backend.to_numpy(self._norm)):
            check_finite("X", place, backend, dtype, first=first)
        self._plan.run(0, 1)
        return self._y[..., : x.shape[-2], :]


def _outputs(network: Network, x: Any, p: Any, s: Any, link: bool) -> Any:
    logits, _ = network.propagate(x, p, s, Pass())
    return network.head.link(logits) if link else logits


def _bytes_of_a_row(network: Network) -> int:
    """The activations of a row: each layer's before and behind its function."""
    size = 4 if network.dtype == "float32" else 8
    return 2 * sum(widest(network.sizes)) * (network.members or 1) * size


def _length(rows: int) -> int:
    """The next longer length if few rows of it, or an eighth, are wasted, else the next shorter.

    >>> [_length(rows) for rows in (1, 5, 17, 65, 100, 1000)]
    [1, 5, 20, 64, 112, 1024]
    """
    place = bisect_left(LENGTHS, rows)
    wasted = LENGTHS[place] - rows
    spare = max(WORTH_A_PIECE, LENGTHS[place] // 8)
    return LENGTHS[place] if wasted <= spare else LENGTHS[place - 1]
