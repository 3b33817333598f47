"""Floor 4: networks as Python files that need nothing but NumPy."""

from __future__ import annotations

import ast
import doctest
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
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
from mlpcore.functions import activations
from mlpcore.io.predictor import MISSING, TRUTHS, print_decoded
from mlpcore.io.sources import Sources
from networks import well_posed

#: A fresh interpreter, where this library cannot be imported and NumPy is all there is.
ALONE = """
import runpy, sys
sys.modules["mlpcore"] = None
before = set(sys.modules)
module = runpy.run_path(sys.argv[1])
import numpy as np
X = np.load(sys.argv[2])
np.savez(sys.argv[3], forward=module["forward"](X), predict=module["predict"](X))
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(new - set(sys.stdlib_module_names)))
"""


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def python(*arguments: Any, code: int = 0) -> str:
    result = subprocess.run(
        [sys.executable, "-I", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert result.returncode == code, result.stderr
    return result.stdout if code == 0 else result.stderr


def assert_same(net: mc.MLP, module: ModuleType, X: np.ndarray) -> None:
    tolerance = 1e-6 if net.dtype == "float32" else 1e-13
    for name in ("forward", "predict"):
        got, expected = getattr(module, name)(X), getattr(net, name)(X)
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@every_head_and_normalization
def test_every_head_and_normalization(
    tmp_path: Path, arguments: dict[str, Any], dtype: str
) -> None:
    net = moved(mc.MLP([5, 7, 6, 4], dropout=0.3, dtype=dtype, **arguments))
    net.export_python(tmp_path / "net.py")
    module = loaded(tmp_path / "net.py")
    for n in (17, 1, 0):
        assert_same(net, module, rows(net, n))
    if net.members:
        X = np.stack([rows(net, 9, seed) for seed in range(net.members)])
        assert_same(net, module, X)


def test_members_of_several_kinds(tmp_path: Path, dtype: str) -> None:
    net = mixed_stack(dtype)
    net.export_python(tmp_path / "net.py")
    module = loaded(tmp_path / "net.py")
    assert doctest.testmod(module).failed == 0
    for n in (17, 1, 0):
        assert_same(net, module, rows(net, n))


@settings(max_examples=30, deadline=None)
@given(any_network_and_rows())
def test_any_architecture(
    tmp_path_factory: pytest.TempPathFactory, given: tuple[mc.MLP, np.ndarray]
) -> None:
    net, X = given
    path = tmp_path_factory.mktemp("python") / "net.py"
    net.export_python(path)
    if well_posed(net, X):
        assert_same(net, loaded(path), X)


@pytest.fixture
def everything(tmp_path: Path) -> tuple[mc.MLP, Path]:
    """Every activation in one network, and its file."""
    names = [*activations.__all__, 'gelu(approximate="tanh")', "leaky_relu(negative_slope=0.3)"]
    net = moved(mc.MLP([6, *[8] * len(names), 3], activation=names, normalization="layer"))
    net.export_python(tmp_path / "everything.py")
    return net, tmp_path / "everything.py"


@pytest.mark.parametrize("members", [None, 2])
def test_it_runs_where_there_is_nothing_but_numpy(tmp_path: Path, members: int | None) -> None:
    net = moved(mc.MLP([6, 8, 3], activation="gelu", normalization="batch", members=members))
    net.export_python(tmp_path / "net.py")
    X = rows(net, 40)
    np.save(tmp_path / "X.npy", X)
    files = (tmp_path / "net.py", tmp_path / "X.npy", tmp_path / "out.npz")
    assert python("-c", ALONE, *files).strip() == "['numpy']"
    with np.load(tmp_path / "out.npz") as outputs:
        for name in ("forward", "predict"):
            np.testing.assert_allclose(outputs[name], getattr(net, name)(X), rtol=1e-6, atol=1e-6)


def test_every_activation_is_its_own_body(everything: tuple[mc.MLP, Path]) -> None:
    net, path = everything
    module = loaded(path)
    assert_same(net, module, rows(net, 50))
    x = np.concat([[0.0, np.inf, -np.inf, np.nan], np.geomspace(1e-30, 1e30, 50)])
    x = np.concat([x, -x])
    for name in activations.__all__:
        body = getattr(activations, name).reference
        np.testing.assert_array_equal(getattr(module, body.__name__)(x), body(x))


def test_the_file_reads_well(everything: tuple[mc.MLP, Path]) -> None:
    net, path = everything
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert f"{net!r}\n" in ast.get_docstring(tree, clean=False)  # type: ignore[operator]
    assert "mlpcore" not in text.partition('"""\n')[2]
    assert {"xp", "namespace", "Array"}.isdisjoint(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name)
    )
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert len(set(defined)) == len(defined)
    examples = doctest.testmod(loaded(path))
    assert examples.failed == 0
    assert examples.attempted > 20


def test_the_parameters_are_all_there_and_nothing_else(tmp_path: Path) -> None:
    net = moved(mc.MLP([5, 7, 4], normalization="batch", members=2, dtype="float64"))
    net.export_python(tmp_path / "net.py")
    module = loaded(tmp_path / "net.py")
    for name, array in net.tensors().items():
        _, layer, key = name.split(".")
        np.testing.assert_array_equal(getattr(module, f"{key}_{layer}"), array)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[1.0, 2.0]], r"got X of shape \(1, 2\), expected \(n, 5\)"),
        ([1.0] * 5, r"got X of shape \(5,\)"),
        ([[1.0, 2.0, 3.0, 4.0, np.nan]], "got X with NaN or infinity"),
    ],
)
def test_wrong_input(tmp_path: Path, X: Any, message: str) -> None:
    mc.MLP([5, 4]).export_python(tmp_path / "net.py")
    with pytest.raises(ValueError, match=message):
        loaded(tmp_path / "net.py").predict(X)


