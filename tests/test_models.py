"""Floor 4: networks kept in files; whole or not at all, and nothing in a file is run."""

from __future__ import annotations

import contextlib
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import io
from mlpcore.io import models

safetensors = pytest.importorskip("safetensors.numpy")
safe_open = pytest.importorskip("safetensors").safe_open

NETWORKS: dict[str, Callable[[], mc.MLP]] = {
    "plain": lambda: mc.MLP([3, 5, 2]),
    "no hidden layer": lambda: mc.MLP([3, 2], output="sigmoid", dtype="float64"),
    "mixed": lambda: mc.MLP([3, 5, 4, 1], activation=["tanh", "elu(alpha=0.5)"], output="identity"),
    "loss": lambda: mc.MLP(
        [3, 4, 1], output="identity", loss="huber(delta=0.5)", init="orthogonal"
    ),
    "batch": lambda: mc.MLP([3, 5, 4, 2], normalization="batch", dropout=[0.1, 0.0], seed=7),
    "layer": lambda: mc.MLP([3, 5, 2], normalization="layer", label_smoothing=0.1),
    "stack": lambda: mc.MLP([3, 5, 2], members=4, normalization="batch", seed=3),
    "seeds": lambda: mc.MLP([3, 5, 2], members=3, seed=[5, 6, 9]),
    "rates": lambda: mc.MLP([3, 5, 2], members=2, dropout=np.array([0.1, 0.5])),
    "member": lambda: mc.MLP([3, 5, 2], members=2)[1],
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "net.safetensors"
    mc.MLP([3, 5, 2]).save(path)
    return path


def rewrite(path: Path, change: Callable[[dict[str, Any], dict[str, np.ndarray]], None]) -> None:
    """Change the description or the tensors of a model, the checksum kept right."""
    tensors = safetensors.load_file(path)
    with safe_open(path, framework="numpy") as file:
        description = json.loads(file.metadata()[models.ENTRY])
    change(description, tensors)
    description[models.CHECKSUM] = models.checksum(description, tensors)
    safetensors.save_file(tensors, path, metadata={models.ENTRY: json.dumps(description)})


@pytest.mark.parametrize("kind", NETWORKS)
def test_round_trip(tmp_path: Path, kind: str) -> None:
    net = NETWORKS[kind]()
    X = np.random.default_rng(0).normal(size=(16, 3))
    y = (
        np.arange(16) % 2
        if net.configuration["output"] == "softmax"
        else np.ones((16, net.sizes[-1]))
    )
    net.fit(X, y, epochs=2, progress=False)
    path = tmp_path / "net.safetensors"
    net.save(path)
    other = mc.load(path)
    assert other.configuration == net.configuration
    np.testing.assert_array_equal(other.parameters, net.parameters)
    np.testing.assert_array_equal(other.predict(X), net.predict(X))


def test_tensors_are_there_by_name_for_anyone(saved: Path) -> None:
    tensors = safetensors.load_file(saved)
    assert {name: value.shape for name, value in tensors.items()} == {
        "layers.0.weight": (3, 5),
        "layers.0.bias": (5,),
        "layers.1.weight": (5, 2),
        "layers.1.bias": (2,),
    }


def test_torch_reads_the_tensors(saved: Path) -> None:
    pytest.importorskip("torch")
    tensors = pytest.importorskip("safetensors.torch").load_file(saved)
    np.testing.assert_array_equal(tensors["layers.0.weight"].numpy(), mc.load(saved).weights[0])


def test_preprocessing_travels_with_the_model(tmp_path: Path) -> None:
    columns = {"size": np.array([1.0, 2.0]), "kind": np.array(["a", "b"], dtype=object)}
    table = io.Table({**columns, "y": np.array([0, 1])}, "data.csv")
    preprocessing = io.Preprocessing.fit(table, "y")
    path = tmp_path / "net.safetensors"
    io.save(mc.MLP([3, 5, 2]), path, preprocessing)
    assert io.load_preprocessing(path) == preprocessing
    assert mc.load(path).sizes == (3, 5, 2)


def test_a_bare_network_has_no_preprocessing(saved: Path) -> None:
    assert io.load_preprocessing(saved) is None


def test_every_flipped_bit_is_found(saved: Path) -> None:
    whole = saved.read_bytes()
    expected = mc.load(saved)
    for place in np.random.default_rng(0).choice(len(whole), 300, replace=False):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << (int(place) % 8)
        saved.write_bytes(flipped)
        with contextlib.suppress(ValueError):
            np.testing.assert_array_equal(mc.load(saved).parameters, expected.parameters)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_truncated_files(saved: Path, share: float) -> None:
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match="truncated or not a safetensors file"):
        mc.load(saved)


