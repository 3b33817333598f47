"""Who a network is to the random generator: its seed, and its place in a stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcore.backend import random
from mlpcore.network import by_member


@dataclass(frozen=True)
class Identity:
    """The keys of a network's random draws, one pair a member.

    One seed for a stack numbers its members; a sequence gives each member a seed of its own, and
    then draws what a single network with that seed draws. A pair ``(seed, member)`` makes a single
    network draw what that member of such a stack draws, and a pair a member does so for a stack.

    Attributes:
        seeds: ``(E,)``, or ``()`` for a single network.
        members: likewise, the number of each member.
    """

    seeds: np.ndarray
    members: np.ndarray

    @classmethod
    def of(cls, seed: int | Sequence[Any], members: int | None) -> Identity:
        """From the public ``seed`` and ``members``."""
        try:
            seeds = np.asarray(list(seed) if isinstance(seed, range) else seed)
            whole = seeds.dtype.kind in "iu" and bool(np.all((seeds >= 0) & (seeds < 2**63)))
        except (TypeError, ValueError):
            whole = False
        if not whole:
            raise ValueError(
                f"got seed={seed!r}, expected an integer from 0 to 2^63 - 1, or one a member"
            )
        seeds = seeds.astype(np.int64)
        stack = () if members is None else (members,)
        if seeds.shape == (*stack, 2):
            return cls(seeds[..., 0], seeds[..., 1])
        if seeds.shape not in ((), stack):
            raise ValueError(
                f"got {seeds.size} seeds for members={members}, expected one seed, or one a member"
            )
        if seeds.shape == () and members is not None:
            return cls(np.full(members, seeds), np.arange(members, dtype=np.int64))
        return cls(seeds, np.zeros_like(seeds))

    def __getitem__(self, members: int | np.ndarray) -> Identity:
        return Identity(self.seeds[members], self.members[members])

    def distinct(self) -> tuple[Identity, np.ndarray]:
        """Each identity once, and for each member the place of its own among them.

        Members of one identity draw the same numbers, which need be drawn only once.

        >>> once, places = Identity.of([7, 5, 7], members=3).distinct()
        >>> once.seeds, places
        (array([7, 5]), array([0, 1, 0]))
        """
        once, places = by_member.distinct(self.seeds, self.members)
        return Identity(*np.array(once, dtype=np.int64).T), places

    @property
    def seed(self) -> list[Any]:
        """A public ``seed`` that stands for this: the pair ``[seed, member]``, or one a member."""
        pairs: list[Any] = np.stack((self.seeds, self.members), axis=-1).tolist()
        return pairs

    @property
    def keys(self) -> dict[str, Any]:
        """The parameters of a primitive that draws."""
        if self.seeds.shape == ():
            return {"seed": int(self.seeds), "member": int(self.members)}
        return {"seed": self.seeds, "member": self.members}


class WeightDraws:
    """The draws of one layer's initial weights, float64 and the same for every backend."""

    def __init__(self, identity: Identity, layer: int):
        self._identity = identity
        self._places: np.ndarray | None = None
        if identity.seeds.ndim:
            self._identity, self._places = identity.distinct()
        self._layer = layer
        self._taken = 0

    def uniform(self, shape: tuple[int, ...]) -> np.ndarray:
        """Uniform numbers in (0, 1), ``(..., *shape)``."""
        return self._draw(random.uniform, shape)

    def normal(self, shape: tuple[int, ...]) -> np.ndarray:
        """Standard normal numbers, ``(..., *shape)``."""
        return self._draw(random.normal, shape)

    def _draw(self, draw: Any, shape: tuple[int, ...]) -> np.ndarray:
        count = int(np.prod(shape))
        numbers = draw(
            purpose=random.WEIGHTS,
            step=self._taken,
            count=count,
            layer=self._layer,
            **self._identity.keys,
        )
        self._taken += 1
        drawn: np.ndarray = np.asarray(numbers).reshape(*self._identity.seeds.shape, *shape)
        return drawn if self._places is None else drawn[self._places]
