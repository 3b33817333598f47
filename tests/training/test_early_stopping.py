"""Early stopping: when it ends, and what it gives back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import schedules
from small_training import LOTTERY, VALUES, X, Y, either, fit, network

pytestmark = pytest.mark.filterwarnings("error")


def watched(net: mc.MLP, **arguments: Any) -> tuple[mc.History, list[np.ndarray]]:
    """Train, and keep the parameters and statistics after each epoch."""
    kept: list[np.ndarray] = []

    def keep(epoch: mc.Epoch) -> None:
        flat = [epoch.network.parameters, epoch.network.statistics.flat]
        kept.append(np.concatenate(flat, axis=-1))

    return fit(net, callbacks=[keep], **arguments), kept


@either
@pytest.mark.parametrize("normalization", [None, "batch"])
def test_early_stopping_gives_the_best_parameters_back(
    normalization: str | None, members: int | None
) -> None:
    rate = 0.05 if members is None else np.array([0.002, 0.05, 0.3])
    net = network(members=members, normalization=normalization)
    history, kept = watched(
        net, optimizer=mc.Adam(rate), epochs=60, validation_data=LOTTERY, early_stopping=3
    )
    assert history.stopped == "early stopping"
    assert len(history) < 60
    now = np.atleast_2d(np.concatenate([net.parameters, net.statistics.flat], axis=-1))
    losses = np.reshape(history.validation_loss, (len(history), -1))
    ends = []
    for e in range(members or 1):
        best, end = best_of(losses[:, e], patience=3)
        ends.append(end)
        assert np.atleast_1d(history.best_epoch)[e] == best
        np.testing.assert_array_equal(now[e], np.atleast_2d(kept[best])[e])
        for later in kept[end:]:
            np.testing.assert_array_equal(np.atleast_2d(later)[e], np.atleast_2d(kept[end])[e])
        reported = np.reshape(history.loss, (len(history), -1))[:, e]
        assert np.all(np.isfinite(reported[: end + 1]))
        assert np.all(np.isnan(reported[end + 1 :]))
    assert len(history) == max(ends) + 1
    assert members is None or len(set(ends)) > 1
    np.testing.assert_allclose(
        net.loss(*LOTTERY), np.min(losses, axis=0) if members else np.min(losses), rtol=1e-12
    )


def best_of(losses: np.ndarray, patience: int, min_delta: float = 0.0) -> tuple[int, int]:
    """The best epoch, and the one in which patience ends."""
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best] - min_delta:
            best = epoch
        elif epoch - best == patience:
            return best, epoch
    return best, len(losses) - 1


def test_early_stopping_on_a_metric_waits_for_its_rise() -> None:
    rule = mc.EarlyStopping(patience=4, monitor="validation_accuracy")
    history, kept = watched(
        net := network(),
        optimizer=mc.Adam(0.02),
        epochs=40,
        validation_data=(X, Y),
        early_stopping=rule,
    )
    accuracy = np.array(history.validation_metrics["accuracy"])
    best, end = best_of(-accuracy, patience=4)
    assert (history.best_epoch, len(history)) == (best, end + 1)
    assert accuracy[best] > accuracy[0]
    np.testing.assert_array_equal(net.parameters, kept[best][: net.parameters.size])


def test_early_stopping_counts_only_what_is_beyond_the_least_change() -> None:
    rule = mc.EarlyStopping(patience=2, min_delta=0.2, monitor="loss")
    history, _ = watched(network(), optimizer=mc.SGD(0.1), epochs=40, early_stopping=rule)
    best, end = best_of(np.array(history.loss), patience=2, min_delta=0.2)
    assert (history.best_epoch, len(history)) == (best, end + 1)
    assert np.argmin(history.loss) != best


def test_patience_alone_watches_the_loss_where_there_is_no_validation() -> None:
    history = fit(network(), optimizer=mc.SGD(0.0), early_stopping=2, epochs=9, shuffle=False)
    assert (history.stopped, len(history), history.best_epoch) == ("early stopping", 3, 0)


@pytest.mark.parametrize("ending", ["epochs", "callback", "interrupted"])
def test_the_best_parameters_come_back_however_training_ends(ending: str) -> None:
    def end(epoch: mc.Epoch) -> bool:
        if ending == "interrupted" and epoch.index == 11:
            raise KeyboardInterrupt
        return ending == "callback" and epoch.index == 11

    net = network()
    history = fit(
        net,
        optimizer=mc.Adam(0.1),
        epochs=12,
        validation_data=LOTTERY,
        early_stopping=50,
        callbacks=[end],
    )
    assert (history.stopped, len(history)) == (ending, 12)
    assert history.best_epoch < 11
    assert net.loss(*LOTTERY) == pytest.approx(min(history.validation_loss), rel=1e-12)


def test_the_last_member_may_diverge_after_the_others_stopped() -> None:
    """Those that stopped early keep what they learned, and nothing is raised over their heads."""
    net = network(output="identity", members=2)
    jump = schedules.StepDecay(np.array([0.0, 1e-3]), factor=1e60, every=2.5)
    patience = mc.EarlyStopping(patience=1, monitor="loss")
    with pytest.warns(RuntimeWarning, match="of members"):
        history = fit(
            net, VALUES, optimizer=mc.SGD(jump), epochs=9, shuffle=False, early_stopping=patience
        )
    assert list(history.diverged) == [1]
    assert history.diverged[1] > 1  # after the other had stopped
    assert history.stopped == "early stopping"
    assert np.all(np.isfinite(net.parameters))
