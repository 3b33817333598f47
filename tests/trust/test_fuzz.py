"""Mutated files and command lines: an answer or one clear error, in bounded time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

import fuzz
import mlpcore as mc
from bounds import bounded
from mlpcore import io
from model_files import description, forged, parts, tensors, whole
from table_files import archive, npy

pytest.importorskip("pandas")
pytest.importorskip("pyarrow.parquet")
pytest.importorskip("safetensors")
pytest.importorskip("typer")
pytest.importorskip("matplotlib")

from typer.testing import CliRunner

import seeds
from mlpcore.cli.app import app

MODELS = seeds.models()
TABLES = seeds.tables()
SNIPPETS = {
    ".safetensors": [
        b'"members"',
        b"[" * 2000,
        b'{"a":',
        b"10000000000",
        b"null",
        b"\\ud800",
        b'"',
    ],
    ".csv": [b'"', b"\n\n", b",,,,", b"1e999", b"nan", b"\xef\xbb\xbf", b"9" * 30, b"a" * 3000],
    ".tsv": [b'"', b"\t\t", b"\r"],
    ".npz": [b"PK\x01\x02", b"PK\x05\x06", b"|O8", b"(9999999,)", b"'<U9999'", b"L", b"\x93NUMPY"],
    ".parquet": [b"PAR1", b"\x15\x80\x80", b"\xff\xff\xff\x7f", bytes(8)],
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test in a directory of its own, on a screen that does not wrap."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    return tmp_path


def said(share: float, test: Any, *strategies: Any) -> None:
    print(f"{test.__name__}: {fuzz.run(share, test, *strategies)} cases")


def one_error(path: str, fault: Exception) -> None:
    """It names the file, in one line that is not too long."""
    message = str(fault)
    assert message.startswith(f"{path}: got ") or isinstance(fault, OSError), message
    assert len(message) < 2000
    assert "\n" not in message


def check_model(contents: bytes) -> None:
    """A network that computes and can be kept, or one error; likewise the preprocessing."""
    path = Path("net.safetensors")
    path.write_bytes(contents)
    with bounded(20, 300):
        try:
            net = mc.load(path)
        except (ValueError, OSError) as fault:
            one_error("net.safetensors", fault)
        else:
            assert net.tensors()
            again = mc.MLP(**json.loads(json.dumps(net.configuration)))
            assert again.configuration == net.configuration
            with suppress(ValueError):
                assert np.isfinite(net.predict(np.zeros((2, net.sizes[0])))).any()
        try:
            preprocessing = io.load_preprocessing(path)
        except (ValueError, OSError) as fault:
            one_error("net.safetensors", fault)
        else:
            if preprocessing is not None:
                assert io.Preprocessing.from_state(preprocessing.state()) == preprocessing


def test_models_with_edited_bytes() -> None:
    def edited_model(seed: int, edits: Any) -> None:
        check_model(fuzz.edited(MODELS[seed % len(MODELS)], edits, SNIPPETS[".safetensors"]))

    said(0.24, edited_model, st.integers(0, 99), fuzz.edits)


def test_models_with_another_header() -> None:
    def regrafted_header(seed: int, grafts: Any, numbers: bytes) -> None:
        header, rest = parts(MODELS[seed % len(MODELS)])
        check_model(whole(fuzz.grafted(header, grafts), rest + numbers))

    said(0.1, regrafted_header, st.integers(0, 99), fuzz.grafts, st.just(b"") | st.binary())


CHANGES: dict[str, Any] = {
    "none": lambda a: a,
    "transposed": lambda a: a.T.copy(),
    "shorter": lambda a: a[1:],
    "empty": lambda a: a[:0],
    "flat": lambda a: a.reshape(-1),
    "deeper": lambda a: a[None],
    "float64": lambda a: a.astype("float64"),
    "int32": lambda a: a.astype("int32"),
    "NaN": lambda a: a * np.nan,
    "huge": lambda a: np.full_like(a, 1e38),
}


def test_models_with_another_description() -> None:
    def regrafted(seed: int, grafts: Any, change: str, which: int, name: str) -> None:
        contents = MODELS[seed % len(MODELS)]
        told, held = description(contents), tensors(contents)
        key = sorted(held)[which % len(held)]
        held = {name if k == key and name else k: v for k, v in held.items()}
        held[name or key] = CHANGES[change](held[name or key])
        check_model(forged(fuzz.grafted(told, grafts), held))

    said(
        0.24,
        regrafted,
        *(st.integers(0, 99), fuzz.grafts, st.sampled_from([*["none"] * 20, *CHANGES])),
        *(
            st.integers(0, 99),
            st.sampled_from([*[""] * 9, "x", "layers.0.bias", "layers.9.weight"]),
        ),
    )


def check_table(name: str, contents: bytes) -> None:
    """Columns that preprocessing can be fitted to, or one error."""
    Path(name).write_bytes(contents)
    with bounded(20, 300):
        try:
            table = io.read_table(name)
        except (ValueError, OSError) as fault:
            one_error(name, fault)
            return
        for column in table.columns.values():
            assert column.shape == (len(table),)
            assert column.dtype.kind in "biufO"
        for target in table.names[:1]:
            with suppress(ValueError):
                preprocessing = io.Preprocessing.fit(table, target, ignore=[*table.unusable][:1])
                assert np.isfinite(preprocessing.transform(table)).all()


def test_tables_with_edited_bytes() -> None:
    def edited_table(kind: str, seed: int, edits: Any) -> None:
        good = TABLES[kind][seed % len(TABLES[kind])]
        check_table(f"x{kind}", fuzz.edited(good, edits, SNIPPETS[kind]))

    said(0.2, edited_table, st.sampled_from([*TABLES]), st.integers(0, 99), fuzz.edits)


cells = st.sampled_from(
    [
        *(
            "",
            " ",
            "1",
            "-0",
            "2.5",
            "1e400",
            "1e-400",
            "nan",
            "inf",
            "True",
            "false",
            "2020-01-01",
        ),
        *("9" * 19, "9" * 400, "0x10", "1_0", "1,0", "NA", "x", "ü", "\ud7ff", '"', "a\nb", "\0"),
    ]
)


def test_tables_of_strange_cells() -> None:
    def strange_text(rows: list[list[str]], end: str) -> None:
        check_table("x.csv", end.join(",".join(row) for row in rows).encode())

    rows = st.lists(st.lists(cells, max_size=4), max_size=6)
    said(0.05, strange_text, rows, st.sampled_from(["\n", "\r\n", "\r", "\n\n"]))


def test_archives_of_strange_arrays() -> None:
    def strange_arrays(arrays: list[Any], method: int) -> None:
        members = [(name, npy(*declared)) for name, declared in arrays]
        check_table("x.npz", archive(*members, compression=method))

    sizes = st.sampled_from([0, 1, 2, 3, 10**4, 10**6, 10**12, 2**63, -1])
    shapes = st.lists(sizes, max_size=3).map(tuple).map(str) | st.sampled_from(
        ["1", "(1L,)", "()("]
    )
    kinds = ["<f8", ">f8", "<f2", "<f16", "|b1", "<i8", "<u8", "<c16", "<U3", "<U0", "|S2", "|O"]
    kinds += ["<M8[s]", "|V0", "<U999999999", "x", [("a", "<f8")], [("a", "<f8", (9**9,))]]
    declared = st.tuples(st.sampled_from(kinds), shapes, st.binary(max_size=64))
    names = st.sampled_from(["x.npy", "y.npy", "x[0].npy", "a.txt", "../x.npy"])
    methods = st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    said(0.05, strange_arrays, st.lists(st.tuples(names, declared), max_size=3), methods)


def check_command(arguments: list[str]) -> None:
    """It ends with 0, or with 1 or 2 and a line that says why."""
    before = set(Path().rglob("*"))
    with bounded(60, 300):
        result = CliRunner().invoke(app, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), arguments
    assert result.exit_code in (0, 1, 2), (arguments, result.output)
    assert "Traceback" not in result.output
    if result.exit_code == 1:
        *_, last = result.output.splitlines()
        assert last.startswith("mlpcore: "), result.output
    if result.exit_code:
        assert {path for path in set(Path().rglob("*")) - before if path.is_file()} == set()
    assert not list(Path().rglob("*.tmp"))
    for path in set(Path().rglob("*")) - before:
        if path.is_file():
            path.unlink()


def test_predictions_of_mutated_files() -> None:
    def predicted(seed: int, kind: str, edits: Any, grafts: Any, what: int) -> None:
        contents, name = MODELS[seed % 2], f"x{kind}"
        table = TABLES[kind][0]
        if what == 0:
            contents = fuzz.edited(contents, edits, SNIPPETS[".safetensors"])
        elif what == 1:
            contents = forged(fuzz.grafted(description(contents), grafts), tensors(contents))
        else:
            table = fuzz.edited(table, edits, SNIPPETS[kind])
        Path("net.safetensors").write_bytes(contents)
        Path(name).write_bytes(table)
        check_command(["predict", "net.safetensors", name])

    said(
        0.1,
        predicted,
        *(st.integers(0, 99), st.sampled_from([*TABLES]), fuzz.edits, fuzz.grafts),
        st.integers(0, 2),
    )


words = st.text(max_size=6).map(lambda word: word.replace("\0", ""))
numbers = st.sampled_from(["0", "1", "-1", "2.5", "nan", "inf", "1e9", "x", "", "0.5", "9" * 30])
OPTIONS: dict[str, Any] = {
    "--target": st.sampled_from(["area", "rooms", "kind", "sold", "sole"]) | words,
    "--task": st.sampled_from(["auto", "classification", "regression", "both"]),
    "--ignore": st.sampled_from(["area", "rooms", "kind", "sole"]) | words,
    "--held-out": numbers,
    "--hidden": st.sampled_from(["", "2", "2,2", "0", "2,,2", "-1", "2.5", "x"]),
    "--activation": st.sampled_from(["relu", "tanh", "elu(alpha=-1)", "((", "gelu(approximate=1)"])
    | words,
    "--normalization": st.sampled_from(["batch", "layer", "none"]) | words,
    "--dropout": numbers,
    "--optimizer": st.sampled_from(["adam", "sgd(momentum=2)", "sgd(", "adamw(l2=1e30)"]) | words,
    "--learning-rate": numbers,
    "--batch-size": numbers,
    "--seed": numbers,
    "--backend": st.sampled_from(["cpu", "gpu", "auto", "tpu", "gpu:99999999999999999999"]),
    "--out": st.sampled_from(["out", "x.csv", "a/b/c", "", "."]),
    "--wings": words,
    "--debug": st.none(),
}
options = st.lists(
    st.sampled_from([*OPTIONS]).flatmap(lambda name: st.tuples(st.just(name), OPTIONS[name])),
    max_size=5,
)


def test_command_lines_of_training() -> None:
    def trained(kind: str, given: list[tuple[str, str | None]], good: bool, edits: Any) -> None:
        table = TABLES[kind][0]
        Path(f"x{kind}").write_bytes(table if good else fuzz.edited(table, edits, SNIPPETS[kind]))
        arguments = ["train", f"x{kind}", "--target", "sold", "--epochs", "1", "--quiet"]
        arguments += ["--hidden", "2"]
        for name, value in given:
            if name != "--debug":
                arguments += [name] if value is None else [name, value]
        check_command(arguments)

    said(0.02, trained, st.sampled_from([*TABLES]), options, st.booleans(), fuzz.edits)


def test_commands_as_processes(here: Path) -> None:
    """Without a runner between: no traceback, one line on the error stream, nothing else."""
    Path("x.csv").write_bytes(TABLES[".csv"][0])
    Path("net.safetensors").write_bytes(MODELS[0][:-3])
    for arguments, code in (
        (["predict", "net.safetensors", "x.csv"], 1),
        (["train", "net.safetensors", "--target", "x"], 1),
        (["train", "x.csv", "--target", "sold", "--hidden", "x"], 2),
    ):
        result = subprocess.run(
            [sys.executable, "-P", "-c", "from mlpcore.cli import main; main()", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stdout) == (code, ""), result.stderr
        assert result.stderr.startswith("mlpcore: ")
        assert result.stderr.count("\n") == 1
