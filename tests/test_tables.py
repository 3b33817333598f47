"""Floor 4: tables of named columns from files."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpcore.backend.extras import require, version
from mlpcore.io import Table, read_table

pandas = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    path = tmp_path / "houses.csv"
    path.write_text("rooms,area,kind,sold\n3,70.5,flat,True\n5,,house,False\n2,40,,True\n")
    return path


def test_csv_keeps_numbers_texts_truths_and_gaps(houses: Path) -> None:
    table = read_table(houses)
    assert table.names == ["rooms", "area", "kind", "sold"]
    assert len(table) == 3
    assert table.column("rooms").dtype == np.int64
    np.testing.assert_array_equal(table.column("area"), [70.5, np.nan, 40.0])
    assert table.column("kind").tolist() == ["flat", "house", None]
    assert table.column("sold").dtype == bool


def test_tsv_and_parquet_hold_the_same(houses: Path, tmp_path: Path) -> None:
    frame = pandas.read_csv(houses)
    frame.to_csv(tmp_path / "houses.tsv", sep="\t", index=False)
    frame.to_parquet(tmp_path / "houses.parquet")
    expected = read_table(houses)
    for name in ("houses.tsv", "houses.parquet"):
        table = read_table(tmp_path / name)
        assert table.names == expected.names
        for column in expected.names:
            np.testing.assert_array_equal(table.column(column), expected.column(column))


def test_columns_without_a_name_are_counted(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("x,,\n1,2,3\n")
    assert read_table(tmp_path / "data.csv").names == ["x", "Unnamed: 1", "Unnamed: 2"]


def test_parquet_types(tmp_path: Path) -> None:
    path = tmp_path / "types.parquet"
    pandas.DataFrame(
        {
            "gaps": pandas.array([1, None, 3], dtype="Int64"),
            "whole": pandas.array([1, 2, 3], dtype="Int64"),
            "maybe": pandas.array([True, None, False], dtype="boolean"),
            "money": [Decimal("1.50"), Decimal("2.25"), None],
            "group": pandas.Categorical(["a", "b", "a"]),
            "empty": [None, None, None],
            "half": np.array([1, 2, 3], dtype=np.float16),
            "day": pandas.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03"]),
            "lists": [[1], [2], [3]],
        }
    ).to_parquet(path)
    table = read_table(path)
    np.testing.assert_array_equal(table.column("gaps"), [1, np.nan, 3])
    assert table.column("whole").dtype == np.int64
    np.testing.assert_array_equal(table.column("maybe"), [1, np.nan, 0])
    np.testing.assert_array_equal(table.column("money"), [1.5, 2.25, np.nan])
    assert table.column("group").tolist() == ["a", "b", "a"]
    assert np.isnan(table.column("empty")).all()
    np.testing.assert_array_equal(table.column("half"), [1, 2, 3])
    for name, contents in {"day": "datetime64", "lists": "mixed"}.items():
        with pytest.raises(ValueError, match=f"types.parquet, column '{name}': got {contents}"):
            table.column(name)


@pytest.mark.parametrize(
    ("index", "names"),
    [
        ("a", ["a", "b", "kind"]),
        ("kind", ["kind", "a", "b"]),
        (["b", "kind"], ["b", "kind", "a"]),
        (pandas.Index([5, 6]), ["a", "b", "kind"]),
        (pandas.RangeIndex(2, name="b"), ["a", "b", "kind"]),
        (pandas.RangeIndex(2, name="row"), ["a", "b", "kind"]),
    ],
    ids=["numbers", "texts", "two", "without a name", "a name twice", "a range"],
)
def test_a_named_index_of_parquet_is_a_column(tmp_path: Path, index: Any, names: list[str]) -> None:
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [3, 4], "kind": ["p", "q"]})
    frame.set_index(index).to_parquet(tmp_path / "data.parquet")
    table = read_table(tmp_path / "data.parquet")
    assert table.names == names
    for name in names:
        assert table.column(name).tolist() == frame[name].tolist()


def test_npz_spreads_matrices_into_columns(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(
        path,
        X=np.arange(6.0).reshape(3, 2),
        y=np.array([[0], [1], [0]]),
        kind=np.array(["a", "b", "a"]),
        names=np.array(["one", "two"]),
        images=np.zeros((3, 2, 2)),
        waves=np.zeros(3, dtype=complex),
        version=1,
    )
    table = read_table(path)
    assert table.names[:4] == ["X[0]", "X[1]", "y", "kind"]
    np.testing.assert_array_equal(table.column("X[1]"), [1.0, 3.0, 5.0])
    assert table.column("y").shape == (3,)
    assert table.column("kind").dtype == object
    assert set(table.unusable) == {"names", "images", "waves", "version"}
    with pytest.raises(ValueError, match=r"column 'names': got shape \(2,\), expected \(3,\)"):
        table.column("names")


def test_npz_never_unpickles(tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, X=np.array([{}, []], dtype=object))
    with pytest.raises(ValueError, match=r"objects\.npz: got a broken NPZ file"):
        read_table(path)


def test_take_keeps_rows_and_reasons() -> None:
    table = Table({"x": np.arange(3)}, "here", {"day": "got dates"})
    part = table.take(np.array([2, 0]))
    assert part.column("x").tolist() == [2, 0]
    assert part.names == ["x", "day"]


def test_unknown_column_lists_at_most_twenty() -> None:
    table = Table({f"c{i}": np.zeros(1) for i in range(30)}, "wide.csv")
    with pytest.raises(ValueError, match=r"wide\.csv: got no column 'c31'.* and 10 more; did you"):
        table.column("c31")


@pytest.mark.parametrize(
    ("name", "contents", "message"),
    [
        ("a.csv", b"", "broken table of text: No columns"),
        ("a.csv", b"x,y\n1,2,3\n4,5,6\n", "broken table of text"),
        ("a.csv", b'x,y\n1,"2\n', "broken table of text"),
        ("a.csv", b"x\n\xff\xfe\n", "broken table of text"),
        ("a.csv", b"x,y,y\n1,2,3\n", "broken table of text: 2 columns named 'y'"),
        ("a.tsv", b"x\t,\tx\n1\t2\t3\n", "broken table of text: 2 columns named 'x'"),
        ("a.parquet", b"PAR1 but not really", "broken Parquet"),
        ("a.npz", b"no archive", "got no NPZ file"),
        ("a.npz", b"PK\x05\x06" + bytes(18), "got no column 'x'; it has none at all"),
        ("a.txt", b"x\n1\n", r"ends in '\.txt', expected \.csv, \.tsv, \.parquet or \.npz"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, name: str, contents: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(contents)
    with pytest.raises(ValueError, match=message) as caught:
        read_table(path).column("x")
    assert str(path) in str(caught.value)


def test_truncated_npz(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, X=np.arange(1000.0))
    contents = bytearray(path.read_bytes())
    contents[500] ^= 1
    path.write_bytes(contents)
    with pytest.raises(ValueError, match="broken NPZ"):
        read_table(path)


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    path = tmp_path / "twice.parquet"
    columns = [pyarrow.array([1]), pyarrow.array([2])]
    table = pyarrow.Table.from_arrays(columns, names=["x", "x"])
    require("pyarrow.parquet", "cli").write_table(table, path)
    with pytest.raises(ValueError, match=r"twice\.parquet"):
        read_table(path)


def test_missing_file_and_directory(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OSError, match=r"folder\.csv"):
        read_table(tmp_path / "folder.csv")


def test_missing_package_names_the_extra() -> None:
    with pytest.raises(ImportError, match=r'got no nothing; .* pip install "mlpcore\[cli\]"'):
        require("nothing.at_all", "cli")
    assert version("no-such-distribution") is None
