"""Splits: folds, shares, splitters and pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlpcore.experiments.folds import splits


def sizes(found: Any) -> list[tuple[int, int]]:
    return [(len(split.training), len(split.held_out)) for split in found]


@pytest.mark.parametrize(("rows", "folds"), [(10, 2), (11, 3), (17, 5), (6, 6)])
def test_each_row_is_held_out_once(rows: int, folds: int) -> None:
    found = splits(folds, np.zeros((rows, 2)), np.zeros(rows))
    assert len(found) == folds
    held_out = np.concatenate([split.held_out for split in found])
    assert sorted(held_out) == list(range(rows))
    lengths = [len(split.held_out) for split in found]
    assert max(lengths) - min(lengths) <= 1
    for split in found:
        assert sorted([*split.training, *split.held_out]) == list(range(rows))


def test_folds_have_each_their_share_of_each_class() -> None:
    y = np.random.default_rng(0).choice(4, size=203, p=[0.6, 0.3, 0.08, 0.02])
    found = splits(5, np.zeros((203, 1)), y, labels=y)
    counts = np.array([np.bincount(y[split.held_out], minlength=4) for split in found])
    assert np.all(counts.max(axis=0) - counts.min(axis=0) <= 1)
    assert max(counts.sum(axis=1)) - min(counts.sum(axis=1)) <= 1


def test_folds_are_random_and_repeat() -> None:
    X, y = np.zeros((40, 1)), np.zeros(40)
    first, again, other = (splits(4, X, y, seed=seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a.held_out, b.held_out) for a, b in zip(first, again))
    assert not all(np.array_equal(a.held_out, b.held_out) for a, b in zip(first, other))
    repeated = splits(4, X, y, repeats=2)
    assert len(repeated) == 8
    assert all(np.array_equal(a.held_out, b.held_out) for a, b in zip(repeated, [*first, *other]))


def test_a_share_is_held_out() -> None:
    y = np.repeat([0, 1], [40, 10])
    found = splits(0.2, np.zeros((50, 1)), y, labels=y, repeats=3)
    assert sizes(found) == [(40, 10)] * 3
    assert [int(y[split.held_out].sum()) for split in found] == [2, 2, 2]
    assert len({tuple(split.held_out) for split in found}) == 3


def test_pairs_of_numbers_or_masks() -> None:
    mask = np.arange(6) < 4
    found = splits([(mask, ~mask), ([0, 1], [2])], np.zeros((6, 1)), np.zeros(6))
    assert found[0].training.tolist() == [0, 1, 2, 3]
    assert found[0].held_out.tolist() == [4, 5]
    assert found[1].training.tolist() == [0, 1]


def test_splitters_of_scikit_learn() -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    X, y = np.zeros((30, 2)), np.repeat([0, 1, 2], 10)
    splitter = selection.StratifiedKFold(5, shuffle=True, random_state=0)
    found = splits(splitter, X, y)
    for split, (training, held_out) in zip(found, splitter.split(X, y), strict=True):
        np.testing.assert_array_equal(split.training, training)
        np.testing.assert_array_equal(split.held_out, held_out)


@pytest.mark.parametrize(
    ("cv", "arguments", "fault", "message"),
    [
        (1, {}, ValueError, "got cv=1, expected an integer of at least 2"),
        (7, {}, ValueError, "got cv=7 with 6 rows"),
        (2.5, {}, ValueError, "got cv=2.5"),
        (True, {}, TypeError, "got cv=True, expected a number of folds, a share"),
        ("five", {}, TypeError, "got cv='five'"),
        ([], {}, ValueError, "got no splits"),
        ([([0], [6])], {}, ValueError, "row numbers from 0 to 5"),
        ([([0], [])], {}, ValueError, "neither empty"),
        ([([0.5], [1])], {}, ValueError, "row numbers from 0 to 5"),
        ([[0, 1, 2]], {}, TypeError, "expected a pair"),
        ([([0], [1])], {"repeats": 2}, ValueError, "got repeats=2 with splits of your own"),
        (2, {"repeats": 0}, ValueError, "got repeats=0"),
    ],
)
def test_bad_splits(cv: Any, arguments: Any, fault: type[Exception], message: str) -> None:
    with pytest.raises(fault, match=message):
        splits(cv, np.zeros((6, 1)), np.zeros(6), **arguments)
