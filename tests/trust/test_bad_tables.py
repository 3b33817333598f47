"""Tables' files that cannot be read: one error that names the file, in bounded time and memory."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bounds import bounded
from mlpcore.io import Table, read_table, readers
from table_files import archive, npy, npz

pandas = pytest.importorskip("pandas")
pyarrow = pytest.importorskip("pyarrow")

EIGHT = bytes(8)


def read(path: Path, contents: bytes) -> Table:
    path.write_bytes(contents)
    return read_table(path)


def refused(path: Path, contents: bytes, words: str = "got") -> None:
    path.write_bytes(contents)
    with bounded(10, 128), pytest.raises(ValueError, match=words) as caught:
        read_table(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: got ")
    assert len(message) < 1000
    assert "\n" not in message


def encrypted(contents: bytes) -> bytes:
    changed = bytearray(contents)
    changed[6] |= 1
    changed[contents.find(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


def compressed_by(method: int, contents: bytes) -> bytes:
    changed = bytearray(contents)
    changed[8] = changed[contents.find(b"PK\x01\x02") + 10] = method
    return bytes(changed)


def told_smaller(contents: bytes) -> bytes:
    """The archive's index says that the member has 200 bytes."""
    place = contents.find(b"PK\x01\x02") + 24
    return contents[:place] + (200).to_bytes(4, "little") + contents[place + 4 :]


class Trap:
    """Tells if it is unpickled."""

    sprung = False

    def __reduce__(self) -> Any:
        return (setattr, (Trap, "sprung", True))


GOOD = npz("<f8", "(1,)", EIGHT)
MEGABYTES = 300 << 20

NPZ = {
    "more than any memory": npz("<f8", "(10000000000000,)", EIGHT),
    "20 gigabytes": npz("<f8", "(2500000000,)", EIGHT),
    "more than 2^64": npz("<f8", "(1099511627776, 1099511627776)", EIGHT),
    "a negative shape": npz("<f8", "(-1,)", EIGHT),
    "a shape of text": npz("<f8", "('a',)", EIGHT),
    "no rows of a billion columns": npz("<f8", "(0, 1000000000)"),
    "texts of no letters": npz("<U0", "(1000000, 10000)"),
    "texts of two gigabytes": npz("<U536870911", "(1,)", EIGHT),
    "letters that are none": npz("<U1", "(1,)", b"\xff\xff\xff\xff"),
    "brackets without end": npz("<f8", "(" * 3000, EIGHT),
    "a header that is code": npz("<f8", "__import__('os').getcwd()", EIGHT),
    "objects": npz("|O", "(1,)", pickle.dumps(Trap())),
    "a pickle before the archive": pickle.dumps(Trap()) + GOOD,
    "an array before the archive": npy("<f8", "(1,)", EIGHT) + GOOD,
    "a name twice": archive(*[("x.npy", npy("<f8", "(1,)", EIGHT))] * 2),
    "a name twice, once spread": archive(
        ("x.npy", npy("<f8", "(1, 2)", 2 * EIGHT)), ("x[1].npy", npy("<f8", "(1,)", EIGHT))
    ),
    "a password": encrypted(GOOD),
    "an unknown compression": compressed_by(99, GOOD),
    "a deflated bomb": npz(
        "<f8", f"({MEGABYTES // 8},)", bytes(MEGABYTES), compression=zipfile.ZIP_DEFLATED
    ),
    "a bzipped bomb": npz(
        "<f8", f"({MEGABYTES // 8},)", bytes(MEGABYTES), compression=zipfile.ZIP_BZIP2
    ),
    "a bomb that says it is small": told_smaller(
        npz("<f8", f"({MEGABYTES // 8},)", bytes(MEGABYTES), compression=zipfile.ZIP_DEFLATED)
    ),
    "nothing": b"",
}


@pytest.mark.parametrize("case", NPZ)
def test_npz(tmp_path: Path, case: str) -> None:
    refused(tmp_path / "x.npz", NPZ[case])
    assert not Trap.sprung


def test_the_trap_works() -> None:
    pickle.loads(pickle.dumps(Trap()))
    assert Trap.sprung
    Trap.sprung = False


