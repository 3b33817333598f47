"""Ctrl-C: training ends, and leaves everything in order.

``MLPCORE_TEST_INTERRUPTS=50`` presses it at so many random moments each time, in place of a few.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import training
from mlpcore.training.interrupts import Interrupts
from small_training import CLASSES, EPOCHS, MEMBERS, ROWS, SIZE, X, Y, either, fit, network

pytestmark = pytest.mark.filterwarnings("error")

INTERRUPTS = int(os.environ.get("MLPCORE_TEST_INTERRUPTS", "5"))


def test_an_interrupt_returns_the_history_so_far() -> None:
    def interrupt(epoch: mc.Epoch) -> None:
        if epoch.index == 1:
            raise KeyboardInterrupt

    net, twin = network(), network()
    history = fit(net, callbacks=[interrupt], epochs=10)
    fit(twin, epochs=2)
    assert history.stopped == "interrupted"
    assert len(history) == 2
    np.testing.assert_array_equal(net.parameters, twin.parameters)
    assert len(fit(net)) == EPOCHS


@contextmanager
def interrupted_in(net: mc.MLP, seconds: float) -> Iterator[None]:
    """Press Ctrl-C so many seconds after the training has moved the first parameter."""
    start = net.parameters.copy()
    over = threading.Event()

    def press() -> None:
        while np.array_equal(net.parameters, start) and not over.wait(0.002):
            pass
        if not over.wait(seconds):
            signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield
    except KeyboardInterrupt:
        pytest.fail("Ctrl-C went through")
    finally:
        over.set()
        thread.join()


@either
def test_ctrl_c_between_epochs(members: int | None) -> None:
    net = network(members=members)
    with interrupted_in(net, seconds=0.1):
        history = fit(net, epochs=10**7, optimizer=mc.SGD(1e-6))
    assert history.stopped == "interrupted"
    assert 0 < len(history) < 10**7
    assert np.all(np.isfinite(net.parameters))
    assert len(fit(net)) == EPOCHS


def test_ctrl_c_in_a_long_epoch() -> None:
    net = mc.MLP([1, 2, 1], output="identity")
    rows = np.zeros((1_500_000, 1), dtype=np.float32)
    start = net.parameters.copy()
    with interrupted_in(net, seconds=0.05):
        began = time.perf_counter()
        history = net.fit(rows, rows + 1, batch_size=1, epochs=50, shuffle=False, progress=False)
    assert history.stopped == "interrupted"
    assert time.perf_counter() - began < 20
    assert len(history) < 50
    assert np.all(np.isfinite(net.parameters))
    assert not np.array_equal(net.parameters, start)


@contextmanager
def pressed_after(seconds: float) -> Iterator[Any]:
    """A callback that sees Ctrl-C pressed so long after it is called first."""
    started = threading.Event()

    def press() -> None:
        if started.wait(60):
            time.sleep(seconds)
            signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield lambda epoch: started.set()
    finally:
        started.set()
        thread.join()


@either
@pytest.mark.parametrize("recorded", [None, False], ids=["default", "functional"])
def test_ctrl_c_at_random_moments(recorded: bool | None, members: int | None) -> None:
    """Whatever it meets, the figures, the best epoch and the parameters agree."""
    moments = random.Random(str(members))
    validation = (-X, np.roll(Y, 1))
    for _ in range(INTERRUPTS):
        net = network(members=members, normalization="batch")
        with pressed_after(moments.uniform(0.0, 0.03)) as callback:
            history = training.fit(
                net,
                X,
                Y,
                optimizer=mc.Adam(0.05 if members is None else [0.003, 0.05, 0.5]),
                batch_size=SIZE,
                epochs=10**7,
                validation_data=validation,
                early_stopping=10**6,
                callbacks=[callback],
                progress=False,
                recorded=recorded,
            )
        assert history.stopped == "interrupted"
        assert np.all(np.isfinite(net.parameters))
        assert np.all(np.isfinite(net.statistics.flat))
        lengths = {len(history.loss), len(history.validation_loss), len(history.seconds)}
        assert len(lengths) == 1
        losses = np.reshape(history.validation_loss, (len(history), -1))
        np.testing.assert_array_equal(history.best_epoch, np.squeeze(losses.argmin(axis=0)))
        np.testing.assert_allclose(net.loss(*validation), np.squeeze(losses.min(axis=0)))
        assert len(fit(net)) == EPOCHS


def test_ctrl_c_amid_the_bookkeeping_waits_for_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    append = mc.History.append

    def press(self: mc.History, epoch: mc.Epoch) -> None:
        if epoch.index == 1:
            signal.raise_signal(signal.SIGINT)
        append(self, epoch)

    monkeypatch.setattr(mc.History, "append", press)
    net = network()
    validation = (X, Y)
    history = fit(net, validation_data=validation, early_stopping=9, optimizer=mc.Adam(0.05))
    assert (history.stopped, len(history), history.best_epoch) == ("interrupted", 2, 1)
    np.testing.assert_allclose(net.loss(*validation), history.validation_loss[1])


def test_ctrl_c_amid_a_divergence_leaves_no_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the update that broke the parameters and the way back from it."""

    def interrupt(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mlpcore.training.trainer.rewind", interrupt)
    for members in (None, MEMBERS):
        net = network(members=members, output="identity")
        before = net.parameters.copy()
        history = fit(net, np.full((ROWS, CLASSES), 1e10), optimizer=mc.SGD(1e308))
        assert history.stopped == "interrupted"
        np.testing.assert_array_equal(net.parameters, before)


def test_a_handler_of_one_s_own_is_called_when_the_bookkeeping_is_over() -> None:
    calls: list[str] = []
    before = signal.signal(signal.SIGINT, lambda *about: calls.append("pressed"))
    try:
        with Interrupts() as interrupts, interrupts.held:
            signal.raise_signal(signal.SIGINT)
            calls.append("noted")
        assert calls == ["noted", "pressed"]
        signal.raise_signal(signal.SIGINT)
        assert calls == ["noted", "pressed", "pressed"]
    finally:
        signal.signal(signal.SIGINT, before)


def test_training_in_a_thread() -> None:
    """Only the main thread sees Ctrl-C, and only it may say what is done then."""
    net, twin = network(), network()
    thread = threading.Thread(target=lambda: fit(net))
    thread.start()
    thread.join()
    fit(twin)
    assert net.parameters.tobytes() == twin.parameters.tobytes()
