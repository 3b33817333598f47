"""The journal: nothing that has ended is lost, whatever becomes of the process."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.experiments import Record, train
from mlpcore.experiments.journal import Journal, fingerprint, journal

#: How often the child is killed; ``MLPCORE_TEST_KILLS=50`` kills it so many times.
KILLS = int(os.environ.get("MLPCORE_TEST_KILLS", "1"))


def record(number: int = 0, **changes: Any) -> Record:
    values: dict[str, Any] = {
        "setting": number,
        "split": 1,
        "repeat": 0,
        "rung": 0,
        "score": 0.1 + number,
        "epochs": 3,
        "best_epoch": 2,
        "diverged": False,
        "loss": (0.3, 0.2, 1 / 3),
        "held_out_loss": (),
        "fit_seconds": 0.5,
        "score_seconds": 0.25,
    }
    return Record(**values | changes)


def read(path: Path, sweep: str = "abc") -> list[Record]:
    with journal(path, sweep, resume=True) as found:
        return list(found.records)


def write(path: Path, *records: Record, sweep: str = "abc") -> None:
    with journal(path, sweep, resume=True) as found:
        found.write(records)


def test_records_come_back_exactly(tmp_path: Path) -> None:
    path = tmp_path / "sweep.jsonl"
    first = [record(0), record(1, held_out_loss=(1e-300, 0.1))]
    write(path, *first)
    diverged = record(2, score=math.nan, diverged=True, loss=(2.0,), held_out_loss=(math.inf,))
    write(path, diverged)
    found = read(path)
    assert found[:2] == first
    assert math.isnan(found[2].score)
    assert math.isnan(found[2].held_out_loss[0])
    assert found[2].loss == (2.0,)
    lines = path.read_text().splitlines()
    assert json.loads(lines[0]) == {"format": 1, "sweep": "abc"}
    assert len(lines) == 4


def test_without_a_file_records_are_kept_in_memory() -> None:
    with journal(None, "abc", resume=False) as found:
        found.write([record()])
        assert found.records == [record()]


@pytest.mark.parametrize("cut", range(0, 300, 7))
def test_a_torn_end_is_cut_off(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "sweep.jsonl"
    write(path, record(0), record(1))
    whole = path.read_bytes()
    cut = min(cut, len(whole) - 1)
    path.write_bytes(whole[: len(whole) - cut])
    kept = whole[: len(whole) - cut].count(b"\n")
    assert read(path) == [record(0), record(1)][: max(kept - 1, 0)]
    write(path, record(2))
    assert read(path)[-1] == record(2)
    for line in path.read_text().splitlines():
        json.loads(line)


def test_a_line_is_on_the_disk_when_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "sweep.jsonl", []
    fsync = os.fsync

    def noting(handle: int) -> None:
        fsync(handle)
        synced.append(path.read_bytes().count(b"\n"))

    monkeypatch.setattr(os, "fsync", noting)
    with journal(path, "abc", resume=False) as found:
        found.write([record(0), record(1)])
        found.write([])
        found.write([record(2)])
    assert synced == [3, 4]


def test_a_journal_of_another_sweep_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sweep.jsonl"
    write(path, record())
    with pytest.raises(ValueError, match=r"sweep\.jsonl: got the journal of another sweep"):
        read(path, "xyz")
    with (
        pytest.raises(FileExistsError, match="pass resume=True"),
        journal(path, "abc", resume=False),
    ):
        pass
    path.write_text('{"format": 99, "sweep": "abc"}\n')
    with pytest.raises(ValueError, match="got a journal of format 99"):
        read(path)


@pytest.mark.parametrize("line", ["{", "[]", "7", '{"setting": 1}', "\xff", ""])
def test_a_damaged_line_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "sweep.jsonl"
    write(path, record(0), record(1))
    lines = path.read_bytes().split(b"\n")
    lines[1] = line.encode("latin-1")
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(ValueError, match="damaged in line 2"):
        read(path)


@pytest.mark.parametrize("text", ["notes", "{x", "one\ntwo", "[]\n"])
def test_another_file_stays_as_it_is(text: str, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"notes\.txt: got a (file that is no|journal that is)"):
        read(path)
    assert path.read_text() == text


def test_an_empty_file_is_a_new_journal(tmp_path: Path) -> None:
    path = tmp_path / "sweep.jsonl"
    path.touch()
    with journal(path, "abc", resume=False) as found:
        assert isinstance(found, Journal)
    assert read(path) == []


def test_fingerprints_tell_all_apart() -> None:
    facts: list[Any] = ["a", 1, 1.0, None, np.zeros(2), np.ones(2), np.zeros(2, np.float32)]
    found = [fingerprint(fact) for fact in facts]
    assert len(set(found)) == len(found)
    assert fingerprint("ab") != fingerprint("a", "b")


SPACE = {"learning_rate": [1e-3, 1e-2, 0.1], "hidden": [(8,), (8, 8)], "seed": range(3)}
CHILD = """
import sys
import numpy as np
import mlpcore as mc

