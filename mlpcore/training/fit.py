"""Train a network: the arguments checked, a trainer set up and run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from mlpcore.backend.checks import whole_number
from mlpcore.network import Network
from mlpcore.network.inputs import weights
from mlpcore.training.batches import batches
from mlpcore.training.callbacks import Callback, checked
from mlpcore.training.checkpoint import Checkpoint, Keeper
from mlpcore.training.crew import Job
from mlpcore.training.data import Data, given_validation, part_of, prepare
from mlpcore.training.early_stopping import EarlyStopping
from mlpcore.training.evaluate import metric_names
from mlpcore.training.fingerprint import fingerprint
from mlpcore.training.history import History
from mlpcore.training.optimizers import Adam, Optimizer
from mlpcore.training.optimizers import optimizer as find_optimizer
from mlpcore.training.progress import Progress
from mlpcore.training.state import State
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
    rows: Any = None,
    validation_data: tuple[Any, ...] | None = None,
    validation_rows: Any = None,
    metrics: Iterable[str] = (),
    early_stopping: EarlyStopping | int | None = None,
    callbacks: Iterable[Callback] = (),
    progress: Progress = "auto",
    checkpoint: Checkpoint | str | os.PathLike[str] | None = None,
    state: State | None = None,
    stream: bool | None = None,
    recorded: bool | None = None,
) -> History:
    """Train a network; see `mlpcore.MLP.fit`.

    ``recorded`` forces the recorded step, or with ``False`` the functional one; by default the step
    is recorded wherever there are kernels to replay it.
    """
    if state is None:
        state = State(network, Adam() if optimizer is None else find_optimizer(optimizer))
    else:
        _check_state(state, network, optimizer)
    epochs = whole_number("epochs", epochs, least=0)
    data = prepare(network, X, y, sample_weight, class_weight, rows, stream)
    names = metric_names(network, metrics)
    validation = None
    if validation_rows is not None:
        if validation_data is not None:
            raise ValueError("got validation_data and validation_rows, expected one of them")
        validation = _held_out(network, data, validation_rows, sample_weight)
    elif validation_data is not None:
        validation = _validation(
            network, given_validation(validation_data), None if stream else stream
        )
    stopping = _stopping(early_stopping, validation is not None)
    if stopping is not None:
        names = (*names, *_monitored(network, stopping, validation is not None))
    names = tuple(dict.fromkeys(names))
    recorded = network.backend.records if recorded is None else recorded
    job = Job(data, validation, batches(data.count, batch_size), shuffle, recorded)
    trainer = Trainer(
        state,
        job,
        metrics=names,
        stopping=stopping,
        callbacks=checked(callbacks),
        keeper=_keeper(checkpoint, state, job, names, stopping),
    )
    return trainer.run(epochs, progress)


def _check_state(state: State, network: Network, optimizer: Any) -> None:
    if optimizer is not None:
        raise ValueError(
            "got optimizer and state, expected one of them; the state has an optimizer already"
        )
    if state.network is not network:
        raise ValueError(
            "got the state of another network, expected one of this; make it with "
            "State(network, optimizer)"
        )
    if not state.active.any():
        raise ValueError(
            "got a state in which every member has stopped or diverged, expected one that still "
            "trains; make a new State(network, optimizer)"
        )


def _validation(network: Network, given: tuple[Any, ...], stream: bool | None) -> Data:
    try:
        return Data(*network.prepare(*given, stream=stream))
    except (TypeError, ValueError) as fault:
        raise type(fault)(f"in validation_data: {fault}") from fault


def _held_out(network: Network, data: Data, rows: Any, sample_weight: Any) -> Data:
    """Rows of the training data, weighted as their samples are but not as their classes are."""
    weight = weights(
        sample_weight, data.x.shape[-2], network.members, network.backend, network.dtype
    )
    return part_of(network, replace(data, weight=weight), "validation_rows", rows)


def _stopping(given: EarlyStopping | int | None, validation: bool) -> EarlyStopping | None:
    """A number is the patience, on the validation loss where there is one."""
    if given is None or isinstance(given, EarlyStopping):
        return given
    return EarlyStopping(given, monitor="validation_loss" if validation else "loss")


def _monitored(network: Network, stopping: EarlyStopping, validation: bool) -> tuple[str, ...]:
    """The metric that early stopping needs, if it is one."""
    names = () if stopping.metric is None else metric_names(network, stopping.metric)
    if stopping.on_validation and not validation:
        raise ValueError(
            f"got early stopping on {stopping.monitor}, expected validation_data too; pass it, or "
            "monitor another figure"
        )
    return names


def _keeper(
    given: Checkpoint | str | os.PathLike[str] | None,
    state: State,
    job: Job,
    metrics: tuple[str, ...],
    stopping: EarlyStopping | None,
) -> Keeper | None:
    """A path alone means a checkpoint after every epoch."""
    if given is None:
        return None
    rule = given if isinstance(given, Checkpoint) else Checkpoint(given)
    return Keeper(rule, fingerprint(state, job, metrics, stopping), job.batches.steps)
