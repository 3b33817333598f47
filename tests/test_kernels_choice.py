"""Which kernels and which BLAS serve, and that the results do not depend on it."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.backend import blas, kernels

needs_kernels = pytest.mark.skipif(kernels.native() is None, reason="the kernels are not built")


@pytest.fixture
def chosen_anew() -> Iterator[None]:
    """Choices made in the test are forgotten after it."""
    caches: tuple[Any, ...] = (kernels.native, kernels.products, kernels.threads)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()
    if kernels.native() is not None:
        kernels.products()


def without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    """Let these packages look as if they were not installed."""
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in missing else found(name)
    )


def large_product() -> tuple[np.ndarray, np.ndarray]:
    """A product so large that a BLAS is asked for it, and the same in float64 by NumPy."""
    numbers = np.random.default_rng(0)
    x, weight = (numbers.standard_normal((720, 720), dtype=np.float32) for _ in range(2))
    bias = np.zeros(720, dtype=np.float32)
    return mc.functions.affine(x, weight, bias), x.astype(float) @ weight.astype(float)


@pytest.fixture
def narrow_vectors() -> Iterator[None]:
    """The instruction set that goes to a BLAS for large products, where there is such a one."""
    info = kernels.native().info()
    kernels.native().use_instruction_set(info["instruction_sets"][0])
    yield
    kernels.native().use_instruction_set(info["instruction_set"])


@needs_kernels
@pytest.mark.parametrize(
    ("missing", "origins"),
    [
        ((), ("scipy", "numpy", "own")),
        (("scipy",), ("numpy", "own")),
        (("scipy", "numpy"), ("own",)),
    ],
    ids=["any", "no-scipy", "none"],
)
def test_every_blas_multiplies_right(
    missing: tuple[str, ...],
    origins: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    narrow_vectors: None,
    chosen_anew: None,
) -> None:
    without(monkeypatch, *missing)
    assert kernels.native().info()["wants_blas"]
    assert kernels.products() in origins
    product, expected = large_product()
    np.testing.assert_allclose(product, expected, rtol=1e-4, atol=1e-3)


@needs_kernels
def test_wide_vectors_need_no_blas(chosen_anew: None) -> None:
    if kernels.native().info()["wants_blas"]:
        pytest.skip("the vectors of this processor are narrow")
    command = "import mlpcore as mc, sys; mc.MLP([9, 9]).predict([[0.0] * 9]); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-P", "-c", command], capture_output=True, text=True, check=True
    )
    assert "scipy" not in loaded.stdout.split()
    assert kernels.products() == "own"


def test_no_blas_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "scipy", "numpy")
    assert blas.find_blas() is None


def test_kernels_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, chosen_anew: None) -> None:
    monkeypatch.setenv("MLPCORE_KERNELS", "off")
    assert kernels.native() is None
    assert kernels.status() == {"kernels": "off (MLPCORE_KERNELS=off)"}
    assert not mc.MLP([2, 2]).backend.records


@pytest.mark.parametrize(
    ("files", "message"),
    [((), "installed without .* install a C"), (("pyproject.toml",), "from its sources .* -P")],
    ids=["installed", "checkout"],
)
def test_missing_kernels_are_said_once(
    files: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    chosen_anew: None,
    tmp_path: Path,
) -> None:
    for file in files:
        (tmp_path / file).touch()

    def no_module(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.delenv("MLPCORE_KERNELS", raising=False)
    monkeypatch.setattr(importlib, "import_module", no_module)
    monkeypatch.setattr(kernels, "__file__", str(tmp_path / "mlpcore" / "backend" / "kernels.py"))
    with pytest.warns(RuntimeWarning, match=message):
        assert kernels.native() is None
    assert kernels.native() is None
    assert kernels.status() == {"kernels": "not built; bodies serve"}


def test_the_number_of_threads(monkeypatch: pytest.MonkeyPatch, chosen_anew: None) -> None:
    monkeypatch.setenv("MLPCORE_THREADS", "3")
    assert kernels.threads() == 3


@pytest.mark.parametrize("wanted", ["0", "many", "-1"])
def test_no_number_of_threads(
    wanted: str, monkeypatch: pytest.MonkeyPatch, chosen_anew: None
) -> None:
    monkeypatch.setenv("MLPCORE_THREADS", wanted)
    with pytest.raises(ValueError, match=r"got MLPCORE_THREADS=.*, expected a positive integer"):
        kernels.threads()
    monkeypatch.delenv("MLPCORE_THREADS")


def test_the_bodies_alone_train_the_same() -> None:
    code = (
        "import mlpcore as mc, numpy as np; n = np.random.default_rng(0); net = mc.MLP([5, 4, 2]);"
        "net.fit(n.standard_normal((30, 5)), n.integers(0, 2, 30), epochs=2, batch_size=8,"
        "        progress=False); print(*np.asarray(net.parameters).tolist())"
    )
    outputs = []
    for choice in ("off", "on"):
        environment = {"MLPCORE_KERNELS": choice, "PYTHONPATH": ":".join(filter(None, sys.path))}
        result = subprocess.run(
            [sys.executable, "-P", "-W", "ignore", "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.append(np.array(result.stdout.split(), dtype=float))
    np.testing.assert_allclose(*outputs, rtol=2e-5, atol=1e-6)
