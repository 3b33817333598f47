"""The architecture: imports go down only, libraries stay in the backend, nothing heavy loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mlpcore

PACKAGE = Path(mlpcore.__file__).parent

#: From the bottom up; what stands together on a floor may not import each other, but for its own.
FLOORS = (
    ("backend", "version"),
    ("functions",),
    ("layers",),
    ("network",),
    ("io",),
    ("testing", "training"),
    ("mlp",),
    ("experiments",),
    ("sklearn",),
    ("cli", "bench"),
)
FLOOR = {name: number for number, floor in enumerate(FLOORS) for name in floor}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "kernels" not in path.parts[-3:-1])


def imports(path: Path) -> set[str]:
    """The modules of the package that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mlpcore"):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("mlpcore")}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own == "__init__":
        return
    for name in imports(path):
        other = name.split(".")[1] if "." in name else ""
        if other not in FLOOR:
            assert FLOOR[own] == len(FLOORS) - 1, f"{path} imports the package's own face"
            continue
        assert other == own or FLOOR[other] < FLOOR[own], f"{own} imports {name}"


def test_every_module_has_a_floor() -> None:
    names = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES}
    assert names - {"__init__"} <= set(FLOOR)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_library_names_stay_in_the_backend(path: Path) -> None:
    """Above the backend nobody asks which library an array belongs to."""
    if path.relative_to(PACKAGE).parts[0] in ("backend", "cli", "bench"):
        return
    text = path.read_text(encoding="utf-8")
    for word in ("import cupy", "import torch", "import jax", "is np:", "isinstance(xp"):
        assert word not in text, f"{path} speaks of a library: {word}"


HEAVY = ("cupy", "scipy", "sklearn", "matplotlib", "torch", "jax", "pandas", "array_api_compat")


def test_import_is_light() -> None:
    """``import mlpcore`` brings NumPy and the standard library, nothing else."""
    code = f"import sys, mlpcore; print([m for m in {HEAVY!r} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_public_names_exist() -> None:
    for name in mlpcore.__all__:
        assert getattr(mlpcore, name) is not None
    for name in mlpcore.functions.__all__:
        assert getattr(mlpcore.functions, name) is not None
