"""What a training reports: its history, to callbacks, and on a bar."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from small_training import CLASSES, EPOCHS, ROWS, VALUES, WEIGHTS, X, Y, either, fit, network

pytestmark = pytest.mark.filterwarnings("error")

# What is reported


@either
def test_the_shapes_of_the_history(members: int | None) -> None:
    history = fit(network(members=members), validation_data=(X, Y), metrics="accuracy")
    shape = (EPOCHS,) if members is None else (EPOCHS, members)
    figures: list[Any] = [
        history.loss,
        history.validation_loss,
        history.learning_rate,
        history.gradient_norm,
        history.metrics["accuracy"],
        history.validation_metrics["accuracy"],
    ]
    for figure in figures:
        assert np.shape(figure) == shape
        kind = float if members is None else np.ndarray
        assert all(isinstance(value, kind) for value in figure)
    assert np.shape(history.seconds) == (EPOCHS,)
    assert all(seconds > 0 for seconds in history.seconds)
    assert len(history) == EPOCHS
    assert (history.stopped, history.diverged) == ("epochs", {})
    assert np.shape(history.best_epoch) == shape[1:]
    np.testing.assert_array_equal(history.best_epoch, np.argmin(history.validation_loss, axis=0))


def test_without_validation_there_are_no_such_figures() -> None:
    history = fit(network())
    assert history.validation_loss == []
    assert history.metrics == {}
    assert history.validation_metrics == {}
    assert history.best_epoch == int(np.argmin(history.loss))


@either
@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["alike", "weighted"])
def test_validation_and_accuracy_are_those_of_the_predictions(
    weight: np.ndarray | None, members: int | None
) -> None:
    net = network(members=members, normalization="batch", dropout=0.2)
    data = (X, Y) if weight is None else (X, Y, weight)
    history = fit(net, validation_data=data, metrics=["accuracy"])
    share = np.full(ROWS, 1 / ROWS) if weight is None else weight / weight.sum()
    right = net.predict(X).argmax(axis=-1) == Y
    np.testing.assert_allclose(
        history.validation_loss[-1], net.loss(X, Y, sample_weight=weight), rtol=1e-12
    )
    np.testing.assert_allclose(history.validation_metrics["accuracy"][-1], right @ share)
    np.testing.assert_allclose(history.metrics["accuracy"][-1], right.mean(axis=-1))


@either
def test_accuracy_of_probabilities_and_of_independent_outputs(members: int | None) -> None:
    net = network(members=members)
    history = fit(net, np.eye(CLASSES)[Y], metrics="accuracy")
    right = net.predict(X).argmax(axis=-1) == Y
    np.testing.assert_allclose(history.metrics["accuracy"][-1], right.mean(axis=-1))
    net = network(members=members, output="sigmoid")
    history = fit(net, (VALUES > 0).astype(float), metrics="accuracy", epochs=20)
    right = np.all((net.predict(X) > 0.5) == (VALUES > 0), axis=-1)
    np.testing.assert_allclose(history.metrics["accuracy"][-1], right.mean(axis=-1))


@either
def test_r2_is_the_share_of_the_variance(members: int | None) -> None:
    net = network(members=members, output="identity")
    history = fit(net, VALUES, metrics="r2", validation_data=(X, VALUES))
    left = np.mean((net.predict(X) - VALUES) ** 2, axis=-2)
    expected = np.mean(1 - left / np.var(VALUES, axis=0), axis=-1)
    np.testing.assert_allclose(history.metrics["r2"][-1], expected, rtol=1e-10)
    np.testing.assert_allclose(history.validation_metrics["r2"][-1], expected, rtol=1e-10)


# Callbacks


def test_callbacks_see_every_epoch() -> None:
    seen: list[mc.Epoch] = []
    net = network()
    history = fit(net, callbacks=[seen.append], validation_data=(X, Y), metrics="accuracy")
    assert [epoch.index for epoch in seen] == [0, 1, 2]
    assert [epoch.loss for epoch in seen] == history.loss
    assert [epoch.validation_loss for epoch in seen] == history.validation_loss
    assert [epoch.metrics["accuracy"] for epoch in seen] == history.metrics["accuracy"]
    assert all(epoch.network is net for epoch in seen)


def test_a_callback_ends_the_training() -> None:
    seen: list[int] = []

    def note(epoch: mc.Epoch) -> None:
        seen.append(epoch.index)

    def stop(epoch: mc.Epoch) -> bool:
        return epoch.index == 1

    history = fit(network(), callbacks=[stop, note], epochs=10)
    assert history.stopped == "callback"
    assert len(history) == 2
    assert seen == [0, 1]


def test_only_true_ends_the_training() -> None:
    history = fit(network(), callbacks=[lambda epoch: 1, lambda epoch: "go on"])
    assert len(history) == EPOCHS


# Progress


@pytest.mark.parametrize("progress", [False, "auto"])
def test_nothing_is_shown_where_nobody_watches(
    progress: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(network(), progress=progress)
    assert capsys.readouterr() == ("", "")


@either
def test_a_bar_shows_epochs_and_losses(
    members: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tqdm")
    fit(network(members=members), progress=True, validation_data=(X, Y), metrics="accuracy")
    out, err = capsys.readouterr()
    assert out == ""
    for word in ("3/3", "epoch", "loss=", "validation_loss=", "validation_accuracy="):
        assert word in err


def test_a_bar_appears_where_somebody_watches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    fit(network())
    fit(network(), progress="auto")
    assert "3/3" in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_a_bar_is_closed_however_training_ends(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    monkeypatch.setattr("mlpcore.training.trainer.Bar.close", lambda self: closed.append("bar"))

    def end(epoch: mc.Epoch) -> None:
        raise error

    with suppress(ZeroDivisionError):
        fit(network(), callbacks=[end])
    assert closed == ["bar"]
