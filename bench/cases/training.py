"""One training step of a classifier: ReLU between its layers, Adam."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, pairwise, repeat

import numpy as np

from .case import FLOAT, SEED, TOLERANCES, Case

#: A step of more operations than this takes the reference long.
_MANY_FLOPS = 1e12


@dataclass(frozen=True)
class Training(Case):
    """A network and its batches; the figure is the time of one step.

    Attributes:
        sizes: inputs, hidden widths, classes.
        batch: rows a step.
        batches: steps an epoch.
        members: how many networks the stack has, or ``None`` for a single one.
        precision: what products multiply in; all else is float32.
        rate: the learning rate; the other hyperparameters are Adam's usual ones.
    """

    kind = "training"
    #: Losses start near 1; one near 0 has lost its digits to the probabilities near 1.
    smallest = 1e-2
    sizes: tuple[int, ...]
    batch: int
    batches: int
    members: int | None = None
    precision: str = "float32"
    rate: float = 1e-3

    @property
    def runs(self) -> int:
        """An epoch's steps."""
        return self.batches

    @property
    def rows(self) -> int:
        """Rows of the data set, which the members share."""
        return self.batch * self.batches

    @property
    def lead(self) -> tuple[int, ...]:
        """The leading axis of a stack."""
        return () if self.members is None else (self.members,)

    @property
    def title(self) -> str:
        """The layers and the batch in words."""
        stack = "" if self.members is None else f"{self.members} × "
        narrow = "" if self.precision == "float32" else f", {self.precision}"
        return f"{stack}{'-'.join(map(str, self.sizes))}, batch {self.batch}{narrow}"

    @property
    def tolerance(self) -> float:
        """The largest difference from the reference's figures, relative to them."""
        return TOLERANCES[self.precision]

    @property
    def checked(self) -> int:
        """How many steps are compared, on the first batches in their order."""
        return 3 if self.flops < _MANY_FLOPS else 1

    @property
    def layers(self) -> list[tuple[int, int]]:
        """Inputs and outputs of each affine layer."""
        return list(pairwise(self.sizes))

    @property
    def parameters(self) -> int:
        """Weights and biases of one member."""
        return sum((i + 1) * o for i, o in self.layers)

    @property
    def flops(self) -> int:
        """Of a step's products, two for each multiplication and addition.

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
        written, and read by both products (for the first layer by one). What products read may be
        as narrow as they multiply; parameters and moments are float32.
        """
        width = 2 if self.precision == "bfloat16" else FLOAT
        values = 4 * self.sizes[0] + 7 * sum(self.sizes[1:-1]) - self.sizes[1] + 5 * self.sizes[-1]
        return (FLOAT * 10 * self.parameters + width * self.batch * values) * (self.members or 1)

    @property
    def memory(self) -> int:
        """The least bytes that must be kept beside the data.

        Parameters, gradient and Adam's two moments; the batch, each activation, the largest ``dz``.
        """
        values = sum(self.sizes) + max(self.sizes[1:])
        return FLOAT * (4 * self.parameters + self.batch * values) * (self.members or 1)

    def expected(self, floor: bool = False) -> np.ndarray:
        """Losses of the first steps, or with ``floor`` the norms of the bare products."""
        return _reference(replace(self, precision="float32"), floor)

    def problem(self) -> Problem:
        """Draw the data and the initial weights."""
        rng = np.random.default_rng(SEED)
        return Problem(
            self,
            rng.standard_normal((self.rows, self.sizes[0]), dtype=np.float32),
            rng.integers(0, self.sizes[-1], self.rows),
            he_weights(self, rng),
        )


@dataclass(frozen=True)
class Problem:
    """A case's numbers, the same for every library.

    Attributes:
        x: features ``(n, k)``, float32.
        labels: ``(n,)``, int64; of a training case drawn apart from the features, so that no fit
            ends early.
        weights: of each layer, ``(..., fan_in, fan_out)``, float32. The biases start at zero.
    """

    case: Training
    x: np.ndarray
    labels: np.ndarray
    weights: list[np.ndarray]


