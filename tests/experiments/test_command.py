"""``mlpcore sweep``, on real files."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.experiments.progress import SweepBar

pandas = pytest.importorskip("pandas")
pytest.importorskip("typer")
pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")

from typer.testing import CliRunner  # noqa: E402

from mlpcore.cli.app import app  # noqa: E402
from mlpcore.cli.grid import space  # noqa: E402

QUICK = ("--epochs", "8", "--cv", "3", "--backend", "cpu")
GRID = ("--grid", "learning_rate=0.001,0.03", "--grid", "hidden=16,8x4")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test runs in a directory of its own, on a screen that does not wrap."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def run(*arguments: Any, code: int = 0) -> str:
    """What a command prints; its exit code is checked."""
    result = CliRunner().invoke(app, ["sweep", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


def flats(rows: int = 200) -> Path:
    """A table whose price follows from the area and the kind."""
    rng = np.random.default_rng(0)
    area, kind = rng.uniform(30, 200, rows), rng.choice(["flat", "house"], rows)
    frame = pandas.DataFrame({"area": area, "kind": kind})
    frame["price"] = 2.0 * area + 80 * (kind == "house")
    frame["dear"] = frame["price"] > 300
    frame.to_csv("flats.csv", index=False)
    return Path("flats.csv")


def test_digits() -> None:
    pytest.importorskip("sklearn")
    output = run("digits", *GRID, *QUICK)
    assert "4 settings, 12 networks" in output
    assert "rank" in output
    assert "held-out accuracy of the best, trained on all other rows" in output
    folder = Path("mlpcore-runs/digits-sweep")
    for name in ("scores.csv", "picture.png", "model.safetensors"):
        assert str(folder / name) in output
        assert (folder / name).stat().st_size > 1000
    assert {path.name for path in folder.iterdir()} == {
        *("scores.csv", "picture.png", "model.safetensors")
    }
    scores = pandas.read_csv(folder / "scores.csv")
    assert sorted(scores["rank_test_score"]) == [1, 2, 3, 4]
    assert scores["mean_test_score"].max() > 0.8
    best = scores.loc[scores["rank_test_score"] == 1, "param_hidden"].item()
    network = mc.load(folder / "model.safetensors")
    assert str(network.sizes[1:-1]) == best


def test_a_file_of_values() -> None:
    file = flats()
    options = (*GRID, *QUICK, "--grid", "loss=squared_error,huber(delta=2.0)", "--out", "found")
    output = run(file, "--target", "price", "--ignore", "dear", *options)
    assert "r2" in output
    assert "held-out root-mean-square error of price of the best" in output
    predicted = CliRunner().invoke(app, ["predict", "found/model.safetensors", str(file)])
    assert predicted.exit_code == 0, predicted.output


def test_all_the_options() -> None:
    output = run(
        *(flats(), "--target", "dear", "--ignore", "price", *GRID, *QUICK),
        *("--grid", "dropout=0.0,0.1", "--grid", "optimizer=adam,sgd(momentum=0.9)"),
        *("--n-iter", 6, "--seeds", 2, "--metric", "loss", "--early-stopping", 3),
        *("--halving", 2, "--max-members", 3, "--batch-size", 50, "--quiet", "--seed", 4),
    )
    assert "6 settings, 36 networks" in output
    assert "sgd(momentum=0.9)" in output
    assert "loss" in output


def test_a_dry_run_shows_the_plan_and_writes_nothing(tmp_path: Path) -> None:
    output = run(flats(), "--target", "dear", *GRID, *QUICK, "--dry-run")
    assert "12 networks in" in output
    assert "an estimate, from short trials" in output
    assert [path.name for path in tmp_path.iterdir()] == ["flats.csv"]


def test_an_interrupted_sweep_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = (flats(), "--target", "dear", *GRID, *QUICK, "--max-members", "1")
    tick, left = SweepBar.tick, [20]

    def pressed(self: SweepBar, members: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            signal.raise_signal(signal.SIGINT)
        tick(self, members)

    monkeypatch.setattr(SweepBar, "tick", pressed)
    assert "interrupted; what has ended is kept" in run(*arguments, code=130)
    journal = Path("mlpcore-runs/flats-sweep/journal.jsonl")
    assert journal.read_bytes().count(b"\n") == 3
    assert "go on with it by --resume" in run(*arguments, code=1)
    assert "4 settings, 12 networks" in run(*arguments, "--resume")
    assert not journal.exists()


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ("hidden", "got --grid 'hidden', expected a name and values"),
        ("hidden=", "got --grid 'hidden=', expected a name and values"),
        ("hidden=a", "got --grid hidden=a, expected widths"),
        ("hiden=8", "got hyperparameter 'hiden', expected one of hidden"),
        ("momentum=0.9", "got parameter of Adam 'momentum'"),
        ("activation=rleu", "the nearest is 'relu'"),
        ("activation=3", "got activation 3"),
        ("dropout=2", "got dropout=2"),
        ("dropout=much", "got dropout='much'"),
        ("hidden=0", "got hidden=0"),
    ],
)
def test_a_grid_that_cannot_be(grid: str, message: str) -> None:
    output = run("none.csv", "--target", "dear", "--grid", grid, *QUICK, code=2)
    assert output.startswith("mlpcore: ")
    assert output.count("\n") == 1
    assert message in output


@pytest.mark.parametrize(
    "option",
    [
        *("--cv=1", "--seeds=0", "--metric=foo", "--batch-size=0", "--held-out=2", "--task=foo"),
        *("--optimizer=foo", "--backend=foo", "--max-members=0", "--halving=1", "--n-iter=0"),
        *("--early-stopping=0", "--epochs=0", "--seed=-1"),
    ],
)
def test_an_option_that_cannot_be(option: str) -> None:
    assert "Traceback" not in run("none.csv", "--target", "dear", *GRID, option, code=2)


def test_a_sweep_that_failed_at_once_is_in_nobodys_way() -> None:
    arguments = (flats(), "--target", "dear", "--grid", "hidden=4", "--epochs", "1", "--cv", "2")
    folder = Path("mlpcore-runs/flats-sweep")
    folder.mkdir(parents=True)
    (folder / "journal.jsonl").touch()
    assert "1 settings, 2 networks" in run(*arguments)


def test_a_name_twice() -> None:
    with pytest.raises(ValueError, match="got --grid l2 twice"):
        space(["l2=0.1", "l2=0.2"])


def test_values_as_python_writes_them() -> None:
    grids = [
        "clip_norm=None,1.0",
        "shuffle=True, False",
        "activation=relu,elu(alpha=0.5)",
        "seed=3",
        "class_weight={0:1.0,1:2.0},None",
    ]
    assert space(grids) == {
        "clip_norm": [None, 1.0],
        "shuffle": [True, False],
        "activation": ["relu", "elu(alpha=0.5)"],
        "seed": [3],
        "class_weight": [{0: 1.0, 1: 2.0}, None],
    }
