"""``mlpcore info``."""

from __future__ import annotations

import platform
from collections.abc import Iterator

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

import mlpcore
from mlpcore.backend import kernels
from mlpcore.backend.at_hand import at_hand, description, why_no_gpu
from mlpcore.backend.devices import WORTH_A_GPU
from mlpcore.backend.extras import version

#: The packages that matter; those after the first two are optional.
PACKAGES = (
    "numpy",
    "array-api-compat",
    "scipy",
    "scikit-learn",
    "pandas",
    "pyarrow",
    "safetensors",
    "onnx",
    "matplotlib",
    "tqdm",
    *(f"cupy-cuda{version}x" for version in (12, 13)),
    "nvmath-python",
)


def info() -> None:
    """Show versions, backends, kernels, threads and BLAS."""
    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in facts():
        table.add_row(Text(name.replace("_", " ")), Text(value))
    Console().print(table)


def facts() -> Iterator[tuple[str, str]]:
    """What there is to know, as pairs of a name and a value."""
    yield "mlpcore", mlpcore.__version__
    yield "python", f"{platform.python_version()} on {platform.platform()}"
    for package in PACKAGES:
        yield package, version(package) or "not installed"
    names = at_hand()
    for name in names:
        yield f"backend {name}", description(name)
    reason = why_no_gpu()
    if reason:
        yield "backend gpu", reason
    yield "backend auto", _chosen_by_auto(names)
    yield from kernels.status().items()
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    yield "NumPy's BLAS", f"{blas['name']} {blas['version']}"


def _chosen_by_auto(names: list[str]) -> str:
    if not names[1:]:
        return "cpu, there is no GPU"
    return f"{names[1]} for networks of {WORTH_A_GPU} weights or more, for smaller ones cpu"
