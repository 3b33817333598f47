"""Train a network: the arguments checked, a trainer set up and run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlpcore.network import Network
from mlpcore.training.batches import batches
from mlpcore.training.callbacks import Callback
from mlpcore.training.data import Data
from mlpcore.training.early_stopping import EarlyStopping
from mlpcore.training.evaluate import metric_names
from mlpcore.training.history import History
from mlpcore.training.optimizers import Adam, Optimizer
from mlpcore.training.optimizers import optimizer as find_optimizer
from mlpcore.training.progress import Progress
from mlpcore.training.trainer import Trainer


def fit(
    network: Network,
    X: Any,
    y: Any,
    *,
    optimizer: Optimizer | str | None = None,
    batch_size: int = 256,
    epochs: int = 20,
    shuffle: bool = True,
    sample_weight: Any = None,
    class_weight: Any = None,
    validation_data: tuple[Any, ...] | None = None,
    metrics: Iterable[str] = (),
    early_stopping: EarlyStopping | int | None = None,
    callbacks: Iterable[Callback] = (),
    progress: Progress = "auto",
    recorded: bool | None = None,
) -> History:
    """Train a network; see `mlpcore.MLP.fit`.

    ``recorded`` forces the recorded step, or with ``False`` the functional one; by default the step
    is recorded wherever there are kernels to replay it.
    """
    if isinstance(epochs, bool) or int(epochs) != epochs or epochs < 0:
        raise ValueError(f"got epochs={epochs!r}, expected an integer of at least 0")
    data = Data(*network.prepare(X, y, sample_weight, class_weight))
    stopping = _stopping(early_stopping, validation_data is not None)
    names = metric_names(network, metrics)
    if stopping is not None and stopping.metric is not None:
        names = tuple(dict.fromkeys((*names, *metric_names(network, stopping.metric))))
    trainer = Trainer(
        network,
        data,
        Adam() if optimizer is None else find_optimizer(optimizer),
        batches(data.rows, batch_size),
        shuffle=shuffle,
        validation=None if validation_data is None else Data(*network.prepare(*validation_data)),
        metrics=names,
        stopping=stopping,
        callbacks=tuple(callbacks),
        recorded=network.backend.records if recorded is None else recorded,
    )
    return trainer.run(int(epochs), progress)


def _stopping(given: EarlyStopping | int | None, validation: bool) -> EarlyStopping | None:
    """A number is the patience, on the validation loss where there is one."""
    if given is None or isinstance(given, EarlyStopping):
        return given
    return EarlyStopping(given, monitor="validation_loss" if validation else "loss")
