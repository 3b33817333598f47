"""Random draws that are the same on every backend: a counter in, the same words out.

A generator without state has nothing to share or to lose: a draw is named by who draws (seed,
member), what for (purpose, layer) and when (step), and can be repeated or made in any order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mlpcore.backend.dispatch import Array, namespace, primitive
from mlpcore.backend.namespaces import Namespace

#: What a draw is for; draws for different purposes are independent.
WEIGHTS = 0
SHUFFLE = 1
DROPOUT = 2

_MASK = 2**32 - 1
_ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)


def philox(counter: tuple[Array, ...], key: tuple[Array, ...]) -> tuple[Array, ...]:
    """Philox4x32-10: four 32-bit words from a counter of four and a key of two.

    Args:
        counter: four int64 arrays of 32-bit values, of shapes that broadcast.
        key: two of them.

    Returns:
        Four int64 arrays of 32-bit values.

    Source: Salmon, Moraes, Dror & Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3",
    section 3.3.

    >>> import numpy as np
    >>> zero = np.asarray(0)
    >>> [f"{int(word):08x}" for word in philox((zero, zero, zero, zero), (zero, zero))]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        high0, low0 = _product(_MULTIPLIERS[0], c0)
        high1, low1 = _product(_MULTIPLIERS[1], c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + _WEYL[0]) & _MASK, (k1 + _WEYL[1]) & _MASK
    return c0, c1, c2, c3


def _product(a: int, b: Array) -> tuple[Array, Array]:
    """The high and the low word of ``a * b``.

    ``b`` is split at 16 bits, so that everything fits into int64: not every library has uint64.
    """
    high = a * (b >> 16)
    low = a * (b & 0xFFFF)
    return (high + (low >> 16)) >> 16, (((high & 0xFFFF) << 16) + low) & _MASK


def philox_words(
    seed: Any,
    member: Any,
    purpose: int,
    step: Any,
    count: int,
    layer: int = 0,
    xp: Namespace = np,
    device: Any = None,
) -> Array:
    """The first ``count`` words of the stream that the other arguments name.

    Word ``i`` is word ``i % 4`` of Philox's block ``(i // 4, step, purpose + 256 * layer, member)``
    under the key ``seed``, low half first.

    Args:
        seed: an integer below ``2^64``, or an integer array with one per member ``(...)``.
        member: an integer below ``2^32``, or one per member; likewise ``step``.
        purpose: ``WEIGHTS``, ``SHUFFLE`` or ``DROPOUT``.
        step: the number of the step, epoch or tensor that draws.
        count: how many words.
        layer: the number of the layer that draws.
        xp: the array library to compute with.
        device: the device to compute on.

    Returns:
        An int64 array ``(..., count)`` of values below ``2^32``.

    >>> [f"{int(word):08x}" for word in philox_words(0, 0, WEIGHTS, 0, 3)]
    ['6627e8d5', 'e169c58d', 'bc57ac4c']
    """

    def word(value: Any) -> Array:
        return xp.asarray(value & _MASK, dtype=xp.int64, device=device)[..., None]

    blocks = -(-count // 4)
    block = xp.arange(blocks, dtype=xp.int64, device=device)
    counter = (block, word(step), word(purpose + 256 * layer), word(member))
    words = xp.stack(philox(counter, (word(seed), word(seed >> 32))), axis=-1)
    return xp.reshape(words, (*words.shape[:-2], 4 * blocks))[..., :count]


def uniform(
    seed: Any,
    member: Any,
    purpose: int,
    step: Any,
    count: int,
    layer: int = 0,
    xp: Namespace = np,
    device: Any = None,
) -> Array:
    """Uniform numbers, ``u = (word + 1/2) / 2^32``: float64, in (0, 1) without its ends.

    The arguments are those of ``philox_words``.

    Returns:
        A float64 array ``(..., count)``.

    >>> uniform(0, 0, WEIGHTS, 0, 3).round(4)
    array([0.399 , 0.8805, 0.7357])
    """
    words = philox_words(seed, member, purpose, step, count, layer, xp, device)
    return (xp.astype(words, xp.float64) + 0.5) / 2**32


def normal(
    seed: Any,
    member: Any,
    purpose: int,
    step: Any,
    count: int,
    layer: int = 0,
    xp: Namespace = np,
    device: Any = None,
) -> Array:
    """Standard normal numbers, two from each two uniform ones ``u``, ``v``.

    ``sqrt(-2 log u) cos(2 pi v)`` and ``sqrt(-2 log u) sin(2 pi v)``; the arguments are those of
    ``philox_words``.

    Returns:
        A float64 array ``(..., count)``.

    Source: Box & Muller (1958), "A note on the generation of random normal deviates", eq. 1.

    >>> normal(0, 0, WEIGHTS, 0, 3).round(4)
    array([ 0.9911, -0.9247, -0.6176])
    """
    even = count + count % 2
    u = uniform(seed, member, purpose, step, even, layer, xp, device)
    radius = xp.sqrt(-2 * xp.log(u[..., 0::2]))
    angle = 2 * math.pi * u[..., 1::2]
    pairs = xp.stack((radius * xp.cos(angle), radius * xp.sin(angle)), axis=-1)
    return xp.reshape(pairs, (*pairs.shape[:-2], even))[..., :count]


@primitive()
def permutation(rows: Array, *, seed: Any, member: Any = 0, epoch: Any) -> Array:
    """Shuffle each member's rows: the order in which their random words ascend, ties as they were.

    Args:
        rows: row numbers ``(..., n)``, int64; ``(n,)`` where all members have the same,
            with an ``out`` that has room for each of them.
        seed: the network's seed, below ``2^64``; a number, or one per member ``(...)``.
        member: the number of the network in its stack; likewise.
        epoch: the number of the epoch, so that each has an order of its own.

    Returns:
        The same numbers in another order, ``(..., n)``.

    >>> import numpy as np
    >>> permutation(np.arange(5), seed=0, epoch=0)
    array([2, 3, 0, 4, 1])
    """
    xp = namespace(rows)
    n = rows.shape[-1]
    words = philox_words(seed, member, SHUFFLE, epoch, n, xp=xp, device=rows.device)
    order = xp.argsort(words, axis=-1, stable=True)
    shape = np.broadcast_shapes(rows.shape, order.shape)
    return xp.take_along_axis(xp.broadcast_to(rows, shape), xp.broadcast_to(order, shape), axis=-1)