def test_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    safetensors.save_file({"x": np.zeros(3)}, path)
    with pytest.raises(ValueError, match="of another program"):
        mc.load(path)
    path.write_bytes(b"x,y\n1,2\n")
    with pytest.raises(ValueError, match="not a safetensors file"):
        mc.load(path)
    path.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    with pytest.raises(ValueError, match="not a safetensors file"):
        io.load_preprocessing(path)


def test_an_unknown_backend_is_not_the_files_fault(saved: Path) -> None:
    with pytest.raises(ValueError, match=r"^got backend='tpu'"):
        mc.load(saved, backend="tpu")


def test_missing_file_and_directory(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        mc.load(tmp_path / "none.safetensors")
    with pytest.raises(OSError, match=r"directory|denied"):
        mc.load(tmp_path)


def set_in(*keys: str, value: Any) -> Callable[[dict[str, Any], dict[str, np.ndarray]], None]:
    def change(description: dict[str, Any], tensors: dict[str, np.ndarray]) -> None:
        place: Any = description
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


def with_tensor(name: str, value: Any) -> Callable[[dict[str, Any], dict[str, np.ndarray]], None]:
    return lambda description, tensors: tensors.update({name: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_in("format", value=99), "got a model of format 99"),
        (set_in("format", value=0), "there never was a format 0"),
        (set_in("format", value="1"), "metadata cannot be read"),
        (set_in("configuration", value=[]), "do not fit"),
        (set_in("configuration", "sizes", value=[10**9, 10**9]), "expected 1000000001000000000 of"),
        (set_in("configuration", "sizes", value="many"), "got sizes=many"),
        (set_in("configuration", "sizes", value=[3, 5, 2, 9]), "each of the 3 layers"),
        (set_in("configuration", "sizes", value=[1] * 10**5), "each of the 99999 layers"),
        (set_in("configuration", "members", value=10**12), "expected 32000000000000 of float32"),
        (set_in("configuration", "dtype", value="float64"), "expected 32 of float64"),
        (set_in("configuration", "activation", value="rleu"), "the nearest is 'relu'"),
        (set_in("configuration", "activation", value="(" * 10_000), "do not fit"),
        (set_in("configuration", "extra", value=1), "do not fit"),
        (set_in("configuration", "normalization", value="layer"), "expected 42 of float32"),
        (set_in("configuration", "dropout", value={"a": 1}), "do not fit"),
        (set_in("preprocessing", value={}), "got preprocessing that this version cannot read"),
        (with_tensor("layers.0.weight", np.zeros((5, 3), np.float32)), r"expected \(3, 5\)"),
        (with_tensor("layers.0.weight", np.zeros((3, 5), np.int32)), "of float32 and int32"),
        (with_tensor("layers.0.bias", np.zeros(6, np.float32)), "tensors of 33 numbers"),
        (with_tensor("extra", np.zeros(6, np.float32)), "tensors of 38 numbers"),
    ],
)
def test_descriptions_that_do_not_fit(
    saved: Path, change: Callable[[Any, Any], None], message: str
) -> None:
    rewrite(saved, change)
    read = io.load_preprocessing if "preprocessing" in message else mc.load
    with pytest.raises(ValueError, match=message) as caught:
        read(saved)
    assert str(saved) in str(caught.value)


def test_deeply_nested_metadata(saved: Path) -> None:
    tensors = safetensors.load_file(saved)
    safetensors.save_file(tensors, saved, metadata={models.ENTRY: "[" * 100_000})
    with pytest.raises(ValueError, match="metadata cannot be read"):
        mc.load(saved)


def test_a_failed_write_leaves_the_old_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    before = saved.read_bytes()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        mc.MLP([3, 2]).save(saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_bad_places_to_write(tmp_path: Path) -> None:
    net = mc.MLP([3, 2])
    with pytest.raises(IsADirectoryError, match="expected the name of a file"):
        net.save(tmp_path)
    with pytest.raises(FileNotFoundError, match="make it first"):
        net.save(tmp_path / "none" / "net.safetensors")


def test_saving_replaces_and_leaves_nothing_else(saved: Path) -> None:
    mc.MLP([4, 2]).save(saved)
    assert mc.load(saved).sizes == (4, 2)
    assert list(saved.parent.iterdir()) == [saved]
