"""Places that cannot be read or written: one error that names them, and nothing left half done."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from bounds import bounded
from mlpcore import io

pytest.importorskip("safetensors")
pytest.importorskip("pandas")
pytest.importorskip("pyarrow.parquet")

READERS: dict[str, Callable[[Path], Any]] = {
    "net.safetensors": mc.load,
    "preprocessing.safetensors": io.load_preprocessing,
    "table.npz": io.read_table,
    "table.csv": io.read_table,
    "table.tsv": io.read_table,
    "table.parquet": io.read_table,
}

posix = pytest.mark.skipif(os.name != "posix", reason="needs FIFOs, sockets and limits")


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> tuple[str, Callable[[Path], Any]]:
    """Each kind of file in turn: its name, and what reads it."""
    return request.param, READERS[request.param]


def not_read(read: Callable[[Path], Any], path: Path, error: type[Exception]) -> None:
    with bounded(1, 64), pytest.raises(error) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_nothing_there(tmp_path: Path, reader: Any) -> None:
    not_read(reader[1], tmp_path / reader[0], FileNotFoundError)


def test_a_directory(tmp_path: Path, reader: Any) -> None:
    (tmp_path / reader[0]).mkdir()
    not_read(reader[1], tmp_path / reader[0], OSError)


def test_a_file_for_a_directory(tmp_path: Path, reader: Any) -> None:
    (tmp_path / "file").write_text("")
    not_read(reader[1], tmp_path / "file" / reader[0], NotADirectoryError)


def test_an_empty_file(tmp_path: Path, reader: Any) -> None:
    (tmp_path / reader[0]).write_bytes(b"")
    not_read(reader[1], tmp_path / reader[0], ValueError)


def test_a_link_to_itself(tmp_path: Path, reader: Any) -> None:
    (tmp_path / reader[0]).symlink_to(tmp_path / reader[0])
    not_read(reader[1], tmp_path / reader[0], OSError)


@posix
def test_a_fifo_that_nobody_writes_to(tmp_path: Path, reader: Any) -> None:
    os.mkfifo(tmp_path / reader[0])
    not_read(reader[1], tmp_path / reader[0], OSError)


@posix
def test_a_socket(tmp_path: Path, reader: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(reader[0])
        not_read(reader[1], tmp_path / reader[0], OSError)


@posix
def test_a_device_without_end(tmp_path: Path, reader: Any) -> None:
    (tmp_path / reader[0]).symlink_to("/dev/zero")
    not_read(reader[1], tmp_path / reader[0], OSError)


# Writing


def listing(folder: Path) -> dict[str, bytes | None]:
    return {p.name: p.read_bytes() if p.is_file() else None for p in sorted(folder.iterdir())}


@posix
@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_what_is_no_file_is_not_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "net.safetensors"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/full")
    before = path.lstat()
    with bounded(1), pytest.raises(OSError, match="got a FIFO or a device") as caught:
        mc.MLP([3, 2]).save(path)
    assert str(path) in str(caught.value)
    assert (path.lstat().st_mode, path.lstat().st_ino) == (before.st_mode, before.st_ino)
    assert list(tmp_path.iterdir()) == [path]


def test_the_longest_name_of_the_longest_letters(tmp_path: Path) -> None:
    path = tmp_path / ("\N{BRAIN}" * 60 + ".safetensors")
    mc.MLP([3, 2]).save(path)
    assert mc.load(path).sizes == (3, 2)
    assert list(tmp_path.iterdir()) == [path]


#: Run apart, in the directory given, by a process of its own, since limits cannot be lifted again.
WRITES = """
import json, os, sys
from pathlib import Path
import numpy as np
import mlpcore as mc
from mlpcore import io
from mlpcore.cli.app import app
from mlpcore.cli.curves import Panel, draw_curves
from typer.testing import CliRunner

