"""Floor 4: networks as ONNX models, checked by onnx and run by ONNX Runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import mlpcore as mc
from exports import (
    any_network_and_rows,
    every_head_and_normalization,
    mixed_stack,
    moved,
    rows,
)
from mlpcore import io
from mlpcore.backend.extras import version
from mlpcore.functions import activations
from mlpcore.io import onnx_graph
from networks import well_posed

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def run(path: Path, inputs: dict[str, Any], *, optimised: bool = True) -> dict[str, np.ndarray]:
    """What ONNX Runtime makes of a file, by output."""
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if not optimised:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def assert_same(net: mc.MLP, path: Path, X: np.ndarray, **settings: Any) -> None:
    outputs = run(path, {"X": X}, **settings)
    expected = net.predict(X)
    assert outputs["predictions"].dtype == expected.dtype
    assert outputs["predictions"].shape == expected.shape
    exact = net.dtype == "float64" and not settings.get("optimised", True)
    tolerance = 1e-13 if exact else 1e-6
    np.testing.assert_allclose(outputs["predictions"], expected, rtol=tolerance, atol=tolerance)
    if net.head.target == "labels":
        assert outputs["labels"].shape == expected.shape[:-1]
        assert outputs["labels"].dtype == np.int64
        # Where two classes are as good as equal, either may be named.
        named = np.take_along_axis(expected, outputs["labels"][..., None], axis=-1)
        assert np.all(expected.max(axis=-1, keepdims=True) - named <= tolerance)
    else:
        assert list(outputs) == ["predictions"]


@pytest.mark.parametrize("members", [None, 3])
@pytest.mark.parametrize("activation", activations.__all__)
def test_every_activation(tmp_path: Path, activation: str, members: int | None, dtype: str) -> None:
    net = moved(mc.MLP([5, 7, 6, 4], activation=activation, members=members, dtype=dtype))
    path = tmp_path / "net.onnx"
    net.export_onnx(path)
    assert_same(net, path, rows(net, 17))
    # Optimised, ONNX Runtime moves factors into products, where it keeps them in float32.
    assert_same(net, path, rows(net, 17), optimised=False)


@every_head_and_normalization
def test_every_head_and_normalization(
    tmp_path: Path, arguments: dict[str, Any], dtype: str
) -> None:
    net = moved(mc.MLP([5, 7, 6, 4], dropout=0.3, dtype=dtype, **arguments))
    path = tmp_path / "net.onnx"
    net.export_onnx(path)
    for n in (17, 1, 0):
        assert_same(net, path, rows(net, n))


@pytest.mark.parametrize(
    "activation", ["leaky_relu(negative_slope=0.3)", "elu(alpha=0.4)", 'gelu(approximate="tanh")']
)
def test_parameters_of_activations(tmp_path: Path, activation: str, dtype: str) -> None:
    net = moved(mc.MLP([5, 16, 4], activation=activation, output="identity", dtype=dtype))
    net.export_onnx(tmp_path / "net.onnx")
    assert_same(net, tmp_path / "net.onnx", 3 * rows(net, 50))


def test_members_of_several_kinds(tmp_path: Path, dtype: str) -> None:
    net = mixed_stack(dtype)
    net.export_onnx(tmp_path / "net.onnx")
    for n in (17, 1, 0):
        assert_same(net, tmp_path / "net.onnx", rows(net, n))


@settings(max_examples=30, deadline=None)
@given(any_network_and_rows())
def test_any_architecture(
    tmp_path_factory: pytest.TempPathFactory, given: tuple[mc.MLP, np.ndarray]
) -> None:
    net, X = given
    path = tmp_path_factory.mktemp("onnx") / "net.onnx"
    net.export_onnx(path)
    if well_posed(net, X):
        assert_same(net, path, X)


@pytest.mark.parametrize("name", onnx_graph.STANDARD)
def test_onnx_means_what_the_body_means(tmp_path: Path, name: str) -> None:
    """The operators that stand for a primitive, from tiny to huge numbers."""
    if name == "layer_norm":
        net = moved(mc.MLP([6, 6], output="identity"))
        function, more = mc.functions.layer_norm, (net.biases[0] + 1, net.biases[0])
    else:
        function, more = getattr(mc.functions, name), ()
    grid = np.concat([[0.0], np.geomspace(1e-30, 60, 23)]).astype(np.float32)
    x = np.concat([-grid, grid]).reshape(-1, 6)
    graph = onnx_graph.Graph({})
    got = function(graph.symbol(graph.input("x", np.float32, ("n", 6))), *more)
    got = got[0] if isinstance(got, tuple) else got
    graph.output("y", got.array, ("n", 6))
    path = tmp_path / "function.onnx"
    path.write_bytes(graph.model("", {}))
    standard, _ = onnx_graph.STANDARD[name]
    assert [node.op_type for node in onnx.load(path).graph.node] == [standard, "Identity"]
    expected = function.reference(x, *more)
    expected = expected[0] if isinstance(expected, tuple) else expected
    np.testing.assert_allclose(run(path, {"x": x})["y"], expected, rtol=2e-6, atol=1e-7)


def test_the_graph_is_what_a_reader_expects(tmp_path: Path) -> None:
    net = moved(mc.MLP([3, 5, 2]))
    net.export_onnx(tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == [
        *("MatMul", "Add", "Relu", "MatMul", "Add", "Softmax", "Identity"),
        *("TopK", "Gather", "Identity"),
    ]
    assert {constant.name for constant in model.graph.initializer} > set(net.named)
    assert model.producer_name == "mlpcore"
    assert model.producer_version == (version("mlpcore") or "")
    (entry,) = model.metadata_props
    assert entry.key == "mlpcore"
    assert json.loads(entry.value) == net.configuration
    assert [axis.dim_param for axis in model.graph.input[0].type.tensor_type.shape.dim] == ["n", ""]


def test_a_trained_network(tmp_path: Path) -> None:
    """Running statistics off their start, and labels that are right."""
    X, y = io.load_digits()
    net = mc.MLP([64, 32, 10], normalization="batch", dropout=0.2, seed=1)
    net.fit(X, y, epochs=3, batch_size=64, progress=False)
    net.export_onnx(tmp_path / "net.onnx")
    assert_same(net, tmp_path / "net.onnx", X)
    labels = run(tmp_path / "net.onnx", {"X": X})["labels"]
    np.testing.assert_array_equal(labels, net.predict(X).argmax(axis=-1))


def columns(table: io.Table, preprocessing: io.Preprocessing) -> dict[str, np.ndarray]:
    """A table as the model takes it."""
    inputs: dict[str, np.ndarray] = {}
    for feature in preprocessing.features:
        column = table.column(feature.name)
        if feature.kind == "category":
            column = np.array(["" if text is None else text for text in column], dtype=object)
        else:
            column = column.astype(np.float64)
        inputs[feature.name] = column[:, None]
    return inputs


@pytest.fixture
def houses() -> io.Table:
    texts = np.array(["flat", "house", None, "flat"], dtype=object)
    return io.Table(
        {
            "area": np.array([50.0, 100.0, np.nan, 60.0]),
            "kind": texts,
            "rooms": np.array([2, 4, 3, 3]),
            "garden": np.array([False, True, True, False]),
            "heating": np.array(["gas", None, "oil", "gas"], dtype=object),
            "price": np.array([100.5, 300.0, 200.0, 120.0]),
        },
        "houses.csv",
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("members", [None, 2])
def test_preprocessing_of_a_quantity(
    tmp_path: Path, houses: io.Table, members: int | None, dtype: str
) -> None:
    preprocessing = io.Preprocessing.fit(houses, "price")
    net = moved(
        mc.MLP([preprocessing.inputs, 6, 1], output="identity", members=members, dtype=dtype)
    )
    path = tmp_path / "net.onnx"
    net.export_onnx(path, preprocessing)
    unknown = {**houses.columns, "kind": np.array(["castle", None, "flat", "house"], dtype=object)}
    for table in (houses, io.Table(unknown, ""), houses.take(np.arange(0))):
        outputs = run(path, columns(table, preprocessing))
        expected = preprocessing.target.decode(net.predict(preprocessing.transform(table)))
        assert outputs["predictions"].dtype == np.float64
        assert outputs["predictions"].shape == expected.shape
        unit = preprocessing.target.deviation
        np.testing.assert_allclose(outputs["predictions"], expected, rtol=1e-6, atol=1e-6 * unit)


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["no", "yes", "perhaps", "no"], dtype=object),
        np.array([3, 7, 7, 20]),
        np.array([False, True, True, False]),
        np.array([0.5, 1.5, 1.5, 0.5]),
    ],
    ids=["texts", "whole numbers", "truths", "numbers"],
)
def test_preprocessing_of_classes(tmp_path: Path, houses: io.Table, labels: np.ndarray) -> None:
    table = io.Table({**houses.columns, "price": labels}, "houses.csv")
    preprocessing = io.Preprocessing.fit(table, "price", task="classification")
    net = moved(mc.MLP([preprocessing.inputs, 6, preprocessing.target.outputs]))
    path = tmp_path / "net.onnx"
    net.export_onnx(path, preprocessing)
    outputs = run(path, columns(table, preprocessing))
    expected = net.predict(preprocessing.transform(table))
    np.testing.assert_allclose(outputs["predictions"], expected, rtol=1e-6, atol=1e-6)
    assert outputs["labels"].tolist() == preprocessing.target.decode(expected).tolist()
    none = run(path, columns(table.take(np.arange(0)), preprocessing))
    assert none["predictions"].shape == (0, preprocessing.target.outputs)
    assert none["labels"].shape == (0,)


def test_columns_of_numbers_are_standardised_together(tmp_path: Path) -> None:
    net = mc.MLP([64, 10])
    preprocessing = io.digits_preprocessing()
    net.export_onnx(tmp_path / "digits.onnx", preprocessing)
    operators = [node.op_type for node in onnx.load(tmp_path / "digits.onnx").graph.node]
    assert operators[:6] == ["Concat", "Sub", "Div", "IsNaN", "Where", "Cast"]
    table = io.digits_table()
    outputs = run(tmp_path / "digits.onnx", columns(table, preprocessing))
    expected = net.predict(io.load_digits()[0])
    np.testing.assert_allclose(outputs["predictions"], expected, rtol=1e-6, atol=1e-6)


def test_names_that_meet(tmp_path: Path) -> None:
    """A table may have columns that are called as an output, a node or a parameter."""
    names = ["predictions", "matmul", "layers.0.weight", "labels"]
    table = io.Table(
        {n: np.arange(3.0) + i for i, n in enumerate(names)} | {"y": np.array([0, 1, 1])}, ""
    )
    preprocessing = io.Preprocessing.fit(table, "y")
    net = mc.MLP([4, 2])
    net.export_onnx(tmp_path / "net.onnx", preprocessing)
    outputs = run(tmp_path / "net.onnx", columns(table, preprocessing))
    assert list(outputs) == ["predictions_1", "labels_1"]
    expected = net.predict(preprocessing.transform(table))
    np.testing.assert_allclose(outputs["predictions_1"], expected, rtol=1e-6)


def test_preprocessing_of_another_network(tmp_path: Path, houses: io.Table) -> None:
    preprocessing = io.Preprocessing.fit(houses, "price")
    with pytest.raises(
        ValueError, match="got a network from 3 to 1 with preprocessing from 7 to 1"
    ):
        mc.MLP([3, 1], output="identity").export_onnx(tmp_path / "net.onnx", preprocessing)
    assert list(tmp_path.iterdir()) == []


def test_too_many_parameters_for_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_graph, "LARGEST", 100)
    with pytest.raises(ValueError, match="expected at most 100, which is what one ONNX file holds"):
        mc.MLP([64, 10]).export_onnx(tmp_path / "net.onnx")


def test_a_function_that_the_graph_lacks() -> None:
    graph = onnx_graph.Graph({})
    x = graph.input("x", np.float32, ("n", 3))
    with pytest.raises(TypeError):
        np.sin(x)
    with pytest.raises(TypeError):
        np.sort(x)