@lru_cache
def _reference(case: Training, floor: bool) -> np.ndarray:
    """In float64, whatever a library multiplies in."""
    return product_figures(case.problem()) if floor else training_figures(case.problem())


def he_weights(case: Training, rng: np.random.Generator) -> list[np.ndarray]:
    """He's initialization, normal with variance ``2 / fan_in``."""
    return [
        rng.standard_normal((*case.lead, i, o), dtype=np.float32) * np.float32((2 / i) ** 0.5)
        for i, o in case.layers
    ]


def training_figures(problem: Problem) -> np.ndarray:
    """Each member's mean loss over the first steps, then its loss on the first batch after them."""
    case = problem.case
    weights = [w.astype(np.float64) for w in problem.weights]
    biases = [np.zeros_like(w[..., :1, :]) for w in weights]
    theta = list(chain.from_iterable(zip(weights, biases)))
    m, v = ([np.zeros_like(p) for p in theta] for _ in range(2))
    losses = []
    for step in range(case.checked):
        rows = slice(step * case.batch, (step + 1) * case.batch)
        loss, gradients = _loss_and_gradients(theta, problem.x[rows], problem.labels[rows])
        losses.append(loss)
        for p, g, first, second in zip(theta, gradients, m, v):
            first += 0.1 * (g - first)
            second += 0.001 * (g * g - second)
            m_hat, v_hat = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.999 ** (step + 1))
            p -= case.rate * m_hat / (np.sqrt(v_hat) + 1e-8)
    after, _ = _loss_and_gradients(theta, problem.x[: case.batch], problem.labels[: case.batch])
    return np.concatenate([np.atleast_1d(np.mean(losses, axis=0)), np.atleast_1d(after)])


def product_figures(problem: Problem) -> np.ndarray:
    """The norm of each weight-shaped product of the chain that the bare products run.

    Forward ``z <- z @ W``; back from the last ``z`` as if it were ``dz``: ``z.T @ dz``, and
    ``dz <- dz @ W.T``. No activation stands between, for it is the products alone that are timed.
    """
    weights = [w.astype(np.float64) for w in problem.weights]
    z = [problem.x[: problem.case.batch].astype(np.float64)]
    for w in weights:
        z.append(z[-1] @ w)
    dz, norms = z[-1], []
    for x, w in zip(z[-2::-1], weights[::-1]):
        norms.append(np.linalg.norm(x.mT @ dz))
        dz = dz @ w.mT
    return np.array(norms[::-1])


def mean_cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The mean over the rows of ``-log p[label]``, from ``(..., n, k)`` probabilities."""
    chosen = probabilities[..., np.arange(len(labels)), labels].astype(np.float64)
    return np.asarray(-np.mean(np.log(chosen), axis=-1))


def probabilities(theta: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """Forward in the precision of the parameters, weights and biases in turn."""
    z = _forward(theta, x)[-1]
    p = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(p / p.sum(axis=-1, keepdims=True))


def _forward(theta: list[np.ndarray], x: np.ndarray) -> list[np.ndarray]:
    """The input, each layer's activations, and at last the logits."""
    layers = list(pairwise(theta))[::2]
    a = [x.astype(theta[0].dtype)]
    for w, b in layers[:-1]:
        a.append(np.maximum(a[-1] @ w + b, 0))
    return [*a, a[-1] @ layers[-1][0] + layers[-1][1]]


def _loss_and_gradients(
    theta: list[np.ndarray], x: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The mean cross-entropy ``(...)``, and its gradients in the order of ``theta``."""
    *a, z = _forward(theta, x)
    log_p = z - z.max(axis=-1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(axis=-1, keepdims=True))
    y = np.eye(z.shape[-1])[labels]
    loss = -np.sum(y * log_p, axis=(-2, -1)) / len(x)
    dz = (np.exp(log_p) - y) / len(x)
    gradients: list[np.ndarray] = []
    for w, inputs, first in zip(theta[-2::-2], a[::-1], chain(repeat(False, len(a) - 1), [True])):
        gradients[:0] = [inputs.mT @ dz, dz.sum(axis=-2, keepdims=True)]
        if not first:
            dz = (dz @ w.mT) * (inputs > 0)
    return loss, gradients
