"""Tables of any type and value: the plain table's examples, or an error that names the column."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pandas = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
pytest.importorskip("typer")
pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")

from typer.testing import CliRunner  # noqa: E402

import mlpcore as mc  # noqa: E402
from mlpcore.cli.app import app  # noqa: E402
from mlpcore.cli.examples import Examples, file_examples  # noqa: E402

ROWS = 20
NUMBERS = np.arange(ROWS) % 7
TARGET = np.arange(ROWS) % 2


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test in a directory of its own, on a screen that does not wrap."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")


def examples(frame: Any, name: str) -> Examples:
    if name.endswith(".parquet"):
        frame.to_parquet(name)
    elif name.endswith(".csv"):
        frame.to_csv(name, index=False)
    else:
        np.savez(name, **{column: frame[column].to_numpy() for column in frame})
    options = {"task": "auto", "ignore": (), "fraction": 0.2, "seed": 0}
    return file_examples(Path(name), "y", **options)


TYPES = [
    *("float32", "float16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"),
    *("uint64", "Int8", "Int64", "UInt32", "Float32", "Float64", "int32[pyarrow]"),
    *("double[pyarrow]", "decimal128(9, 2)[pyarrow]"),
]


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [(d, k) for d in TYPES for k in ("csv", "parquet", "npz") if k != "npz" or hasattr(np, d)],
)
def test_columns_of_any_type(dtype: str, kind: str) -> None:
    plain = pandas.DataFrame({"x": NUMBERS.astype("float64"), "y": TARGET})
    if "pyarrow" in dtype:
        pyarrow = pytest.importorskip("pyarrow")
        types = {"int32": pyarrow.int32(), "double": pyarrow.float64()}
        made = types.get(dtype.split("[")[0], pyarrow.decimal128(9, 2))
        column = pandas.Series([Decimal(int(n)) for n in NUMBERS] if "dec" in dtype else NUMBERS)
        typed = plain.assign(x=column.astype(pandas.ArrowDtype(made)))
    else:
        typed = plain.assign(x=NUMBERS.astype("int64")).astype({"x": dtype})
    got, expected = examples(typed, f"typed.{kind}"), examples(plain, f"plain.{kind}")
    assert got.preprocessing == expected.preprocessing
    for part in ("training", "held_out"):
        for array, wanted in zip(getattr(got, part), getattr(expected, part), strict=True):
            np.testing.assert_array_equal(array, wanted)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("dtype", ["float64", "Int64", "Float64", "object"])
def test_gaps_of_any_type(dtype: str, kind: str) -> None:
    gaps = pandas.Series([None if n == 3 else n for n in NUMBERS.tolist()], dtype=dtype)
    plain = pandas.DataFrame({"x": np.where(NUMBERS == 3, np.nan, NUMBERS), "y": TARGET})
    got, expected = examples(plain.assign(x=gaps), f"gaps.{kind}"), examples(plain, f"plain.{kind}")
    np.testing.assert_array_equal(got.training[0], expected.training[0])


#: Columns, and the words of the error; no words where training succeeds.
VALUES: dict[str, tuple[dict[str, Any], str]] = {
    "ordinary": ({}, ""),
    "constant": ({"x": 1.5}, ""),
    "subnormal": ({"x": NUMBERS * 1e-310}, ""),
    "1e38": ({"x": NUMBERS * 1e38}, ""),
    "1e308": ({"x": np.where(NUMBERS > 3, 1.7e308, -1.7e308)}, "column 'x': got numbers too large"),
    "infinite": ({"x": np.where(NUMBERS == 3, np.inf, NUMBERS)}, "column 'x': got infinity in row"),
    "missing": ({"x": np.nan}, "column 'x': got no number in any row"),
    "some missing": ({"x": np.where(NUMBERS == 3, np.nan, NUMBERS)}, ""),
    "truths": ({"x": NUMBERS > 3}, ""),
    "words": ({"x": [f"word {n}" for n in NUMBERS]}, ""),
    "dates": ({"x": pandas.date_range("2020", periods=ROWS)}, "column 'x': got datetime"),
    "durations": ({"x": pandas.to_timedelta(NUMBERS, "s")}, "column 'x': got timedelta"),
    "lists": ({"x": [[n] for n in NUMBERS]}, "column 'x': got mixed"),
    "bytes": ({"x": [b"a"] * ROWS}, "column 'x': got bytes"),
    "one class": ({"y": 1}, "column 'y': got 1 class"),
    "a class without a name": ({"y": ["a", None] * (ROWS // 2)}, "column 'y': got no class in row"),
    "a class of each": ({"y": [f"{n}" for n in range(ROWS)]}, "too few to hold out"),
    "a number without a value": (
        {"y": np.where(NUMBERS == 3, np.nan, NUMBERS / 3)},
        "column 'y': got no number in row",
    ),
    "an infinite number": (
        {"y": np.where(NUMBERS == 3, np.inf, NUMBERS / 3)},
        "column 'y': got infinity in row",
    ),
    "a constant number": ({"y": 2.5}, ""),
}


@pytest.mark.parametrize("case", VALUES)
def test_values_on_the_command_line(case: str) -> None:
    columns, words = VALUES[case]
    frame = pandas.DataFrame({"x": NUMBERS.astype("float64"), "y": TARGET}).assign(**columns)
    frame.to_parquet("data.parquet")
    arguments = ["train", "data.parquet", "--target", "y", "--epochs", "1", "--quiet"]
    result = CliRunner().invoke(app, [*arguments, "--hidden", "3", "--out", "run"])
    assert result.exit_code == bool(words), result.output
    if words:
        assert result.output.startswith("mlpcore: data.parquet") or "20 rows" in result.output
        assert words in result.output
        assert result.output.count("\n") == 1
    else:
        assert np.isfinite(mc.load("run/model.safetensors").parameters).all()
        result = CliRunner().invoke(app, ["predict", "run/model.safetensors", "data.parquet"])
        assert result.exit_code == 0, result.output
        predicted = pandas.read_csv("predictions.csv").select_dtypes("number")
        assert np.isfinite(predicted.to_numpy(dtype=float)).all()


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_rows_on_the_command_line(rows: int) -> None:
    frame = pandas.DataFrame({"x": NUMBERS.astype("float64"), "y": TARGET})[:rows]
    frame.to_parquet("data.parquet")
    result = CliRunner().invoke(app, ["train", "data.parquet", "--target", "y"])
    assert result.exit_code == 1
    assert result.output.startswith("mlpcore: ")
    assert result.output.count("\n") == 1
