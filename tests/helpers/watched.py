"""Run apart, in a folder: every use of the library, with a record of what it does to the machine.

``main(FOLDER)`` prints the audit events of each use as JSON. Each is used twice, and the second
time counts: modules that are imported where they are needed are there then. With ``violations`` it
does what no use may do.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner

import mlpcore as mc
import model_files
from mlpcore import io
from mlpcore.cli.app import app

#: The first words of events that change the machine, leave it, or run what was not there.
WATCHED = ("open", "import", "exec", "pickle", "marshal", "socket", "ssl", "urllib", "http")
WATCHED += ("subprocess", "os", "shutil", "ctypes", "tempfile", "webbrowser")
#: What only looks, or changes no more than the process itself.
HARMLESS = ("os.listdir", "os.scandir", "os.fwalk", "os.walk", "os.getxattr")
HARMLESS += ("os.putenv", "os.unsetenv")

events: list[list[str]] = []
watching = False


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if watching and event.split(".")[0] in WATCHED and event not in HARMLESS:
        if event == "open" and not writes(*arguments):
            return
        by = sys._getframe(1).f_globals["__name__"]
        events.append([event, by, *(str(argument)[:300] for argument in arguments)])


def writes(path: Any, mode: str | None, flags: int) -> bool:
    """Whether a file is opened to change it."""
    changing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    return bool(flags & changing) if mode is None else any(letter in mode for letter in "wax+")


net = mc.MLP([2, 3, 2], normalization="batch")
X, y = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20) % 2


def damaged() -> None:
    """Files that would run code if anything in them were run."""
    contents = Path("net.safetensors").read_bytes()
    told, held = model_files.description(contents), model_files.tensors(contents)
    for text in ("__import__('os').system('touch ran')", "relu(x=open('ran', 'w'))", "exec('1')"):
        for name in ("activation", "loss", "init", "output"):
            forged = {**told, "configuration": {**told["configuration"], name: text}}
            Path("forged.safetensors").write_bytes(model_files.forged(forged, held))
            try:
                mc.load("forged.safetensors")
            except ValueError:
                continue
            raise AssertionError(f"{text} was taken for {name}")


def tables() -> None:
    for kind in ("csv", "tsv", "npz", "parquet"):
        io.read_table(f"data.{kind}")
    for name in ("objects.npz", "pickle.npz"):
        try:
            io.read_table(name).column("x")
        except ValueError:
            continue
        raise AssertionError(f"{name} was read")


def export() -> None:
    net.export_python("out/predictor.py")
    if importlib.util.find_spec("onnx"):
        net.export_onnx("out/net.onnx")
    net.load_torch_state_dict(net.torch_state_dict())


def command(*arguments: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output


USES: dict[str, Callable[[], Any]] = {
    "save": lambda: net.save("out/net.safetensors"),
    "load": lambda: (mc.load("net.safetensors"), io.load_preprocessing("net.safetensors")),
    "load what is damaged": damaged,
    "export": export,
    "fit": lambda: net.fit(X, y, epochs=2, validation_data=(X, y), metrics="accuracy"),
    "predict": lambda: net.predict(X),
    "read tables": tables,
    "train on the command line": lambda: command(
        *("train", "data.csv", "--target", "y", "--epochs", "1", "--out", "out/run")
    ),
    "predict on the command line": lambda: command(
        *("predict", "out/run/model.safetensors", "data.csv", "--out", "out/predictions.csv")
    ),
}

VIOLATIONS: dict[str, Callable[[], Any]] = {
    "a file": lambda: Path("elsewhere").write_text(""),
    "a folder": lambda: Path("folder").mkdir(),
    "a removal": lambda: Path("net.safetensors").unlink(),
    "a socket": lambda: socket.socket().close(),
    "a name": lambda: socket.gethostbyname("localhost"),
    "a process": lambda: subprocess.run(["true"], check=True),
    "a shell": lambda: os.system("true"),
    "an import": lambda: __import__("this_module_is_nowhere"),
    "code": lambda: exec("1"),
    "a pickle": lambda: pickle.loads(pickle.dumps(Path)),
    "a library": lambda: ctypes.CDLL(None),
}


def prepare() -> None:
    Path("out").mkdir()
    columns = {"a": X[:, 0], "b": X[:, 1], "y": y}
    text = "a,b,y\n" + "".join(f"{a},{b},{c}\n" for a, b, c in zip(*columns.values()))
    Path("data.csv").write_text(text)
    Path("data.tsv").write_text(text.replace(",", "\t"))
    np.savez("data.npz", **columns)
    np.savez("objects.npz", x=np.array([Path, dict], dtype=object))
    Path("pickle.npz").write_bytes(pickle.dumps(Path) + Path("data.npz").read_bytes())
    import pandas

    pandas.DataFrame(columns).to_parquet("data.parquet")
    io.save(net, "net.safetensors", io.Preprocessing.fit(io.read_table("data.csv"), "y"))


def main(folder: str, what: str = "uses") -> None:
    global watching
    os.chdir(folder)
    prepare()
    sys.addaudithook(watch)
    found = {}
    for name, use in (USES if what == "uses" else VIOLATIONS).items():
        if what == "uses":
            use()
        events.clear()
        watching = True
        try:
            use()
        except ImportError:
            pass
        finally:
            watching = False
        found[name] = list(events)
    print(json.dumps(found))
