"""The networks and batches that every library is timed on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

#: What every library trains with; the other hyperparameters are Adam's usual ones.
LEARNING_RATE = 1e-3

_SEED = 20240607
_FLOAT = 4


@dataclass(frozen=True)
class Targets:
    """What a step should reach.

    Attributes:
        jax: how many times faster than the better JAX, at least.
        pytorch: how many times faster than PyTorch, at least.
        products: its time over that of the bare products, at most.
    """

    jax: float
    pytorch: float
    products: float


@dataclass(frozen=True)
class Case:
    """A classifier with ReLU between its layers, trained by Adam in float32.

    Attributes:
        name: as ``--only`` takes it.
        sizes: inputs, hidden widths, classes.
        batch: rows a step.
        batches: steps an epoch.
        members: how many networks the stack has, or ``None`` for a single one.
    """

    name: str
    sizes: tuple[int, ...]
    batch: int
    batches: int
    targets: Targets
    members: int | None = None

    @property
    def rows(self) -> int:
        """Rows of the data set, which the members share."""
        return self.batch * self.batches

    @property
    def title(self) -> str:
        """The layers and the batch in words."""
        stack = "" if self.members is None else f"{self.members} of "
        return f"{stack}{'-'.join(map(str, self.sizes))}, {self.batch}"

    @property
    def layers(self) -> list[tuple[int, int]]:
        """Inputs and outputs of each affine layer."""
        return list(pairwise(self.sizes))

    @property
    def flops(self) -> int:
        """Floating-point operations of a step's products, two for each multiplication and addition.

        Forward, by the weights and by the input; nobody needs the derivative by the data.
        """
        products = [i * o for i, o in self.layers]
        return 2 * self.batch * (3 * sum(products) - products[0]) * (self.members or 1)

    @property
    def bytes(self) -> int:
        """The least that a step moves when nothing stays in a cache.

        A weight is read forward and backward; its gradient is written and read; Adam reads and
        writes it and its two moments. A row of the data is read and written by the gather, then
        read forward and for the weights' gradient. An activation is written, read forward, and for
        its own derivative and the next weights' gradient; the logits only by the loss. A ``dz`` is
        written, and read by both products (for the first layer by one).
        """
        parameters = sum((i + 1) * o for i, o in self.layers)
        values = 4 * self.sizes[0] + 7 * sum(self.sizes[1:-1]) - self.sizes[1] + 5 * self.sizes[-1]
        return _FLOAT * (10 * parameters + self.batch * values) * (self.members or 1)


CASES = {
    case.name: case
    for case in (
        Case("tiny", (4, 3, 2, 2), 32, 200, Targets(2.0, 50.0, 0.5)),
        Case("small", (64, 100, 10), 200, 100, Targets(1.5, 5.0, 1.1)),
        Case("medium", (784, 512, 256, 10), 256, 16, Targets(1.08, 1.3, 1.08)),
        Case("large", (784, 2048, 2048, 10), 1024, 4, Targets(1.05, 1.2, 1.04)),
        Case("big-batch", (784, 512, 256, 10), 8192, 4, Targets(1.2, 1.3, 1.06)),
        Case("64x-small", (64, 100, 10), 200, 20, Targets(2.5, 4.0, 0.65), members=64),
        Case("256x-narrow", (16, 32, 4), 64, 50, Targets(4.0, 10.0, 0.75), members=256),
    )
}


@dataclass(frozen=True)
class Problem:
    """A case's numbers, the same for every library.

    Attributes:
        x: features ``(n, k)``, float32.
        labels: ``(n,)``, int64, drawn apart from the features, so that no fit ends early.
        weights: of each layer, He's initialization, ``(..., fan_in, fan_out)``, float32.
            The biases start at zero.
    """

    case: Case
    x: np.ndarray
    labels: np.ndarray
    weights: list[np.ndarray]


def problem(case: Case) -> Problem:
    """Draw a case's data and initial weights."""
    rng = np.random.default_rng(_SEED)
    members = () if case.members is None else (case.members,)
    return Problem(
        case,
        rng.standard_normal((case.rows, case.sizes[0]), dtype=np.float32),
        rng.integers(0, case.sizes[-1], case.rows),
        [
            rng.standard_normal((*members, i, o), dtype=np.float32) * np.float32((2 / i) ** 0.5)
            for i, o in case.layers
        ],
    )