X = np.random.default_rng(0).normal(size=(300, 5))
y = (X.sum(axis=1) > 0).astype(int)
space = {"learning_rate": [1e-3, 1e-2, 0.1], "hidden": [(8,), (8, 8)], "seed": range(3)}
mc.sweep(space, X, y, cv=3, epochs=30, batch_size=10, max_members=2, dtype="float64",
         journal=sys.argv[1], resume=True, refit=False, progress=False, **eval(sys.argv[2]))
"""


def in_this_process(path: Path | None, **arguments: Any) -> mc.experiments.SweepResult:
    X = np.random.default_rng(0).normal(size=(300, 5))
    y = (X.sum(axis=1) > 0).astype(int)
    return mc.sweep(
        SPACE,
        X,
        y,
        cv=3,
        epochs=30,
        batch_size=10,
        max_members=2,
        dtype="float64",
        journal=path,
        resume=True,
        refit=False,
        progress=False,
        **arguments,
    )


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
@pytest.mark.parametrize("arguments", [{}, {"halving": 3}], ids=["whole", "halving"])
def test_a_killed_sweep_goes_on(
    kind: signal.Signals, arguments: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real process ended at random times; what had ended is taken over, not trained again."""
    trained: list[Any] = []
    whole = train.train
    monkeypatch.setattr(
        "mlpcore.experiments.workers.train",
        lambda problem, task, tick: trained.append(task) or whole(problem, task, tick),
    )
    once = in_this_process(None, **arguments)
    chance = random.Random(7)
    for number in range(KILLS):
        path = tmp_path / f"{number}.jsonl"
        killed_child(path, kind, chance, arguments)
        kept = read(path, json.loads(path.read_text().splitlines()[0])["sweep"])
        assert 0 < len(kept) < len(once.records)
        trained.clear()
        resumed = in_this_process(path, **arguments)
        again = {(member.key, task.rung) for task in trained for member in task.bucket.members}
        assert not again & {(record.key, record.rung) for record in kept}
        assert [r.key for r in resumed.records] == [r.key for r in once.records]
        for mine, theirs in zip(resumed.records, once.records):
            assert (mine.rung, mine.epochs) == (theirs.rung, theirs.epochs)
            np.testing.assert_allclose(mine.score, theirs.score, rtol=1e-10)
            np.testing.assert_allclose(mine.loss, theirs.loss, rtol=1e-10)
        assert resumed.best_params == once.best_params


def killed_child(path: Path, kind: signal.Signals, chance: random.Random, arguments: Any) -> None:
    """A process that sweeps, and gets a signal at some time after its first results."""
    lines = chance.randrange(2, 20)
    with subprocess.Popen([sys.executable, "-P", "-c", CHILD, str(path), repr(arguments)]) as child:
        while not path.exists() or path.read_bytes().count(b"\n") < lines:
            assert child.poll() is None, "the child ended by itself"
            time.sleep(0.001)
        time.sleep(chance.random() * 0.05)
        child.send_signal(kind)
        assert child.wait(60) == (-kind if kind == signal.SIGKILL else 0)


def test_a_finished_journal_trains_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sweep.jsonl"
    first = in_this_process(path, halving=3)
    monkeypatch.setattr("mlpcore.experiments.workers.train", None)
    again = in_this_process(path, halving=3)
    assert again.records == first.records
    with pytest.raises(ValueError, match="journal of another sweep"):
        in_this_process(path, halving=2)
