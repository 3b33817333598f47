"""Dropout."""

from __future__ import annotations

from typing import Any

from mlpcore.backend.dispatch import Array, namespace, primitive
from mlpcore.backend.random import DROPOUT, philox_words
from mlpcore.functions.shapes import first_columns, per_member


@primitive()
def dropout(
    x: Array,
    *,
    rate: Any,
    seed: Any,
    member: Any = 0,
    step: Any,
    layer: int = 0,
    width: Any = None,
) -> Array:
    """Inverted dropout, ``y = x / (1 - rate)`` with probability ``1 - rate``, else 0.

    The mean stays, so prediction needs no scaling. The mask is drawn from a counter, so the same
    call on ``dy`` is the backward, and no mask is stored: element ``i = row * width + column`` of a
    member is kept where word ``i`` of its stream is at least ``floor(rate * 2^32)``.

    Args:
        x: activations ``(..., n, k)``.
        rate: the probability to drop, in [0, 1); a number, or one per member ``(...)``.
        seed: the network's seed, below ``2^64``; a number, or one per member.
        member: the number of the network in its stack; likewise.
        step: the number of the update, so that each one drops other elements.
        layer: the number of the dropout layer within the network.
        width: how many of the ``k`` columns a member has, an integer or one per member; the rest is
            padding, and 0 in the result. By default all of them.

    Returns:
        An array of the same shape and dtype.

    Source: Srivastava et al. (2014), "Dropout: a simple way to prevent neural networks from
    overfitting", section 10.

    >>> import numpy as np
    >>> dropout(np.ones((2, 4)), rate=0.5, seed=0, step=1)
    array([[0., 0., 0., 0.],
           [0., 2., 2., 0.]])
    """
    xp = namespace(x)
    n, k = x.shape[-2:]
    words = philox_words(seed, member, DROPOUT, step, n * k, layer, xp=xp, device=x.device)
    if width is None:
        words = xp.reshape(words, (*words.shape[:-1], n, k))
    else:
        words = _spread(words, x, width)
    # Compared as integers, and made from float64, so that every backend keeps the same elements.
    threshold = xp.astype(xp.asarray(rate, dtype=xp.float64, device=x.device) * 2**32, xp.int64)
    keep = words >= per_member(threshold, words, axes=2)
    if width is not None:
        keep = keep & first_columns(x, width)
    return xp.where(keep, x / per_member(1 - rate, x, axes=2), xp.zeros_like(x))


def _spread(words: Array, x: Array, width: Any) -> Array:
    """Word ``row * width + column`` for each element; any word in the padding."""
    xp = namespace(words)
    n, k = x.shape[-2:]
    row, column = (xp.arange(count, dtype=xp.int64, device=x.device) for count in (n, k))
    place = row[:, None] * per_member(width, words, axes=2) + column
    place = xp.reshape(xp.where(place < n * k, place, 0), (*place.shape[:-2], n * k))
    lead = tuple(x.shape[:-2])
    flat = xp.take_along_axis(
        xp.broadcast_to(words, (*lead, n * k)), xp.broadcast_to(place, (*lead, n * k)), axis=-1
    )
    return xp.reshape(flat, (*lead, n, k))


#: ``dx = dropout(dy)`` with the same parameters, and so the same mask.
dropout.backward = dropout
