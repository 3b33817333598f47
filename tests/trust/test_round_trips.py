"""Networks through files: from any backend to any other, with all that defines them."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import io
from model_files import description, tensors

pytest.importorskip("safetensors")

BACKENDS = ("cpu", "array_api_strict", "array_api_compat.torch")

NETWORKS: dict[str, Callable[[Any], mc.MLP]] = {
    "single": lambda backend: mc.MLP(
        [3, 5, 4, 2],
        activation=["tanh", "elu(alpha=0.5)"],
        normalization="batch",
        dropout=[0.1, 0.0],
        label_smoothing=0.1,
        dtype="float64",
        seed=7,
        backend=backend,
    ),
    "stack": lambda backend: mc.MLP(
        [3, [5, 4], 2],
        output="identity",
        loss="huber(delta=[0.5, 2.0])",
        normalization="batch",
        dropout=np.array([0.1, 0.5]),
        members=2,
        seed=[5, 9],
        backend=backend,
    ),
}


def backend(name: str) -> Any:
    if name == "cpu":
        return name
    pytest.importorskip(name.rpartition(".")[2])
    return importlib.import_module(name)


def trained(kind: str, place: Any) -> mc.MLP:
    """A network whose running statistics have moved."""
    net = NETWORKS[kind](place)
    X = np.random.default_rng(0).normal(size=(16, 3))
    y = np.arange(16) % 2 if kind == "single" else X[:, :2]
    net.fit(X, y, epochs=2, progress=False)
    return net


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize(("source", "target"), [*itertools.product(BACKENDS, repeat=2)])
def test_any_backend_to_any_other(tmp_path: Path, kind: str, source: str, target: str) -> None:
    net = trained(kind, backend(source))
    net.save(tmp_path / "net.safetensors")
    other = mc.load(tmp_path / "net.safetensors", backend=backend(target))
    assert other.backend.name == target.rpartition(".")[2]
    assert other.configuration == net.configuration
    assert list(other.tensors()) == list(net.tensors())
    for name, tensor in net.tensors().items():
        np.testing.assert_array_equal(other.tensors()[name], tensor, err_msg=name)
    X = np.random.default_rng(1).normal(size=(4, 3))
    np.testing.assert_allclose(
        np.asarray(other.predict(X)), np.asarray(net.predict(X)), rtol=1e-5, atol=1e-6
    )
    other.save(tmp_path / "again.safetensors")
    files = [(tmp_path / name).read_bytes() for name in ("net.safetensors", "again.safetensors")]
    assert description(files[0]) == description(files[1])


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_file_tells_all(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "net.safetensors"
    net = trained(kind, "cpu")
    columns = {name: np.arange(4.0) for name in "abc"}
    table = io.Table({**columns, "y": np.arange(4) % 2}, "data.csv")
    preprocessing = io.Preprocessing.fit(table, "y")
    io.save(net, path, preprocessing)
    told, held = description(path.read_bytes()), tensors(path.read_bytes())
    assert (told["format"], told["version"]) == (1, mc.__version__)
    assert io.Preprocessing.from_state(told["preprocessing"]) == preprocessing
    again = mc.MLP(**told["configuration"])
    assert again.configuration == net.configuration
    assert {"layers.0.mean", "layers.0.variance", "layers.0.gamma", "layers.0.beta"} <= set(held)
    again.set_tensors(held)
    X = np.random.default_rng(1).normal(size=(4, 3))
    np.testing.assert_array_equal(again.predict(X), net.predict(X))


@pytest.mark.parametrize("kind", NETWORKS)
def test_training_goes_on_as_if_it_were_the_same(tmp_path: Path, kind: str) -> None:
    net = trained(kind, "cpu")
    net.save(tmp_path / "net.safetensors")
    other = mc.load(tmp_path / "net.safetensors")
    X = np.random.default_rng(2).normal(size=(16, 3))
    y = np.arange(16) % 2 if kind == "single" else X[:, :2]
    for each in (net, other):
        each.fit(X, y, epochs=3, batch_size=5, progress=False)
    np.testing.assert_array_equal(other.parameters, net.parameters)


def test_torch_reads_the_tensors_of_a_stack(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    net = trained("stack", "cpu")
    net.save(tmp_path / "net.safetensors")
    read = pytest.importorskip("safetensors.torch").load_file(tmp_path / "net.safetensors")
    expected = net.tensors()
    assert set(read) == set(expected)
    for name, tensor in read.items():
        np.testing.assert_array_equal(tensor.numpy(), expected[name], err_msg=name)


def test_loading_draws_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained("single", "cpu").save(tmp_path / "net.safetensors")

    def drawn(*_: Any, **__: Any) -> None:
        raise AssertionError("weights were drawn")

    monkeypatch.setattr("mlpcore.backend.random.philox_words", drawn)
    assert mc.load(tmp_path / "net.safetensors").sizes == (3, 5, 4, 2)
