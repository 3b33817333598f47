"""Floor 6: ``mlpcore export``."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import io

testing = pytest.importorskip("typer.testing")


def mlpcore(*arguments: object, code: int = 0) -> str:
    """The command line's output in one line; ``code`` is what it should exit with."""
    from mlpcore.cli.app import app

    result = testing.CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    io.save(mc.MLP([64, 10]), tmp_path / "model.safetensors", io.digits_preprocessing())
    return tmp_path / "model.safetensors"


def test_export(model: Path) -> None:
    pytest.importorskip("onnx")
    onnx, python = model.with_name("digits.onnx"), model.with_name("digits.py")
    said = mlpcore("export", model, "--onnx", onnx, "--python", python)
    assert said == f"onnx {onnx} python {python}"
    assert b"pixel_7_7" in onnx.read_bytes()
    table = io.digits_table()
    expected = mc.load(model).predict(io.load_digits()[0]).argmax(axis=-1)
    got = runpy.run_path(str(python))["predict_table"](table.columns)
    np.testing.assert_array_equal(got, expected)


def test_a_model_without_preprocessing(tmp_path: Path) -> None:
    mc.MLP([3, 2]).save(tmp_path / "net.safetensors")
    mlpcore("export", tmp_path / "net.safetensors", "--python", tmp_path / "net.py")
    assert "predict_table" not in runpy.run_path(str(tmp_path / "net.py"))


def test_no_file_to_write_or_the_model_itself(model: Path) -> None:
    assert "got neither --onnx nor --python" in mlpcore("export", model, code=2)
    assert "to read and to write" in mlpcore("export", model, "--python", model, code=2)
    same = model.with_name("same")
    twice = ("--onnx", same, "--python", model.parent / "." / "same")
    assert "to write twice" in mlpcore("export", model, *twice, code=2)
    assert not same.exists()
    assert mc.load(model).sizes == (64, 10)
