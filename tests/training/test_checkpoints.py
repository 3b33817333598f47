"""Checkpoints: a run that was cut off ends in the bits of one that never was."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import schedules, training
from mlpcore.training.checkpoint import Keeper

pytest.importorskip("safetensors")
pytestmark = pytest.mark.filterwarnings("error")

ROWS, FEATURES, OUTPUTS, MEMBERS, STEPS = 14, 4, 3, 5, 4

numbers = np.random.default_rng(0)
X = numbers.normal(size=(ROWS, FEATURES))
LABELS = numbers.integers(0, OUTPUTS, ROWS)
VALUES = numbers.normal(size=(ROWS, OUTPUTS))
LOTTERY = (numbers.normal(size=(ROWS, FEATURES)), np.roll(LABELS, 1))
RATES = np.geomspace(0.01, 0.4, MEMBERS)

each_step = pytest.mark.parametrize("recorded", [None, False], ids=["default", "functional"])


class CutOff(BaseException):
    """As good as a kill: nothing in the library catches it."""


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody cuts the power here, and a disk may take long to flush."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def network(**arguments: Any) -> mc.MLP:
    settings = {"dropout": 0.2, "normalization": "batch", "seed": 3} | arguments
    return mc.MLP([FEATURES, 6, OUTPUTS], **settings)


def fit(net: mc.MLP, **arguments: Any) -> mc.History:
    defaults: dict[str, Any] = {
        "X": X,
        "y": LABELS,
        "batch_size": 4,
        "epochs": 6,
        "progress": False,
    }
    return training.fit(net, **(defaults | arguments))


def outcome(net: mc.MLP, history: mc.History) -> dict[str, Any]:
    """All that a run leaves, as bits and lists."""
    lists = ("loss", "validation_loss", "learning_rate", "gradient_norm")
    return {
        "parameters": net.parameters.tobytes(),
        "statistics": net.statistics.flat.tobytes(),
        **{name: np.array(getattr(history, name)).tobytes() for name in lists},
        "metrics": {n: np.array(v).tobytes() for n, v in history.validation_metrics.items()},
        "best": np.array(history.best_epoch).tolist(),
        "diverged": history.diverged,
        "stopped": history.stopped,
    }


def cut_off_after(saves: int, patch: pytest.MonkeyPatch) -> None:
    """Let a process die right after so many checkpoints."""
    written = 0
    save = Keeper.save

    def count(self: Keeper, trainer: Any) -> None:
        nonlocal written
        save(self, trainer)
        written += 1
        if written == saves:
            raise CutOff

    patch.setattr(Keeper, "save", count)


RUNS: dict[str, tuple[dict[str, Any], Callable[[], Any], dict[str, Any]]] = {
    "single": ({}, lambda: mc.Adam(0.02), {}),
    "momentum": ({}, lambda: mc.SGD(0.1, momentum=0.9), {"validation_data": LOTTERY}),
    "plateau": (
        {},
        lambda: mc.Adam(schedules.WarmUp(schedules.ReduceOnPlateau(0.3, patience=0), epochs=2)),
        {"validation_data": LOTTERY, "metrics": "accuracy"},
    ),
    "early stopping": (
        {},
        lambda: mc.Adam(0.3),
        {"validation_data": LOTTERY, "early_stopping": 2, "epochs": 30},
    ),
    "float64, weights, rows": (
        {"dtype": "float64"},
        lambda: mc.RMSProp(0.01),
        {
            "sample_weight": numbers.uniform(0.1, 2.0, ROWS),
            "rows": np.arange(13),
            "validation_rows": [13, 0],
        },
    ),
    "stack": (
        {"members": MEMBERS},
        lambda: mc.Adam(schedules.ReduceOnPlateau(RATES, patience=0)),
        {"validation_data": LOTTERY, "metrics": "accuracy"},
    ),
    "stack that gets smaller": (
        {"members": MEMBERS, "dropout": np.linspace(0.0, 0.5, MEMBERS)},
        lambda: mc.Adam(RATES),
        {"validation_data": LOTTERY, "early_stopping": 2, "epochs": 30},
    ),
}


@each_step
@pytest.mark.parametrize("every", [1, 0.26, 1.75])
@pytest.mark.parametrize(("arguments", "optimizer", "settings"), RUNS.values(), ids=RUNS)
def test_a_run_that_was_cut_off_ends_in_the_same_bits(
    arguments: dict[str, Any],
    optimizer: Callable[[], Any],
    settings: dict[str, Any],
    every: float,
    recorded: bool | None,
    tmp_path: Path,
) -> None:
    settings = settings | {"optimizer": optimizer(), "recorded": recorded}
    net = network(**arguments)
    expected = outcome(net, fit(net, **settings))
    for saves in (1, 3, 7):
        rule = mc.Checkpoint(tmp_path / str(saves), every=every)
        with pytest.MonkeyPatch.context() as patch:
            cut_off_after(saves, patch)
            with suppress(CutOff):
                fit(network(**arguments), checkpoint=rule, **settings)
        net = network(**arguments)
        assert outcome(net, fit(net, checkpoint=rule, **settings)) == expected


@pytest.mark.parametrize("members", [None, MEMBERS])
def test_a_run_may_be_cut_off_again_and_again(members: int | None, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"optimizer": mc.Adam(0.02), "validation_data": LOTTERY}
    net = network(members=members)
    expected = outcome(net, fit(net, **settings))
    rule = mc.Checkpoint(tmp_path, every=0.26, keep=2)
    cuts = 0
    while True:
        net = network(members=members)
        with pytest.MonkeyPatch.context() as patch:
            cut_off_after(1, patch)
            try:
                history = fit(net, checkpoint=rule, **settings)
            except CutOff:
                cuts += 1
                assert len(list(tmp_path.iterdir())) == min(cuts, 2)
                continue
        break
    assert cuts > 6 * 2
    assert outcome(net, history) == expected


@pytest.mark.parametrize("members", [None, MEMBERS])
@pytest.mark.parametrize("ending", ["epochs", "early stopping", "callback"])
def test_a_run_that_has_ended_comes_back_as_it_ended(
    ending: str, members: int | None, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {
        "optimizer": mc.Adam(0.3),
        "validation_data": LOTTERY,
        "early_stopping": 2 if ending == "early stopping" else 50,
        "epochs": 30 if ending == "early stopping" else 6,
        "checkpoint": tmp_path,
    }
    calls: list[int] = []

    def callback(epoch: mc.Epoch) -> bool:
        calls.append(epoch.index)
        return ending == "callback" and epoch.index == 3

    net, again = network(members=members), network(members=members)
    history = fit(net, callbacks=[callback], **settings)
    assert history.stopped == ending
    seen = len(calls)
    assert outcome(again, fit(again, callbacks=[callback], **settings)) == outcome(net, history)
    assert len(calls) == seen
    assert outcome(net, fit(net, **settings)) == outcome(again, history)


def test_more_epochs_go_on(tmp_path: Path) -> None:
    net, parts = network(), network()
    settings: dict[str, Any] = {"validation_data": LOTTERY, "early_stopping": 20}
    expected = outcome(net, fit(net, epochs=9, **settings))
    fit(parts, epochs=4, checkpoint=tmp_path, **settings)
    history = fit(parts, epochs=9, checkpoint=tmp_path, **settings)
    assert outcome(parts, history) == expected


def test_a_diverged_member_stays_out(tmp_path: Path) -> None:
    jump = schedules.StepDecay([0.01, 0.01, 0.02], factor=[0.5, 1e200, 0.5], every=1.5)
    settings: dict[str, Any] = {
        "y": VALUES,
        "optimizer": mc.SGD(jump),
        "validation_data": (X, VALUES),
        "epochs": 4,
    }
    arguments: dict[str, Any] = {"members": 3, "output": "identity", "dtype": "float64"}
    net = network(**arguments)
    with pytest.warns(RuntimeWarning, match=r"members \[1\], training diverged in epoch 1, step"):
        expected = outcome(net, fit(net, **settings))
    assert expected["diverged"] == {1: 1}
    for saves in range(1, 17):
        rule = mc.Checkpoint(tmp_path / str(saves), every=0.25)
        net = network(**arguments)
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "of members .* training diverged")
            cut_off_after(saves, patch)
            with pytest.raises(CutOff):
                fit(net, checkpoint=rule, **settings)
            patch.undo()
            net = network(**arguments)
            assert outcome(net, fit(net, checkpoint=rule, **settings)) == expected


def test_a_state_goes_on_too(tmp_path: Path) -> None:
    def run(checkpoint: Any) -> tuple[bytes, int, int]:
        net = network()
        state = training.State(net, mc.Adam(0.02))
        fit(net, state=state, epochs=2)
        fit(net, state=state, epochs=3, checkpoint=checkpoint)
        return net.parameters.tobytes(), state.epochs, state.updates

    expected = run(None)
    with pytest.MonkeyPatch.context() as patch:
        cut_off_after(2, patch)
        with pytest.raises(CutOff):
            run(tmp_path)
    assert run(tmp_path) == expected
    with pytest.raises(ValueError, match="with epochs before 2, expected 0"):
        fit(network(), optimizer=mc.Adam(0.02), epochs=3, checkpoint=tmp_path)


# What is refused

CHANGED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "widths": ({"seed": 4}, {}, "with network.seed 3, expected 4"),
    "rate": ({}, {"optimizer": mc.Adam(0.1)}, "with optimizer.learning_rate 0.02, expected 0.1"),
    "rule": ({}, {"optimizer": mc.SGD(0.1)}, "with optimizer.kind 'Adam', expected 'SGD'"),
    "batches": ({}, {"batch_size": 5}, "with batch_size 4, expected 5"),
    "order": ({}, {"shuffle": False}, "with shuffle True, expected False"),
    "fewer rows": ({}, {"X": X[1:], "y": LABELS[1:]}, r"with data.x.shape \[14, 4\], expected"),
    "other numbers": ({}, {"X": -X}, "with data.x.checksum '"),
    "other labels": ({}, {"y": np.roll(LABELS, 1)}, "with data.target.checksum '"),
    "a fold": ({}, {"rows": np.arange(10)}, "with data.rows None, expected"),
    "validation": ({}, {"validation_data": LOTTERY}, "with validation None, expected {"),
    "early stopping": ({}, {"early_stopping": 3}, "with early_stopping None, expected {"),
}


@pytest.mark.parametrize(("arguments", "settings", "message"), CHANGED.values(), ids=CHANGED)
def test_another_training_is_refused(
    arguments: dict[str, Any], settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    fit(network(), optimizer=mc.Adam(0.02), epochs=1, checkpoint=tmp_path)
    net = network(**arguments)
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=message):
        fit(net, **({"optimizer": mc.Adam(0.02), "checkpoint": tmp_path} | settings))
    np.testing.assert_array_equal(net.parameters, before)


@pytest.mark.parametrize("wrong", [{"every": 0}, {"every": -1}, {"keep": 0}, {"every": "1"}])
def test_impossible_rules_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"got {next(iter(wrong))}="):
        mc.Checkpoint("run", **wrong)


# What disks do


def files(directory: Path) -> list[Path]:
    return sorted(directory.iterdir())


def test_the_last_few_are_kept(tmp_path: Path) -> None:
    fit(network(), checkpoint=mc.Checkpoint(tmp_path, every=0.5, keep=2))
    assert [path.name for path in files(tmp_path)] == [
        "checkpoint-000000000022.safetensors",
        "checkpoint-000000000024.safetensors",
    ]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    contents = bytearray(path.read_bytes())
    contents[-200] ^= 1
    path.write_bytes(contents)


def foreign(path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"x": np.zeros(3)}, path)


@pytest.mark.parametrize("damage", [truncate, empty, flip, foreign])
@pytest.mark.parametrize("keep", [2, 3])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    damage: Callable[[Path], None], keep: int, tmp_path: Path
) -> None:
    net = network()
    expected = outcome(net, fit(net, epochs=6))
    rule = mc.Checkpoint(tmp_path, keep=keep)
    fit(network(), epochs=4, checkpoint=rule)
    damage(files(tmp_path)[-1])
    net = network()
    with pytest.warns(RuntimeWarning, match="damaged checkpoint .* the one before is taken"):
        history = fit(net, epochs=6, checkpoint=rule)
    assert outcome(net, history) == expected
    for path in files(tmp_path):
        damage(path)
    with (
        pytest.warns(RuntimeWarning, match="damaged checkpoint"),
        pytest.raises(ValueError, match="damaged checkpoints only"),
    ):
        fit(network(), checkpoint=rule)


def test_damaged_ones_do_not_drive_out_sound_ones(tmp_path: Path) -> None:
    fit(network(), epochs=4, checkpoint=mc.Checkpoint(tmp_path, keep=2))
    truncate(files(tmp_path)[-1])
    rule = mc.Checkpoint(tmp_path, every=0.25, keep=1)
    with pytest.MonkeyPatch.context() as patch:
        cut_off_after(1, patch)
        with pytest.raises(CutOff), pytest.warns(RuntimeWarning, match="damaged"):
            fit(network(), checkpoint=rule)
    assert [path.name for path in files(tmp_path)] == ["checkpoint-000000000013.safetensors"]
    assert len(fit(network(), checkpoint=tmp_path)) == 6


@pytest.mark.parametrize("failing", ["write", "fsync", "replace"])
def test_a_full_disk_costs_the_checkpoint_and_not_the_training(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = network()
    expected = outcome(net, fit(net))
    fit(network(), epochs=1, checkpoint=tmp_path)
    sound = files(tmp_path)

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    target = "pathlib.Path.replace" if failing == "replace" else "mlpcore.io.files.os.fsync"
    if failing == "write":
        monkeypatch.setattr("secrets.token_hex", lambda n: "x" * 300)  # a name that is too long
        message = "File name too long"
    else:
        monkeypatch.setattr(target, full)
        message = "No space left on device"
    net = network()
    with pytest.warns(RuntimeWarning, match=f"checkpoint could not be written .*{message}"):
        history = fit(net, checkpoint=tmp_path)
    assert outcome(net, history) == expected
    assert files(tmp_path) == sound


def test_what_a_kill_left_half_written_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".checkpoint-000000000004.safetensors.0123456789abcdef.tmp"
    left.write_bytes(b"half")
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    fit(network(), epochs=1, checkpoint=tmp_path)
    assert not left.exists()
    assert other.read_text() == "mine"


def test_a_newer_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpcore.io.checkpoints.FORMAT", 2)
    fit(network(), epochs=1, checkpoint=tmp_path)
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"of format 2 .* expected format 1"):
        fit(network(), checkpoint=tmp_path)
