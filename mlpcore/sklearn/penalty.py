"""The L2 penalty as part of a reported loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcore.network import Network


def epoch_strength(alpha: float, batches: int, weight: float) -> float:
    """What stands before ``||W||^2`` in the mean loss of an epoch.

    A batch of weight ``w_b`` adds ``alpha/2 ||W||^2 / w_b`` to its mean, and counts ``w_b / w`` in
    the epoch: together ``alpha/2 batches / w``.

    >>> epoch_strength(0.5, batches=4, weight=100.0)
    0.01
    """
    return 0.5 * alpha * batches / weight


class Penalty:
    """``strength ||W||^2`` of a network as it is when called, or of each member of a stack.

    >>> import mlpcore as mc
    >>> net = mc.MLP([2, 3], init="constant(value=2.0)")
    >>> float(Penalty(net, 0.5)())
    12.0
    """

    def __init__(self, network: Network, strength: Any):
        self._backend, self._strength = network.backend, strength
        self._parameters = network.parameters
        self._mask = self._backend.asarray(network.layout.mask(("weight",)), network.dtype)

    @np.errstate(over="ignore", invalid="ignore")  # a member of a stack that diverged is here too
    def __call__(self) -> Any:
        """The penalty on the host, a number or ``(E,)``."""
        parameters = self._parameters
        squares = self._backend.xp.vecdot(parameters * self._mask, parameters)
        return self._strength * self._backend.to_numpy(squares)