def test_a_member_that_is_no_array_is_unusable(tmp_path: Path) -> None:
    others = ("a.txt", b"Read me."), ("trap.npy", pickle.dumps(Trap()))
    table = read(tmp_path / "x.npz", archive(("x.npy", npy("<f8", "(1,)", EIGHT)), *others))
    assert (list(table.columns), list(table.unusable)) == (["x"], ["a.txt", "trap"])
    assert not Trap.sprung


def test_arrays_of_python_2_are_read_without_a_warning(tmp_path: Path) -> None:
    assert read(tmp_path / "x.npz", npz("<f8", "(1L,)", EIGHT)).column("x").tolist() == [0.0]


def test_what_compresses_well_is_still_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros(2**20))
    assert len(read_table(tmp_path / "x.npz")) == 2**20


TEXT = {
    "nothing": b"",
    "blank lines": b"\n" * 1000,
    "a row too long": b"a,b\n1,2,3\n",
    "an open quote": b'a,b\n"1,2\n',
    "no UTF-8": b"a,b\n\xff\xfe,1\n",
    "no UTF-8 in the header": b"\xff,b\n1,1\n",
    "UTF-16": "a,b\n1,2\n".encode("utf-16"),
    "a hundred thousand columns": b"," * 10**5 + b"\n",
    "a name of a megabyte": b"x" * 2**20 + b",y\n1,2\n",
    "rows of one of a thousand columns": b"," * 1000 + b"\n" + b"1\n" * 10**5,
    "the same, ended as on old Macs": b"," * 1000 + b"\r" + b"1\r" * 10**5,
}


@pytest.mark.parametrize("case", TEXT)
def test_text(tmp_path: Path, case: str) -> None:
    refused(tmp_path / "x.csv", TEXT[case], "broken table of text")
    refused(tmp_path / "x.tsv", TEXT[case].replace(b",", b"\t"), "broken table of text")


def parquet(frame: Any, **options: Any) -> bytes:
    contents = io.BytesIO()
    frame.to_parquet(contents, index=False, **options)
    return contents.getvalue()


def test_a_parquet_file_of_far_more_rows_than_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = parquet(pandas.DataFrame({"x": np.zeros(2**20), "y": np.zeros(2**20)}))
    assert len(read(tmp_path / "x.parquet", contents)) == 2**20
    monkeypatch.setattr(readers, "ALWAYS_FREE", 2**20)
    refused(tmp_path / "x.parquet", contents, "broken Parquet file: contents of 16777216 bytes")


def test_a_long_text_of_many_rows_is_kept_once(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    contents = parquet(pandas.DataFrame({"x": ["x" * 10**5] * 3000}), compression="zstd")
    with bounded(20):
        table = read(path, contents)
    assert list(table.column("x")) == 3000 * ["x" * 10**5]
    # Arrow counts the most that it ever held, so it is asked in a process that has read only this.
    code = """if True:
        import sys, pyarrow
        from mlpcore.io import read_table
        read_table(sys.argv[1])
        print(pyarrow.default_memory_pool().max_memory())
    """
    command = [sys.executable, "-P", "-c", code, str(path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 10**5 < int(told.stdout) < 2**25


@pytest.mark.parametrize("length", [0, 4, 11, 100, 500, -1, -8])
def test_truncated_parquet(tmp_path: Path, length: int) -> None:
    contents = parquet(pandas.DataFrame({"x": np.arange(100), "y": ["a", "b"] * 50}))
    refused(tmp_path / "x.parquet", contents[:length], "broken Parquet file")


def test_truncated_at_every_length(tmp_path: Path) -> None:
    contents = archive(("x.npy", npy("<f8", "(3,)", 3 * EIGHT)))
    for length in range(len(contents)):
        refused(tmp_path / "x.npz", contents[:length])


def test_a_folder_that_looks_like_a_partition_adds_nothing(tmp_path: Path) -> None:
    (tmp_path / "year=2020").mkdir()
    table = read(tmp_path / "year=2020" / "x.parquet", parquet(pandas.DataFrame({"x": [1.0]})))
    assert table.names == ["x"]
