"""Floor 4: from tables to a network's input and target, and the split."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mlpcore.io import Preprocessing, Table, digits_preprocessing, load_digits, split
from mlpcore.io.features import Number
from mlpcore.io.targets import Classes, Quantity, infer_task


def texts(*values: str | None) -> np.ndarray:
    return np.array(values, dtype=object)


@pytest.fixture
def houses() -> Table:
    return Table(
        {
            "area": np.array([50.0, 100.0, np.nan, 60.0]),
            "rooms": np.array([2, 4, 3, 3]),
            "garden": np.array([False, True, True, False]),
            "kind": texts("flat", "house", None, "flat"),
            "price": np.array([100.0, 300.0, 200.0, 120.0]),
        },
        "houses.csv",
    )


def test_numbers_are_standardised_and_gaps_are_the_mean(houses: Table) -> None:
    preprocessing = Preprocessing.fit(houses, "price")
    X = preprocessing.transform(houses)
    assert X.dtype == np.float32
    assert X.shape == (4, preprocessing.inputs) == (4, 5)
    np.testing.assert_allclose(X[:, 1:3].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(X[:, 1:3].std(axis=0), 1, rtol=1e-6)
    present = [0, 1, 3]
    np.testing.assert_allclose(X[present, 0].mean(), 0, atol=1e-6)
    np.testing.assert_allclose(X[present, 0].std(), 1, rtol=1e-6)
    assert X[2, 0] == 0
    np.testing.assert_array_equal(X[:, 3:], [[1, 0], [0, 1], [0, 0], [1, 0]])


def test_only_the_training_part_counts(houses: Table) -> None:
    preprocessing = Preprocessing.fit(houses.take(np.array([0, 3])), "price")
    assert preprocessing.features[0].mean == 55.0  # type: ignore[union-attr]
    X = preprocessing.transform(houses)
    np.testing.assert_allclose(X[:, 0], [-1, 9, 0, 1])
    np.testing.assert_array_equal(X[:, 3], [1, 0, 0, 1])


def test_a_constant_column_becomes_zero() -> None:
    table = Table({"x": np.full(3, 7.0), "y": np.array([0, 1, 0])}, "data.csv")
    np.testing.assert_array_equal(Preprocessing.fit(table, "y").transform(table), np.zeros((3, 1)))


def test_categories_meet_numbers_of_another_file() -> None:
    training = Table({"code": texts("1", "2.5", "x"), "y": np.array([0, 1, 0])}, "a.csv")
    later = Table({"code": np.array([2.5, 1.0, np.nan])}, "b.csv")
    X = Preprocessing.fit(training, "y").transform(later)
    np.testing.assert_array_equal(X, [[0, 1, 0], [1, 0, 0], [0, 0, 0]])
    integers = Table({"code": np.array([1])}, "c.csv")
    np.testing.assert_array_equal(Preprocessing.fit(training, "y").transform(integers), [[1, 0, 0]])


def test_no_rows_give_an_empty_input(houses: Table) -> None:
    empty = houses.take(np.array([], dtype=np.int64))
    assert Preprocessing.fit(houses, "price").transform(empty).shape == (0, 5)


@pytest.mark.parametrize("target", ["kind", "rooms", "garden", "price"])
def test_state_survives_json(houses: Table, target: str) -> None:
    rows = houses.take(np.array([0, 1, 3]))
    preprocessing = Preprocessing.fit(rows, target)
    state = json.loads(json.dumps(preprocessing.state()))
    assert Preprocessing.from_state(state) == preprocessing


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"features": [], "target": {"kind": "number", "name": "x", "mean": 0, "deviation": 1}},
        {"features": [{"kind": "bogus"}], "target": {}},
        {"features": [{"kind": "number", "name": "x", "mean": "0", "deviation": 1}], "target": {}},
        {"features": [{"kind": "number", "name": "x", "mean": 0, "deviation": 0}], "target": {}},
        {"features": [{"kind": "category", "name": "x", "categories": [1]}], "target": {}},
        {"features": [], "target": {"kind": "classes", "name": "y", "labels": [1, "a"]}},
        {"features": [], "target": {"kind": "classes", "name": "y", "labels": [None]}},
        {"features": [], "target": {"kind": "classes", "name": "y", "labels": ["a", "a"]}},
        {"features": [], "target": {"kind": "classes", "name": None, "labels": ["a", "b"]}},
        {
            "features": [{"kind": "category", "name": "x", "categories": ["a", "a"]}],
            "target": {"kind": "classes", "name": "y", "labels": ["a", "b"]},
        },
        {
            "features": [{"kind": "number", "name": 3, "mean": 0, "deviation": 1}],
            "target": {"kind": "classes", "name": "y", "labels": ["a", "b"]},
        },
        {"features": [], "target": {"kind": "quantity", "name": "y", "mean": 0, "deviation": []}},
        {"features": [], "target": {"kind": "quantity", "name": "y", "mean": 0, "deviation": -1}},
        {"features": [], "target": {"kind": "quantity", "name": "y", "mean": 10**400}},
    ],
)
def test_foreign_state_is_refused(state: Any) -> None:
    with pytest.raises(ValueError, match="this version cannot read"):
        Preprocessing.from_state(state)


@pytest.mark.parametrize(
    ("column", "task"),
    [
        (texts("a", "b"), "classification"),
        (np.array([True, False]), "classification"),
        (np.array([3, 7]), "classification"),
        (np.arange(100), "regression"),
        (np.array([0.0, 1.0]), "regression"),
    ],
)
def test_task_is_inferred(column: np.ndarray, task: str) -> None:
    assert infer_task(Table({"y": column}, "data.csv"), "y") == task


def test_task_is_overridable() -> None:
    table = Table({"x": np.arange(4), "y": np.array([0.0, 1.0, 1.0, 0.0])}, "data.csv")
    target = Preprocessing.fit(table, "y", task="classification").target
    assert target == Classes("y", (0.0, 1.0))
    whole = Table({"x": np.arange(3), "y": np.array([1, 2, 3])}, "data.csv")
    assert Preprocessing.fit(whole, "y", task="regression").target.task == "regression"


@pytest.mark.parametrize(
    "column", [texts("b", "a", "c"), np.array([True, False, True]), np.array([7, 3, 7])]
)
def test_labels_there_and_back(column: np.ndarray) -> None:
    table = Table({"y": column}, "data.csv")
    target = Classes.fit(table, "y")
    labels = target.encode(table)
    assert labels.dtype == np.int64
    assert target.decode(np.eye(target.outputs)[labels]).tolist() == column.tolist()


def test_quantities_there_and_back() -> None:
    table = Table({"y": np.array([10.0, 20.0, 60.0])}, "data.csv")
    target = Quantity.fit(table, "y")
    y = target.encode(table)
    assert y.dtype == np.float32
    assert y.shape == (3, 1)
    np.testing.assert_allclose(target.decode(y), [10, 20, 60], rtol=1e-6)


def fit(columns: dict[str, np.ndarray], **options: Any) -> Preprocessing:
    return Preprocessing.fit(Table(columns, "data.csv", {"day": "got dates"}), "y", **options)


LABELS = np.array([0, 1])


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"y": LABELS}, {"ignore": ("day",)}, "no column beside 'y'"),
        ({"x": LABELS, "y": LABELS}, {}, "column 'day': got dates"),
        ({"x": LABELS}, {}, "got no column 'y'"),
        ({"x": LABELS, "y": LABELS}, {"ignore": ("z",)}, "got no column 'z'"),
        ({"x": LABELS[:0], "y": LABELS[:0]}, {}, "got no rows"),
        ({"x": LABELS, "y": LABELS}, {"ignore": ("day",), "task": "both"}, "got task='both'"),
        ({"x": np.array([0, np.inf]), "y": LABELS}, {}, "column 'x': got infinity in row 2"),
        ({"x": np.array([np.nan] * 2), "y": LABELS}, {}, "column 'x': got no number in any row"),
        (
            {"x": np.array([1.7e308, -1.7e308]), "y": LABELS},
            {},
            "column 'x': got numbers too large",
        ),
        ({"x": texts(*map(str, range(300))), "y": np.arange(300)}, {}, "got 300 distinct texts"),
        ({"x": LABELS, "y": texts("a", None)}, {"ignore": ("day",)}, "column 'y': got no class in"),
        ({"x": LABELS, "y": np.array([5, 5])}, {"ignore": ("day",)}, "column 'y': got 1 class"),
        ({"x": LABELS, "y": np.array([1.5, np.nan])}, {"ignore": ("day",)}, "no number in row 2"),
        (
            {"x": texts(None, None), "y": LABELS},
            {"ignore": ("day",)},
            "column 'x': got no text in any row, nor in another column",
        ),
    ],
)
def test_bad_columns_are_named(
    columns: dict[str, np.ndarray], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        fit(columns, **options)
    assert "data.csv" in str(caught.value) or "task" in message


def test_other_files_must_fit(houses: Table) -> None:
    preprocessing = Preprocessing.fit(houses, "price")
    columns = dict(houses.columns)
    with pytest.raises(ValueError, match="column 'area': got 'large' in row 2, expected numbers"):
        preprocessing.transform(Table({**columns, "area": texts(None, "large")}, "later.csv"))
    with pytest.raises(ValueError, match=r"later\.csv: got no column 'area'"):
        preprocessing.transform(Table({"kind": columns["kind"]}, "later.csv"))
    with pytest.raises(ValueError, match=r"later\.csv: got numbers too far"):
        preprocessing.transform(Table({**columns, "area": np.full(4, 1e300)}, "later.csv"))
    target = Classes("kind", ("a", "b"))
    with pytest.raises(ValueError, match="column 'kind': got the unknown class 'c' in row 1"):
        target.encode(Table({"kind": texts("c")}, "later.csv"))
    gaps = Table({**columns, "area": texts(None, None, None, None)}, "later.csv")
    np.testing.assert_array_equal(preprocessing.transform(gaps)[:, 0], np.zeros(4))


def test_digits_are_shares_of_ink() -> None:
    pytest.importorskip("sklearn")
    X, y = load_digits()
    assert X.shape == (1797, 64)
    assert float(X.min()) == 0
    assert np.unique(y).tolist() == list(range(10))
    preprocessing = digits_preprocessing()
    assert Preprocessing.from_state(preprocessing.state()) == preprocessing


def test_split_is_stratified_and_repeatable() -> None:
    labels = np.repeat([0, 1, 2], [100, 50, 1])
    training, held_out = split(151, 0.2, labels=labels, seed=3)
    assert np.bincount(labels[held_out], minlength=3).tolist() == [20, 10, 0]
    np.testing.assert_array_equal(np.sort(np.concatenate([training, held_out])), np.arange(151))
    again = split(151, 0.2, labels=labels, seed=3)
    np.testing.assert_array_equal(again[1], held_out)
    other = split(151, 0.2, labels=labels, seed=4)
    assert not np.array_equal(other[1], held_out)


@pytest.mark.parametrize(("fraction", "rows"), [(0.2, 200), (0.3, 300), (0.499, 499)])
def test_rare_classes_give_their_share_together(fraction: float, rows: int) -> None:
    labels = np.arange(1000) // 2
    chosen = [split(1000, fraction, labels=labels, seed=seed)[1] for seed in (0, 1)]
    for held_out in chosen:
        assert len(held_out) == len(np.unique(labels[held_out])) == rows
    assert set(labels[chosen[0]]) != set(labels[chosen[1]])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=9), st.floats(0.01, 0.99))
def test_each_class_gives_its_share_rounded(counts: list[int], fraction: float) -> None:
    labels, shares = np.repeat(np.arange(len(counts)), counts), np.multiply(counts, fraction)
    most = np.subtract(counts, 1)
    assume(np.minimum(np.floor(shares), most).any())
    _, held_out = split(len(labels), fraction, labels=labels)
    found = np.bincount(labels[held_out], minlength=len(counts))
    assert (found >= np.minimum(np.floor(shares), most)).all()
    assert (found <= np.minimum(np.ceil(shares), most)).all()
    if (np.ceil(shares) <= most).all():
        assert found.sum() == np.rint(shares.sum())
        if np.rint(shares).sum() == found.sum():
            np.testing.assert_array_equal(found, np.rint(shares))


def test_split_without_labels() -> None:
    training, held_out = split(10, 0.3)
    assert (len(training), len(held_out)) == (7, 3)


@pytest.mark.parametrize(
    ("rows", "fraction"), [(10, 0.0), (10, 1.0), (10, 2.0), (1, 0.5), (0, 0.5)]
)
def test_impossible_splits(rows: int, fraction: float) -> None:
    with pytest.raises(ValueError, match=r"hold|held"):
        split(rows, fraction)


def test_a_constant_column_stays_small() -> None:
    table = Table({"x": np.full(7, 0.1)}, "data.csv")
    column = Number.fit(table, "x")
    assert column.deviation == 1.0
    later = Table({"x": np.array([0.1, 0.101])}, "data.csv")
    np.testing.assert_allclose(column.transform(later)[:, 0], [0.0, 0.001], atol=1e-12)
