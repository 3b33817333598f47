"""Floor 6: the commands, on real files."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import cli, io
from mlpcore.backend import kernels
from mlpcore.testing import Report

pandas = pytest.importorskip("pandas")
pytest.importorskip("typer")
pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")

from typer.testing import CliRunner  # noqa: E402

from mlpcore.backend import at_hand as backends  # noqa: E402
from mlpcore.cli import app as commands  # noqa: E402
from mlpcore.cli.app import app  # noqa: E402

QUICK = ("--hidden", "16", "--dropout", "0", "--learning-rate", "0.01", "--backend", "cpu")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test runs in a directory of its own, on a screen that does not wrap."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def run(*arguments: Any, code: int = 0) -> str:
    """What a command prints; its exit code is checked."""
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == code, result.output
    return result.output


def houses(rows: int = 200) -> Any:
    """Numbers, categories and gaps; the price follows from them."""
    rng = np.random.default_rng(0)
    area, kind = rng.uniform(30, 200, rows), rng.choice(["flat", "house", "villa"], rows)
    price = 2.0 * area + np.select([kind == "flat", kind == "house"], [0, 80], 300)
    area[::20] = np.nan
    kind[::31] = ""
    frame = pandas.DataFrame({"id": [f"no {i}" for i in range(rows)], "area": area, "kind": kind})
    return frame.assign(kind=frame["kind"].replace("", None), price=price, dear=price > 300)


def brightness(path: Path) -> Any:
    """The picture as grey values."""
    image = pytest.importorskip("matplotlib.image").imread(path)
    return image[..., :3].mean(axis=-1)


def write(frame: Any, name: str) -> Path:
    path = Path(name)
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    else:
        columns = {column: frame[column].to_numpy() for column in frame}
        np.savez(path, **{n: c.astype(str) if c.dtype == object else c for n, c in columns.items()})
    return path


def test_digits() -> None:
    pytest.importorskip("sklearn")
    output = run("train", "digits", "--epochs", 3, *QUICK)
    lines = [line for line in output.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 3
    assert "training loss" in lines[0]
    assert "held out loss" in lines[0]
    assert "held-out accuracy" in output
    for name in ("model.safetensors", "curves.png"):
        assert str(Path("mlpcore-runs", "digits", name)) in output
    curves = brightness(Path("mlpcore-runs/digits/curves.png"))
    assert curves.shape[0] > 500
    assert 0.01 < (curves < 0.9).mean() < 0.5

    table = io.digits_table()
    columns = {name: table.column(name) for name in table.names if name != "digit"}
    pandas.DataFrame(columns).to_csv("scans.csv", index=False)
    assert "1797 predictions in predictions.csv" in run(
        "predict", "mlpcore-runs/digits/model.safetensors", "scans.csv"
    )
    predictions = pandas.read_csv("predictions.csv")
    assert (predictions["prediction"] == table.column("digit")).mean() > 0.85


@pytest.mark.parametrize("name", ["houses.csv", "houses.parquet", "houses.npz"])
def test_classification(name: str) -> None:
    frame = houses()
    file = write(frame.drop(columns="price"), name)
    output = run("train", file, "--target", "dear", "--ignore", "id", "--epochs", 30, *QUICK)
    assert "held-out accuracy" in output
    run("predict", "mlpcore-runs/houses/model.safetensors", file, "--out", "out.csv")
    predictions = pandas.read_csv("out.csv")
    assert list(predictions) == ["prediction", "probability_False", "probability_True"]
    assert (predictions["prediction"] == frame["dear"]).mean() > 0.85
    shares = predictions[["probability_False", "probability_True"]].sum(axis=1)
    np.testing.assert_allclose(shares, 1, rtol=1e-5)


def test_regression() -> None:
    frame = houses()
    file = write(frame.drop(columns="dear"), "houses.csv")
    output = run(
        "train", file, "--target", "price", "--ignore", "id", "--epochs", 40, "--out", "r", *QUICK
    )
    assert "held-out root-mean-square error of price" in output
    assert "held-out R²" in output
    assert brightness(Path("r/curves.png")).std() > 0.05
    later = write(frame.drop(columns=["id", "price", "dear"]), "later.csv")
    run("predict", "r/model.safetensors", later)
    predicted = pandas.read_csv("predictions.csv")["prediction"]
    assert np.corrcoef(predicted, frame["price"])[0, 1] > 0.9


def test_task_is_overridable() -> None:
    file = write(pandas.DataFrame({"x": range(60), "y": [i % 5 for i in range(60)]}), "data.csv")
    arguments = ("train", file, "--target", "y", "--epochs", 1, *QUICK)
    assert "held-out accuracy" in run(*arguments)
    assert "held-out R²" in run(*arguments, "--task", "regression")


def test_options_reach_the_network() -> None:
    file = write(houses().drop(columns=["id", "price"]), "houses.csv")
    run(
        *("train", file, "--target", "dear", "--epochs", 1, "--backend", "cpu", "--seed", 3),
        *("--hidden", "8,4", "--activation", "tanh", "--normalization", "layer"),
        *("--dropout", 0.5, "--optimizer", "sgd(momentum=0.9)", "--learning-rate", 0.1),
    )
    configuration = mc.load("mlpcore-runs/houses/model.safetensors").configuration
    assert configuration["sizes"] == [4, 8, 4, 2]
    assert configuration["activation"] == "tanh"
    assert configuration["normalization"] == "layer"
    assert configuration["dropout"] == 0.5
    assert configuration["seed"] == 3


def test_no_hidden_layer_and_quiet() -> None:
    file = write(houses().drop(columns=["id", "price"]), "houses.csv")
    output = run("train", file, "--target", "dear", "--hidden", "", "--epochs", 2, "--quiet")
    assert "epoch 1" not in output
    assert "held-out accuracy" in output


def test_the_same_seed_gives_the_same_model() -> None:
    file = write(houses().drop(columns=["id", "price"]), "houses.csv")
    for out in ("one", "two"):
        run("train", file, "--target", "dear", "--epochs", 2, "--out", out, *QUICK)
    one, two = (Path(out, "model.safetensors").read_bytes() for out in ("one", "two"))
    assert one == two


def test_digits_compare_the_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setattr(backends, "at_hand", lambda: ["cpu", "cpu"])
    output = run("train", "digits", "--epochs", 1, "--hidden", 8, "--dropout", 0)
    assert "times as fast as cpu" in output
    assert "The trained parameters differ by 0 at most" in output


def test_interrupted_before_the_first_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mc.MLP, "fit", lambda *_, **__: mc.History(stopped="interrupted"))
    file = write(houses().drop(columns=["id", "price"]), "houses.csv")
    assert "nothing was saved" in run("train", file, "--target", "dear", *QUICK, code=130)


def test_info() -> None:
    output = run("info")
    told = (name.replace("_", " ") for name in kernels.status())
    for fact in ("mlpcore", np.__version__, "backend cpu", *told, "BLAS"):
        assert fact in output


def test_info_tells_why_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_gpu(name: str) -> SimpleNamespace:
        if name != "cpu":
            raise RuntimeError("the reason why")
        return SimpleNamespace(description="ready")

    monkeypatch.setattr(backends, "backend", no_gpu)
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert backends.at_hand() == ["cpu"]
    output = run("info")
    assert "the reason why" in output
    assert "cpu, there is no GPU" in output


def test_every_gpu_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    def two_gpus(name: str) -> SimpleNamespace:
        if name not in ("cpu", "gpu", "gpu:0", "gpu:1"):
            raise RuntimeError("no more")
        return SimpleNamespace(description="a device")

    monkeypatch.setattr(backends, "backend", two_gpus)
    runtime = SimpleNamespace(getDeviceCount=lambda: 2)
    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    assert backends.at_hand() == ["cpu", "gpu:0", "gpu:1"]
    assert backends.why_no_gpu() == ""
    output = run("info")
    assert "backend gpu:1" in output
    assert "gpu:0 for networks of" in output


def test_check() -> None:
    output = run("check")
    assert "relu" in output
    assert "network" in output
    assert "gradients are right" in output


def test_check_finds_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    reports = [Report("right one", 1e-9, True, ""), Report("relu", 0.5, False, "worst at 3")]
    monkeypatch.setattr("mlpcore.cli.check.check_all", lambda: reports)
    output = run("check", code=1)
    assert "relu: worst at 3" in output
    assert "1 of 2 gradients are wrong" in output


DATA = ("train", "data.csv", "--target", "y")

#: The command line itself cannot be: exit code 2.
MISUSES = [
    (("train", "data.csv"), "got no --target, expected the column to predict, one of 'x', 'y'"),
    ((*DATA, "--task", "magic"), "got task='magic'"),
    ((*DATA, "--held-out", "2"), "held-out fraction of 2"),
    ((*DATA, "--held-out", "nan"), "held-out fraction of nan"),
    ((*DATA, "--hidden", "a"), "got --hidden 'a'"),
    ((*DATA, "--hidden", "0"), "got --hidden '0'"),
    ((*DATA, "--activation", "rleu"), "the nearest is 'relu'"),
    ((*DATA, "--activation", "elu(alpha=-1)"), "got alpha=-1"),
    ((*DATA, "--normalization", "bacth"), "the nearest is 'batch'"),
    ((*DATA, "--optimizer", "adan"), "nearest is 'adam'"),
    ((*DATA, "--learning-rate", "-1"), "got -1.0 for Adam(learning_rate=...)"),
    ((*DATA, "--dropout", "1.5"), "got dropout=1.5"),
    ((*DATA, "--seed", "-1"), "got seed=-1"),
    (("train", "digits", "--target", "x"), "got --target, --task or --ignore with the digits"),
    (
        ("sweep", "digits", "--grid", "hidden=8", "--task", "regression"),
        "with the digits, expected",
    ),
    ((*DATA, "--backend", "tpu"), "got backend='tpu'"),
    (("predict", "good.safetensors", "data.csv", "--backend", "tpu"), "got backend='tpu'"),
    (("predict", "good.safetensors", "data.csv", "--out", "o.txt"), "ends in .csv"),
    (("predict", "good.safetensors", "data.csv", "--out", "data.csv"), "choose another --out"),
]

#: What it names cannot be used: exit code 1.
FAILURES = [
    (("train", "none.csv", "--target", "x"), "none.csv: No such file or directory"),
    (("train", "data.txt", "--target", "x"), "ends in '.txt', expected .csv"),
    (("train", "folder.csv", "--target", "x"), "folder.csv: Is a directory"),
    (("train", "broken.npz", "--target", "x"), "broken.npz: got no NPZ file"),
    (("train", "data.csv", "--target", "z"), "data.csv: got no column 'z'"),
    (("train", "data.csv", "--target", "y", "--ignore", "z"), "data.csv: got no column 'z'"),
    (("train", "data.csv", "--target", "y", "--ignore", "x"), "got no column beside 'y'"),
    (("train", "words.csv", "--target", "w", "--task", "regression"), "got 'a' in row 1, expected"),
    (("train", "words.csv", "--target", "one"), "column 'one': got 1 class, expected two or more"),
    (("train", "words.csv", "--target", "far", "--task", "regression"), "got infinity in row"),
    (("train", "words.csv", "--target", "gaps"), "column 'gaps': got no class in row 2"),
    (("train", "words.csv", "--target", "gaps"), "NA, None, null and nan in a CSV file stand for"),
    (("train", "twice.csv", "--target", "y"), "twice.csv: got a broken table of text: 2 columns"),
    (("predict", "none.safetensors", "data.csv"), "none.safetensors: No such file"),
    (("predict", "data.csv", "data.csv"), "not a safetensors file"),
    (("predict", "bare.safetensors", "data.csv"), "got a model without preprocessing"),
    (("predict", "good.safetensors", "other.csv"), "other.csv: got no column 'x'"),
    (("predict", "good.safetensors", "texts.csv"), "texts.csv, column 'x': got 'a' in row 1"),
    (("predict", "good.safetensors", "data.csv", "--out", "none/o.csv"), "got no directory 'none'"),
    (("predict", "odd.safetensors", "data.csv"), "odd.safetensors: got a network"),
]


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [*((*case, 2) for case in MISUSES), *((*case, 1) for case in FAILURES)],
)
def test_errors_are_one_line(arguments: tuple[str, ...], message: str, code: int) -> None:
    frame = pandas.DataFrame({"x": range(20), "y": [0, 1] * 10})
    write(frame, "data.csv")
    write(frame.rename(columns={"x": "w"}), "other.csv")
    write(frame.assign(x="a"), "texts.csv")
    words = {"w": "a", "one": 5, "far": [0.5, np.inf] * 10, "gaps": ["a", None] * 10}
    write(frame.assign(**words), "words.csv")
    Path("twice.csv").write_text("x,y,y\n1,2,2\n")
    Path("broken.npz").write_bytes(b"no archive")
    Path("folder.csv").mkdir()
    preprocessing = io.Preprocessing.fit(io.read_table("data.csv"), "y")
    mc.MLP([1, 2]).save("bare.safetensors")
    io.save(mc.MLP([1, 2]), "good.safetensors", preprocessing)
    io.save(mc.MLP([3, 2]), "odd.safetensors", preprocessing)
    before = sorted(Path().rglob("*"))
    output = run(*arguments, code=code)
    assert output.startswith("mlpcore: ")
    assert output.count("\n") == 1
    assert message in output
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    "arguments", [("train",), ("predict", "x"), ("fly",), (*DATA, "--epochs", "0"), ("--wings",)]
)
def test_a_command_line_of_another_form(arguments: tuple[str, ...]) -> None:
    assert "Traceback" not in run(*arguments, code=2)


@pytest.mark.parametrize(
    "arguments", [(*DATA, "--out"), ("sweep", *DATA[1:], "--out"), ("bench", "--output")]
)
def test_a_file_in_the_place_of_the_directory(arguments: tuple[str, ...]) -> None:
    file = write(pandas.DataFrame({"x": range(20), "y": [0, 1] * 10}), "data.csv")
    assert "is a file" in " ".join(run(*arguments, file, code=2).split())


def test_divergence_is_one_line() -> None:
    file = write(houses().drop(columns=["id", "dear"]), "houses.csv")
    output = run(
        *("train", file, "--target", "price", "--quiet", "--optimizer", "sgd"),
        *("--learning-rate", "1e30"),
        code=1,
    )
    assert output.startswith("mlpcore: ")


@pytest.mark.parametrize("place", [0, 3])
def test_debug_shows_the_fault(place: int) -> None:
    arguments = ["train", "none.csv", "--target", "x"]
    result = CliRunner().invoke(app, [*arguments[:place], "--debug", *arguments[place:]])
    assert isinstance(result.exception, FileNotFoundError)


def test_predictions_of_no_rows() -> None:
    write(pandas.DataFrame({"x": range(20), "y": [0, 1] * 10}), "data.csv")
    io.save(
        mc.MLP([1, 2]),
        "net.safetensors",
        io.Preprocessing.fit(io.read_table("data.csv"), "y"),
    )
    Path("empty.csv").write_text("x\n")
    assert "0 predictions" in run("predict", "net.safetensors", "empty.csv")
    assert Path("predictions.csv").read_text().splitlines() == [
        "prediction,probability_0,probability_1"
    ]


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(module: str, extra: str) -> None:
        raise ImportError(f"got no {module}; install mlpcore[{extra}]")

    monkeypatch.setattr(cli, "require", missing)
    with pytest.raises(SystemExit, match="got no typer"):
        cli.main()


def test_main_runs_the_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["mlpcore", "--help"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert "train" in capsys.readouterr().out
    assert commands.app is app