@pytest.mark.parametrize("members", [None, 2])
def test_as_a_program_on_numbers(tmp_path: Path, members: int | None) -> None:
    net = moved(mc.MLP([3, 2], members=members))
    net.export_python(tmp_path / "net.py")
    X = rows(net, 5)
    np.save(tmp_path / "X.npy", X)
    np.savetxt(tmp_path / "X.csv", X, delimiter=",", fmt="%.9g")
    expected = np.moveaxis(net.predict(X), -2, 0).reshape(5, -1)
    for data in ("X.npy", "X.csv"):
        printed = python(tmp_path / "net.py", tmp_path / data)
        got = np.loadtxt(printed.splitlines(), delimiter=",", ndmin=2)
        np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert "or run the file" in python(tmp_path / "net.py", code=1)


TABLE = {
    "area": np.array([50.0, 100.0, np.nan, 60.0]),
    "kind": np.array(["flat", "house", None, "flat"], dtype=object),
    "it's": np.array([2, 4, 3, 3]),
}


@pytest.mark.parametrize(
    "answers",
    [
        np.array(["no", "yes, sir", 'a "quoted" one', "no"], dtype=object),
        np.array([3, 7, 7, 20]),
        np.array([False, True, True, False]),
        np.array([100.5, 300.0, 200.0, 120.0]),
    ],
    ids=["texts", "whole numbers", "truths", "quantity"],
)
@pytest.mark.parametrize("members", [None, 2])
def test_preprocessing(tmp_path: Path, answers: np.ndarray, members: int | None) -> None:
    table = io.Table({**TABLE, "y": answers}, "data.csv")
    preprocessing = io.Preprocessing.fit(table, "y")
    output = "softmax" if preprocessing.target.task == "classification" else "identity"
    outputs = preprocessing.target.outputs
    net = moved(mc.MLP([preprocessing.inputs, 4, outputs], output=output, members=members))
    net.export_python(tmp_path / "net.py", preprocessing)
    module = loaded(tmp_path / "net.py")
    np.testing.assert_array_equal(module.features(table.columns), preprocessing.transform(table))
    expected = preprocessing.target.decode(net.predict(preprocessing.transform(table)))
    got = module.predict_table(table.columns)
    assert got.shape == expected.shape
    if output == "softmax":
        np.testing.assert_array_equal(got, expected)
    else:
        unit = preprocessing.target.deviation
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6 * unit)
    none = {name: column[:0] for name, column in TABLE.items()}
    assert module.predict_table(none).shape == (*expected.shape[:-1], 0)
    file = tmp_path / "data.csv"
    file.write_text("kind,area,it's\nflat,50,2\nhouse,100,4\n,NA,3\nflat,60,3\n", encoding="utf-8")
    printed = python(tmp_path / "net.py", file).splitlines()
    lines = [str(line) for line in np.moveaxis(got, -1, 0).tolist()]
    assert printed == lines
    file.write_text("kind,area,it's\n", encoding="utf-8")
    assert python(tmp_path / "net.py", file).strip() == ""


CSV = {
    "truths": "a,b\nTrue,x\nFALSE,y\n,x\ntrue,y\n",
    "a byte-order mark": "\ufeffa,b\n1,x\n",
    "blank lines": "\n\na,b\n1,x\n\n2,y\n\n",
    "lines of blanks": "  \na,b\n1,x\n \t\n2,y\n\t",
    "short rows": "a,b\n1\n2,y\n",
    "other columns": "c,b,a\n1,x,2\n",
    "every word for what is missing": "a,b\n" + "".join(f"{word},{word}\n" for word in MISSING),
    "every word for truths": "a,b\n" + "".join(f"{word},x\n" for word in TRUTHS),
}