os.chdir(sys.argv[1])
table = io.Table({"x": np.arange(2.0), "y": np.arange(2)}, "data.csv")
preprocessing = io.Preprocessing.fit(table, "y")
io.save(mc.MLP([1, 2]), "small.safetensors", preprocessing)
Path("data.csv").write_text("x\\n" + "1\\n" * 5000)
for name in ("net.safetensors", "out.csv", "curves.png"):
    Path(name).write_text("what was there before")
large = mc.MLP([200, 200])
panel = Panel("loss", [1.0], [1.0])
draw_curves("warm.png", [panel], 0, "", "")
CliRunner().invoke(app, ["predict", "small.safetensors", "data.csv", "--out", "warm.csv"])
LIMIT
said = {}
for name, write in {
    "net.safetensors": lambda: large.save("net.safetensors"),
    "curves.png": lambda: draw_curves("curves.png", [panel], 0, "", ""),
}.items():
    try:
        write()
    except OSError as fault:
        said[name] = [fault.errno, str(fault)]
arguments = ["predict", "small.safetensors", "data.csv", "--out", "out.csv"]
result = CliRunner().invoke(app, arguments)
said["out.csv"] = [result.exit_code, result.output]
print(json.dumps(said))
"""
FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"
FORBIDDEN = "os.chmod('.', 0o555); os.setuid(65534)"


def written_under(limit: str, folder: Path) -> dict[str, list[Any]]:
    """What is said of each file that cannot be written."""
    pytest.importorskip("typer")
    pytest.importorskip("matplotlib")
    code = WRITES.replace("LIMIT", limit)
    result = subprocess.run(
        [sys.executable, "-P", "-c", code, str(folder)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    said: dict[str, list[Any]] = json.loads(result.stdout)
    return said


def nothing_was_written(said: dict[str, list[Any]], folder: Path, reason: str) -> None:
    for name in ("net.safetensors", "curves.png"):
        assert reason in said[name][1]
        assert name in said[name][1]
    code, output = said["out.csv"]
    assert (code, output.count("\n")) == (1, 1)
    assert output.startswith(f"mlpcore: out.csv: {reason}")
    found = listing(folder)
    expected = {"small.safetensors", "data.csv", "warm.png", "warm.csv"}
    assert set(found) == expected | {"net.safetensors", "out.csv", "curves.png"}
    for name in ("net.safetensors", "out.csv", "curves.png"):
        assert found[name] == b"what was there before"


@posix
def test_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    nothing_was_written(written_under(FULL, tmp_path), tmp_path, "File too large")


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another user")
def test_no_permission() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        nothing_was_written(written_under(FORBIDDEN, folder), folder, "Permission denied")


@posix
def test_a_full_disk(tmp_path: Path) -> None:
    mount = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    disk = f'mount -t tmpfs -o size=16k,mode=777 none "{tmp_path}" && exec "$@"'
    code = f"""
import os
import numpy as np
import mlpcore as mc
net = mc.MLP([10, 10])
net.save("{tmp_path}/net.safetensors")
before = open("{tmp_path}/net.safetensors", "rb").read()
try:
    mc.MLP([200, 200]).save("{tmp_path}/net.safetensors")
except OSError as fault:
    print(fault.errno, "net.safetensors" in str(fault))
print(open("{tmp_path}/net.safetensors", "rb").read() == before, os.listdir("{tmp_path}"))
"""
    try:
        result = subprocess.run(
            [*mount, disk, "sh", sys.executable, "-P", "-c", code],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("needs unshare")
    if "unshare" in result.stderr or "mount" in result.stderr:
        pytest.skip(f"no file system can be mounted here: {result.stderr.strip()}")
    assert result.stdout.splitlines() == ["28 True", "True ['net.safetensors']"]


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.safetensors"
    mc.MLP([3, 2]).save(path)
    before = listing(tmp_path)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    for module, name in ((os, "fsync"), (Path, "replace")):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                mc.MLP([4, 2]).save(path)
        assert listing(tmp_path) == before
    np.testing.assert_array_equal(mc.load(path).parameters, mc.MLP([3, 2]).parameters)
