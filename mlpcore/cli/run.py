"""One training run of the command line, on one backend."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcore.backend.extras import require
from mlpcore.backend.memory import to_numpy
from mlpcore.cli.examples import Examples
from mlpcore.cli.words import percent, quantity
from mlpcore.functions.metrics import r2
from mlpcore.mlp import MLP
from mlpcore.training import Epoch, History, Optimizer
from mlpcore.training.optimizers import optimizer


@dataclass(frozen=True)
class Settings:
    """The network and its training, as asked for on the command line."""

    hidden: tuple[int, ...]
    activation: str
    normalization: str | None
    dropout: float
    optimizer: str
    learning_rate: float | None
    batch_size: int
    epochs: int
    seed: int
    quiet: bool

    def check(self) -> None:
        """Check all that can be checked without the data.

        Raises:
            ValueError: for what no network or optimizer can be made of.
        """
        self.network([1, *(1 for _ in self.hidden), 1], "cpu", output="identity")
        self.rule()

    def network(self, sizes: Sequence[int], backend: str, output: str) -> MLP:
        """A new network."""
        return MLP(
            sizes,
            activation=self.activation,
            output=output,
            normalization=self.normalization,
            dropout=self.dropout,
            backend=backend,
            seed=self.seed,
        )

    def rule(self) -> Optimizer:
        """The optimizer."""
        found = optimizer(self.optimizer)
        if self.learning_rate is None:
            return found
        return dataclasses.replace(found, learning_rate=self.learning_rate)

    def __str__(self) -> str:
        return "  ·  ".join((self.activation, self.optimizer, f"seed {self.seed}"))


@dataclass(frozen=True)
class Run:
    """What came of a training run.

    Attributes:
        backend: where it ran.
        network: trained.
        history: its epochs.
        seconds: how long it took, validation included.
        held_out: the quality on the held-out part after the last epoch, by name, in words.
    """

    backend: str
    network: MLP
    history: History
    seconds: float
    held_out: dict[str, str]


def train_on(backend: str, examples: Examples, settings: Settings) -> Run:
    """Train a network on a backend.

    Raises:
        ValueError, RuntimeError: for settings that do not fit, or a backend that is not here.
        mlpcore.DivergenceError: if the loss leaves the finite numbers.
    """
    target = examples.preprocessing.target
    output = "softmax" if target.task == "classification" else "identity"
    sizes = [examples.preprocessing.inputs, *settings.hidden, target.outputs]
    network = settings.network(sizes, backend, output)
    start = time.perf_counter()
    history = network.fit(
        *examples.training,
        optimizer=settings.rule(),
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        validation_data=examples.held_out,
        metrics=(measure(examples),),
        callbacks=() if settings.quiet else (EpochLines(settings.epochs),),
        progress=False if settings.quiet else "auto",
    )
    seconds = time.perf_counter() - start
    return Run(backend, network, history, seconds, quality(network, examples))


def measure(examples: Examples) -> str:
    """The name of the metric that suits the target."""
    return "accuracy" if examples.preprocessing.target.task == "classification" else "r2"


class EpochLines:
    """A callback that prints a line for each epoch, above the progress bar."""

    def __init__(self, epochs: int):
        self._digits = len(str(epochs))
        self._write = require("tqdm", "cli").tqdm.write

    def __call__(self, epoch: Epoch) -> None:
        """Print an epoch's figures."""
        training = _figures(epoch.loss, epoch.metrics)
        held_out = _figures(epoch.validation_loss, epoch.validation_metrics)
        number = f"{epoch.index + 1:{self._digits}}"
        self._write(f"epoch {number}   training {training}   held out {held_out}")


def _figures(loss: float, metrics: dict[str, Any]) -> str:
    words = {"loss": f"{loss:7.4f}"} | {name: f"{percent(m):>7}" for name, m in metrics.items()}
    return "  ".join(f"{name} {value}" for name, value in words.items())


def quality(network: MLP, examples: Examples) -> dict[str, str]:
    """How good a network is on the held-out part, in words."""
    X, y = examples.held_out
    outputs = to_numpy(network.predict(X))
    target = examples.preprocessing.target
    if target.task == "classification":
        return {"held-out accuracy": percent(float(np.mean(np.argmax(outputs, axis=-1) == y)))}
    error = float(np.sqrt(np.mean((target.decode(outputs) - target.decode(y)) ** 2)))
    return {
        f"held-out root-mean-square error of {target.name}": quantity(error),
        "held-out R²": percent(float(r2(outputs, y))),
    }


def largest_difference(runs: Sequence[Run]) -> float:
    """The largest difference of a parameter between the first run and another."""
    first, *others = (to_numpy(run.network.parameters) for run in runs)
    return max(float(np.max(np.abs(first - other))) for other in others)
