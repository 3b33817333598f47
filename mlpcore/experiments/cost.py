"""What a stack costs, to choose between one that is padded and several that are not.

A member's step takes, on one processor,

    STEP + FLOP * flops + PARAMETER * parameters + VALUE * values

seconds, where flops are those of its products, forward and backward, parameters are what the
optimizer goes over, and values are what the layers hold for a batch. A stack of ``E`` members on
``T`` processors then takes

    STACK + PARAMETER_DRAWN * E * parameters + epochs * (EPOCH + rounds * steps * step)

with ``rounds = ceil(E / T)``, since each member trains on one processor, or for a single member,
whose work is cut into parts, ``1 / T``.

The constants were measured on a server, by processor time; they give the steps of twenty shapes
from 4-8-3 to 784-128-10 within 9 % on average. Only their ratios matter here: the choice is the
same on a machine that is twice as fast throughout. Times that are shown to people come from a
measurement, see `mlpcore.experiments.estimate`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

STEP, FLOP, PARAMETER, VALUE = 2.2e-6, 6.3e-12, 9e-10, 7.3e-10
STACK, EPOCH, PARAMETER_DRAWN = 3e-3, 2e-4, 9e-8

Widths = tuple[int, ...]


@dataclass(frozen=True)
class Cost:
    """The model above for stacks that differ in their widths alone.

    Attributes:
        inputs: of every network.
        outputs: of every network.
        batch: rows a step.
        steps: of an epoch.
        epochs: of the training.
        threads: processors that share the members.
    """

    inputs: int
    outputs: int
    batch: int
    steps: int
    epochs: int
    threads: int

    def step(self, hidden: Widths) -> float:
        """The seconds of one member's step.

        >>> cost = Cost(inputs=64, outputs=10, batch=200, steps=8, epochs=30, threads=2)
        >>> f"{cost.step((32,)):.1e}, {cost.step((100,)):.1e}"
        '3.3e-05, 7.4e-05'
        """
        sizes = (self.inputs, *hidden, self.outputs)
        products = [fan_in * fan_out for fan_in, fan_out in pairwise(sizes)]
        # Nobody needs the derivative by the data.
        flops = 2 * self.batch * (3 * sum(products) - products[0])
        return (
            STEP + FLOP * flops + PARAMETER * _parameters(sizes) + VALUE * self.batch * sum(sizes)
        )

    def stack(self, hidden: Widths, members: int) -> float:
        """The seconds of a whole stack with these widths."""
        rounds = 1 / self.threads if members == 1 else -(-members // self.threads)
        drawn = PARAMETER_DRAWN * members * _parameters((self.inputs, *hidden, self.outputs))
        return STACK + drawn + self.epochs * (EPOCH + rounds * self.steps * self.step(hidden))


def partition(
    widths: Sequence[Widths], members: Sequence[int], cost: Callable[[Widths, int], float]
) -> list[list[int]]:
    """Which widths to pad to one another: the split into stacks that costs the least.

    Stacks take neighbours in the order of the widths, so that for one hidden layer no other split
    is cheaper.

    Args:
        widths: different ones of one depth.
        members: how many networks have each.
        cost: of a stack, from its widths and how many members it has.

    Returns:
        For each stack the places of its widths.

    >>> partition([(64,), (4,), (60,)], [9, 9, 9], lambda widths, members: 50 + members * widths[0])
    [[1], [2, 0]]
    """
    order = sorted(range(len(widths)), key=lambda place: widths[place])
    best, start = [0.0], [0]
    for stop in range(1, len(order) + 1):
        padded, count = widths[order[stop - 1]], 0
        choices = []
        for first in range(stop - 1, -1, -1):
            padded = tuple(map(max, padded, widths[order[first]]))
            count += members[order[first]]
            choices.append((best[first] + cost(padded, count), first))
        least, first = min(choices)
        best.append(least)
        start.append(first)
    stacks = []
    stop = len(order)
    while stop:
        stacks.append(order[start[stop] : stop])
        stop = start[stop]
    return stacks[::-1]


def _parameters(sizes: Sequence[int]) -> int:
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))
