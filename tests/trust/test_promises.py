"""What SECURITY.md promises: no code from files, no network, no writes but where they belong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

for module in ("safetensors", "pandas", "pyarrow", "typer", "matplotlib"):
    pytest.importorskip(module)

HELPERS = Path(__file__).parents[1] / "helpers"
ROOT = HELPERS.parents[1]

Events = list[list[str]]

#: Uses that take files and arrays, below the command line.
LIBRARY = ("save", "load", "load what is damaged", "export", "fit", "predict", "read tables")
COMMANDS = ("train on the command line", "predict on the command line")


def watched(folder: Path, *arguments: str) -> dict[str, Events]:
    """The events of each use: what happened, which module did it, and with what."""
    paths = [str(HELPERS), str(ROOT)]
    code = f"import sys; sys.path[:0] = {paths!r}; import watched; watched.main(*sys.argv[1:])"
    result = subprocess.run(
        [sys.executable, "-P", "-c", code, str(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found: dict[str, Events] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Events]:
    folder = tmp_path_factory.mktemp("watched")
    found = watched(folder)
    assert not (folder / "ran").exists()
    assert set(found) == {*LIBRARY, *COMMANDS}
    return found


def of(events: Events, *kinds: str) -> Events:
    return [event for event in events if event[0].split(".")[0] in kinds]


@pytest.mark.parametrize("use", LIBRARY)
def test_no_code_is_run_or_brought_in(events: dict[str, Events], use: str) -> None:
    assert of(events[use], "exec", "pickle", "marshal", "import", "ctypes") == []


@pytest.mark.parametrize("use", COMMANDS)
def test_commands_run_no_code_but_their_own_annotations(
    events: dict[str, Events], use: str
) -> None:
    """Typer evaluates the annotations of the commands; CuPy is looked for and not found."""
    assert of(events[use], "pickle", "marshal", "ctypes") == []
    evaluating = {"typing", "inspect", "annotationlib"}
    assert {by for _, by, *_ in of(events[use], "exec")} <= evaluating
    assert {name for _, _, name, *_ in of(events[use], "import")} <= {"cupy", "cupy_backends"}


@pytest.mark.parametrize("use", [*LIBRARY, *COMMANDS])
def test_no_network_and_no_other_process(events: dict[str, Events], use: str) -> None:
    assert of(events[use], "socket", "ssl", "urllib", "http", "subprocess", "webbrowser") == []
    processes = ("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.startfile")
    assert [event for event in events[use] if event[0] in processes] == []


#: The folder or file that each use was given to write to; the others were given none.
GIVEN = {
    "save": "out/",
    "export": "out/",
    "load what is damaged": "forged.safetensors",  # by the test itself
    "train on the command line": "out/run",
    "predict on the command line": "out/",
}


@pytest.mark.parametrize("use", [*LIBRARY, *COMMANDS])
def test_no_writes_but_to_the_given_paths(events: dict[str, Events], use: str) -> None:
    changes = of(events[use], "open", "os", "shutil", "tempfile")
    assert bool(changes) == (use in GIVEN)
    for event, _, *arguments in changes:
        paths = arguments[:2] if event == "os.rename" else arguments[:1]
        assert all(path.startswith(GIVEN[use]) for path in paths), (event, paths)


def test_the_tests_that_are_named_exist() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "SECURITY.md").read_text())
    assert len(named) > 5
    for path in named:
        assert (ROOT / path).is_file(), path


def test_the_watch_sees_violations(tmp_path: Path) -> None:
    expected = {
        "a file": "open",
        "a folder": "os.mkdir",
        "a removal": "os.remove",
        "a socket": "socket.__new__",
        "a name": "socket.gethostbyname",
        "a process": "subprocess.Popen",
        "a shell": "os.system",
        "an import": "import",
        "code": "exec",
        "a pickle": "pickle.find_class",
        "a library": "ctypes.dlopen",
    }
    found = watched(tmp_path, "violations")
    assert set(found) == set(expected)
    for violation, event in expected.items():
        assert event in {kind for kind, *_ in found[violation]}, violation
