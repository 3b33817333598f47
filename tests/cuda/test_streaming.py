"""Data that stay on the host and reach the device batch by batch, against data that lie on it."""

from __future__ import annotations

import shutil
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
import streams
from mlpcore import training
from mlpcore.backend.cuda import plan
from mlpcore.backend.devices import HOST
from mlpcore.training import trainer
from mlpcore.training.data import prepare
from training_cases import FEATURES, LABELS, MEMBERS, OUTPUTS, ROWS, VALUES, WEIGHTS, X

either = pytest.mark.parametrize("members", [None, MEMBERS], ids=["single", "stacked"])
OWN = np.random.default_rng(3).normal(size=(MEMBERS, ROWS, FEATURES))
ON_CPU = types.SimpleNamespace(backend=HOST)
#: Which streams run as late as they may: of a plan's two, the first computes, the second copies.
ORDERS: dict[str, Callable[[int], bool]] = {
    "at once": lambda number: False,
    "computing late": lambda number: number % 2 == 1,
    "copying late": lambda number: number % 2 == 0,
    "all late": lambda number: True,
}


@pytest.fixture(params=ORDERS)
def order(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    late = frozenset(number for number in range(1, 100) if ORDERS[request.param](number))
    monkeypatch.setattr(streams.Stream, "late", late)


@pytest.fixture
def pieces_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run of more steps is cut, and each of the two places used again and again."""
    monkeypatch.setattr(plan, "MOST_STEPS", 2)
    monkeypatch.setattr(trainer, "LONGEST_REPLAY", 1e9)


def trained(cupy: Any, stream: bool | None, **arguments: Any) -> tuple[mc.MLP, mc.History]:
    """A network after three epochs of batches of two rows, and a last one of one."""
    own = {"activation": "tanh", "dropout": 0.2, "dtype": "float64"}
    names = ("members", "dtype", "output", "normalization")
    own |= {name: arguments.pop(name) for name in names if name in arguments}
    net = mc.MLP([FEATURES, 6, OUTPUTS], backend=cupy.backend, **own)
    settings: dict[str, Any] = {"X": X, "y": LABELS, "batch_size": 2, "epochs": 3}
    settings |= {"optimizer": mc.SGD(0.1, momentum=0.9), "recorded": True} | arguments
    data = settings.pop("X"), settings.pop("y")
    return net, training.fit(net, *data, stream=stream, progress=False, **settings)


def assert_the_same(cupy: Any, **arguments: Any) -> None:
    """The bits of data on the device, and the numbers of the CPU."""
    found = [trained(cupy, stream, **arguments) for stream in (True, False)]
    (ours, history), (theirs, expected) = found
    for name, value in theirs.tensors().items():
        assert ours.tensors()[name].tobytes() == value.tobytes(), name
    if cupy.backend.precision == "auto":
        cpu, losses = trained(ON_CPU, False, **arguments | {"recorded": False})
        tolerance = 1e-10 if cpu.dtype == "float64" else 1e-4
        np.testing.assert_allclose(history.loss, losses.loss, rtol=tolerance)
    np.testing.assert_array_equal(history.loss, expected.loss)
    np.testing.assert_array_equal(history.validation_loss, expected.validation_loss)


@either
@pytest.mark.usefixtures("order", "pieces_of_two")
def test_the_same_bits_as_with_data_on_the_device(cupy: Any, members: int | None) -> None:
    assert_the_same(cupy, members=members, sample_weight=WEIGHTS[0], normalization="batch")


@pytest.mark.usefixtures("order")
def test_runs_of_one_piece(cupy: Any) -> None:
    assert_the_same(cupy)


@either
@pytest.mark.usefixtures("order", "pieces_of_two")
def test_runs_of_more_pieces_than_places(cupy: Any, members: int | None) -> None:
    assert_the_same(cupy, batch_size=1, members=members)


@pytest.mark.usefixtures("pieces_of_two")
def test_examples_of_each_member_s_own(cupy: Any) -> None:
    assert_the_same(cupy, X=OWN, members=MEMBERS)


@pytest.mark.usefixtures("pieces_of_two")
@pytest.mark.parametrize("precision", ["auto", "bfloat16"])
def test_rows_are_converted_as_they_are_copied(cupy: Any, precision: str) -> None:
    place = types.SimpleNamespace(backend=cupy.backend.computing(precision, "float32"))
    own: dict[str, Any] = {"dtype": "float32", "output": "identity", "y": VALUES}
    assert_the_same(place, **own)
    assert_the_same(place, X=np.round(X * 9).astype(np.int16), **own)


@pytest.mark.usefixtures("pieces_of_two")
def test_data_mapped_from_a_file(cupy: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert_the_same(cupy, X=mapped, dtype="float32")


@either
@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.usefixtures("pieces_of_two")
def test_some_rows_to_train_on_and_some_to_measure(
    cupy: Any, recorded: bool, members: int | None
) -> None:
    rows = {"rows": np.arange(8), "validation_rows": np.arange(8, ROWS)}
    assert_the_same(cupy, members=members, recorded=recorded, metrics="accuracy", **rows)
    assert_the_same(cupy, members=members, validation_data=(-X, LABELS))


@pytest.mark.usefixtures("order", "pieces_of_two")
def test_a_member_that_diverges_in_the_middle(cupy: Any) -> None:
    rates = mc.SGD([0.01, 1e200, 0.02])
    own: dict[str, Any] = {"members": MEMBERS, "output": "identity", "y": VALUES}
    with pytest.warns(RuntimeWarning, match=r"members \[1\], training diverged"):
        assert_the_same(cupy, optimizer=rates, **own)


@pytest.mark.usefixtures("pieces_of_two")
def test_nobody_trains_on_behind_the_last_divergence(cupy: Any) -> None:
    with pytest.raises(mc.DivergenceError) as raised:
        trained(cupy, True, optimizer=mc.SGD(1e200), output="identity", y=VALUES)
    assert raised.value.epoch == 0


@either
def test_members_that_leave(cupy: Any, members: int | None) -> None:
    validation = {"validation_data": (-X, np.roll(LABELS, 1)), "early_stopping": 2}
    rates = mc.Adam([0.001, 0.1, 0.3] if members else 0.1, epsilon=1e-2)
    assert_the_same(cupy, X=OWN if members else X, members=members, optimizer=rates, epochs=20)
    assert_the_same(cupy, members=members, optimizer=rates, epochs=20, **validation)


def test_a_checkpoint_is_the_same_wherever_the_data_lie(cupy: Any, tmp_path: Path) -> None:
    own: dict[str, Any] = {"dtype": "float32", "checkpoint": str(tmp_path / "run")}
    _, history = trained(cupy, True, **own)
    _, again = trained(cupy, False, **own)  # which has ended already
    np.testing.assert_array_equal(history.loss, again.loss)
    shutil.rmtree(tmp_path / "run")
    trained(cupy, True, X=OWN, members=MEMBERS, **own)
    trained(cupy, False, X=OWN, members=MEMBERS, **own)


def test_data_that_would_crowd_the_device_stay_on_the_host(
    standing_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = mc.MLP([FEATURES, 6, OUTPUTS], backend=standing_in.backend)
    for free, stays in ((2 * X.size * 4, False), (2 * X.size * 4 - 1, True)):
        monkeypatch.setattr(
            standing_in.xp.cuda.runtime, "memGetInfo", lambda free=free: (free - (1 << 20), 1 << 30)
        )
        assert prepare(net, X, LABELS, None, None, None).streamed == stays
        assert not prepare(net, X, LABELS, None, None, None, stream=False).streamed
    own = standing_in.array(X, np.float32)
    assert not prepare(net, own, LABELS, None, None, None).streamed


def test_what_stays_on_the_host_is_checked_all_the_same(
    standing_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = mc.MLP([FEATURES, 6, OUTPUTS], backend=standing_in.backend)
    monkeypatch.setattr("mlpcore.network.arrays.PIECE_BYTES", 3 * FEATURES * 8)
    broken = X.copy()
    broken[7, 2] = 1e300
    with pytest.raises(ValueError, match=r"got X with .* beyond float32 at index \(7, 2\)"):
        prepare(net, broken, LABELS, None, None, None, stream=True)


def test_nothing_to_stream_is_refused(standing_in: Any) -> None:
    net = mc.MLP([FEATURES, 6, OUTPUTS], backend=standing_in.backend)
    with pytest.raises(ValueError, match=r"got stream=True with X that is on gpu:0 already"):
        net.fit(standing_in.array(X, np.float32), LABELS, stream=True)
    with pytest.raises(ValueError, match=r"got stream=True with X that is on cpu already"):
        mc.MLP([FEATURES, 6, OUTPUTS]).fit(X, LABELS, stream=True)
