"""Losses that outgrow their dtype."""

from __future__ import annotations

from math import inf

from mlpcore.backend.dispatch import Array, namespace


def largest_term(like: Array) -> float:
    """The largest number of which one for each column of ``like`` adds up without overflow."""
    largest = float(namespace(like).finfo(like.dtype).max)
    return largest / (2 * int(like.shape[-1]))


def infinite_beyond(x: Array, bound: float) -> Array:
    """``x``, but infinite above ``bound``.

    What is computed from infinity is infinite in silence; an overflow is too, but NumPy warns.

    >>> import numpy as np
    >>> infinite_beyond(np.array([1.0, 1e200]), 1e154)
    array([ 1., inf])
    """
    return namespace(x).where(x > bound, inf, x)