@pytest.mark.parametrize("case", CSV)
def test_as_a_program_it_takes_the_tables_that_predict_takes(tmp_path: Path, case: str) -> None:
    pytest.importorskip("pandas")
    columns = {"a": np.array([0.5, 2.0]), "b": np.array(["x", "y"], object), "y": np.arange(2) / 3}
    preprocessing = io.Preprocessing.fit(io.Table(columns, "data.csv"), "y")
    net = moved(mc.MLP([3, 1], output="identity"))
    net.export_python(tmp_path / "net.py", preprocessing)
    file = tmp_path / "data.csv"
    file.write_text(CSV[case], encoding="utf-8")
    X = preprocessing.transform(io.read_table(file))
    printed = np.array(python(tmp_path / "net.py", file).split(), dtype=float)
    np.testing.assert_allclose(printed, preprocessing.target.decode(net.predict(X)), rtol=1e-6)


@pytest.mark.parametrize("text", ["", "a,b\n1,x,2\n", "a,b,a\n1,x,2\n"])
def test_as_a_program_it_refuses_what_predict_refuses(tmp_path: Path, text: str) -> None:
    columns = {"a": np.arange(2.0), "b": np.array(["x", "y"], object), "y": np.arange(2)}
    preprocessing = io.Preprocessing.fit(io.Table(columns, "data.csv"), "y")
    mc.MLP([3, 2]).export_python(tmp_path / "net.py", preprocessing)
    (tmp_path / "data.csv").write_text(text)
    assert "expected a header of distinct names" in python(
        tmp_path / "net.py", tmp_path / "data.csv", code=1
    )


def test_a_column_without_a_name_is_named_as_pandas_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pandas")
    file = tmp_path / "data.csv"
    file.write_text("a,,b,\n1,2,3,4\n")
    print_decoded(lambda columns: np.array(list(columns)), str(file))
    assert capsys.readouterr().out.splitlines() == io.read_table(file).names


def test_a_single_column_may_have_empty_texts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pandas")
    file = tmp_path / "data.csv"
    file.write_text('a\n1\n""\n\n \n2\n')
    print_decoded(lambda columns: np.array(columns["a"], float), str(file))
    printed = np.array(capsys.readouterr().out.split(), float)
    np.testing.assert_array_equal(printed, io.read_table(file).columns["a"])


def test_missing_is_what_pandas_calls_missing() -> None:
    parsers = pytest.importorskip("pandas._libs.parsers")
    assert set(MISSING) == parsers.STR_NA_VALUES


def test_preprocessing_of_another_network(tmp_path: Path) -> None:
    preprocessing = io.digits_preprocessing()
    with pytest.raises(ValueError, match="got a network from 3 to 10 with preprocessing from 64"):
        mc.MLP([3, 10]).export_python(tmp_path / "net.py", preprocessing)
    assert list(tmp_path.iterdir()) == []


def test_no_word_of_a_model_becomes_code(tmp_path: Path) -> None:
    """Names and labels come from files that somebody else may have written."""
    evil = '\'"""\n\\"""\nraise SystemExit("code of a model was run")\n"""'
    columns = {name: np.arange(3.0) for name in (evil, f"{evil} 2", f"{evil} 3")}
    columns[f"{evil} 2"] = np.array([evil, "b", evil], dtype=object)
    columns[f"{evil} 3"] = np.array([evil, "b", evil], dtype=object)
    table = io.Table(columns, "data.csv")
    preprocessing = io.Preprocessing.fit(table, f"{evil} 3")
    net = mc.MLP([3, 4, 2], activation=f"tanh  # {evil}".replace("\n", ""))
    net.export_python(tmp_path / "net.py", preprocessing)
    module = loaded(tmp_path / "net.py")
    expected = preprocessing.target.decode(net.predict(preprocessing.transform(table)))
    assert module.predict_table(columns).tolist() == expected.tolist()


#: The largest there may be.
LIMIT = 2.0


def scale(x: float) -> float:
    return 3 * x


def limited(scale: float) -> float:
    return min(scale, LIMIT)


def test_sources_bring_what_is_used_and_nothing_else() -> None:
    sources = Sources()
    assert sources.add(limited) == "limited"
    assert sources.text.startswith("#: The largest there may be.\nLIMIT = 2.0\n\n\ndef limited(")
    assert "def scale" not in sources.text


def test_two_things_of_one_name_cannot_share_a_file() -> None:
    def relu() -> None:
        pass

    sources = Sources("predict")
    sources.add(activations.relu)
    with pytest.raises(ValueError, match="got two different relu"):
        sources.add(relu)
