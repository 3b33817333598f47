"""Folds and bootstraps over one copy of the data: each member trains on rows of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore import training
from mlpcore.training.rows import row_numbers

pytestmark = pytest.mark.filterwarnings("error")

ROWS, FEATURES, OUTPUTS, MEMBERS = 14, 4, 3, 3

numbers = np.random.default_rng(0)
X = numbers.normal(size=(ROWS, FEATURES))
LABELS = numbers.integers(0, OUTPUTS, ROWS)
VALUES = numbers.normal(size=(ROWS, OUTPUTS))
SHARES = numbers.dirichlet(np.ones(OUTPUTS), ROWS)
WEIGHTS = numbers.uniform(0.1, 2.0, ROWS)

#: Folds, and a bootstrap with rows that come twice.
TRAIN = np.array([range(3, 14), [*range(8), 11, 12, 13], [5, 5, 1, 0, 13, 2, 2, 2, 7, 9, 10]])
HELD_OUT = np.array([range(3), range(8, 11), [3, 4, 6]])

each_step = pytest.mark.parametrize("recorded", [None, False], ids=["default", "functional"])


def network(**arguments: Any) -> mc.MLP:
    settings = {"dtype": "float64", "activation": "tanh", "dropout": 0.2} | arguments
    return mc.MLP([FEATURES, 6, OUTPUTS], **settings)


def fit(net: mc.MLP, y: Any, *, X: Any = X, **arguments: Any) -> mc.History:
    defaults: dict[str, Any] = {
        "batch_size": 4,
        "epochs": 4,
        "progress": False,
        "optimizer": mc.Adam(0.02, epsilon=1e-4),
    }
    return training.fit(net, X, y, **(defaults | arguments))


def picked(value: Any, member: int, rows: np.ndarray) -> Any:
    """The rows of a member's data, of what may be one for all members."""
    if value is None or isinstance(value, str):
        return value
    own = value[member] if value.shape[0] == MEMBERS else value
    return own[rows]


CASES: dict[str, tuple[dict[str, Any], Any, dict[str, Any]]] = {
    "labels": ({}, LABELS, {}),
    "in order": ({}, LABELS, {"shuffle": False}),
    "batch normalization": ({"normalization": "batch"}, LABELS, {}),
    "probabilities": ({}, SHARES, {"metrics": "accuracy"}),
    "values": ({"output": "identity"}, VALUES, {"metrics": "r2"}),
    "weights": ({}, LABELS, {"sample_weight": WEIGHTS, "metrics": "accuracy"}),
    "balanced": ({}, LABELS, {"class_weight": "balanced"}),
    "balanced and weighted": ({}, SHARES, {"class_weight": "balanced", "sample_weight": WEIGHTS}),
    "weights by member": (
        {"output": "identity"},
        VALUES,
        {"sample_weight": np.random.default_rng(1).uniform(0.1, 2.0, (MEMBERS, ROWS))},
    ),
    "data by member": (
        {"output": "identity"},
        np.random.default_rng(2).normal(size=(MEMBERS, ROWS, OUTPUTS)),
        {"X": np.random.default_rng(3).normal(size=(MEMBERS, ROWS, FEATURES))},
    ),
}


@each_step
@pytest.mark.parametrize("shared", [True, False], ids=["one for all", "by member"])
@pytest.mark.parametrize(("arguments", "y", "settings"), CASES.values(), ids=CASES)
def test_each_member_trains_as_on_its_rows_alone(
    arguments: dict[str, Any],
    y: np.ndarray,
    settings: dict[str, Any],
    shared: bool,
    recorded: bool | None,
) -> None:
    rows, held_out = (TRAIN[2], HELD_OUT[2]) if shared else (TRAIN, HELD_OUT)
    stack = network(members=MEMBERS, **arguments)
    singles = [stack[e] for e in range(MEMBERS)]
    history = fit(stack, y, rows=rows, validation_rows=held_out, recorded=recorded, **settings)
    for e, single in enumerate(singles):
        own, out = (rows, held_out) if shared else (rows[e], held_out[e])
        data = {"X": X, "y": y, "sample_weight": None} | settings
        inside, outside = (
            {name: picked(data[name], e, index) for name in ("X", "y", "sample_weight")}
            for index in (own, out)
        )
        expected = fit(
            single,
            **(data | inside),
            validation_data=tuple(v for v in outside.values() if v is not None),
            recorded=recorded,
        )
        close = {"rtol": 1e-10, "atol": 1e-12}
        np.testing.assert_allclose(stack.parameters[e], single.parameters, **close)
        np.testing.assert_allclose(stack.statistics.flat[e], single.statistics.flat, **close)
        for name in ("loss", "validation_loss"):
            found = np.array(getattr(history, name))[:, e]
            np.testing.assert_allclose(found, getattr(expected, name), **close, err_msg=name)
        for ours, theirs in (
            (history.metrics, expected.metrics),
            (history.validation_metrics, expected.validation_metrics),
        ):
            assert set(ours) == set(theirs)
            for name in ours:
                np.testing.assert_allclose(np.array(ours[name])[:, e], theirs[name], **close)


@each_step
def test_a_single_network_trains_on_some_rows(recorded: bool | None) -> None:
    some, alone = network(), network()
    ours = fit(some, LABELS, rows=TRAIN[0], validation_rows=HELD_OUT[0], recorded=recorded)
    theirs = fit(
        alone,
        LABELS[TRAIN[0]],
        X=X[TRAIN[0]],
        validation_data=(X[HELD_OUT[0]], LABELS[HELD_OUT[0]]),
        recorded=recorded,
    )
    assert some.parameters.tobytes() == alone.parameters.tobytes()
    assert ours.loss == theirs.loss
    assert ours.validation_loss == theirs.validation_loss


def test_rows_cost_not_a_bit() -> None:
    rows, copies = (network(members=MEMBERS, output="identity") for _ in range(2))
    fit(rows, VALUES, rows=TRAIN)
    fit(copies, VALUES[TRAIN], X=X[TRAIN])
    assert rows.parameters.tobytes() == copies.parameters.tobytes()


def test_validation_in_pieces_is_validation_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> mc.History:
        return fit(network(members=MEMBERS), LABELS, rows=TRAIN, validation_rows=HELD_OUT)

    whole = run()
    monkeypatch.setattr("mlpcore.training.evaluate.PIECE_BYTES", FEATURES * MEMBERS * 8 * 2)
    np.testing.assert_allclose(run().validation_loss, whole.validation_loss, rtol=1e-14)


def test_class_weights_do_not_count_in_validation() -> None:
    history = fit(net := network(), LABELS, class_weight="balanced", validation_rows=HELD_OUT[0])
    expected = net.loss(X[HELD_OUT[0]], LABELS[HELD_OUT[0]])
    assert history.validation_loss[-1] == pytest.approx(float(expected), rel=1e-12)


REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "a mask": (np.ones(ROWS, dtype=bool), TypeError, "of dtype bool, expected integers"),
    "floats": ([0.0, 1.0], TypeError, "of dtype float64, expected integers"),
    "unequal folds": ([[0, 1], [2], [3]], TypeError, "as many rows for each member"),
    "none": ([], ValueError, "at least one row"),
    "none a member": (np.zeros((3, 0), dtype=int), ValueError, "at least one row"),
    "a number": (3, ValueError, r"of shape \(\), expected \(m,\) or \(3, m\)"),
    "other members": ([[0, 1], [2, 3]], ValueError, r"of shape \(2, 2\), expected \(m,\) or"),
    "too far": ([0, ROWS], ValueError, "from 0 to 14, expected 0 to 13"),
    "negative": ([-1, 2], ValueError, "from -1 to 2, expected 0 to 13"),
}


@pytest.mark.parametrize("name", ["rows", "validation_rows"])
@pytest.mark.parametrize(("rows", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_are_no_rows_is_refused(
    rows: Any, error: type[Exception], message: str, name: str
) -> None:
    with pytest.raises(error, match=f"got {name} .*{message}"):
        fit(network(members=MEMBERS), LABELS, **{name: rows})


def test_a_single_network_has_one_set_of_rows() -> None:
    with pytest.raises(ValueError, match=r"got rows of shape \(3, 11\), expected \(m,\)$"):
        fit(network(), LABELS, rows=TRAIN)


def test_one_source_of_validation() -> None:
    with pytest.raises(ValueError, match="validation_data and validation_rows"):
        fit(network(), LABELS, validation_data=(X, LABELS), validation_rows=[0])


@pytest.mark.parametrize("name", ["rows", "validation_rows"])
def test_rows_without_weight_are_refused(name: str) -> None:
    weight = np.where(np.isin(np.arange(ROWS), HELD_OUT[1]), 0.0, 1.0)
    with pytest.raises(ValueError, match=f"weights in {name} of zeros only"):
        fit(network(members=MEMBERS), LABELS, sample_weight=weight, **{name: HELD_OUT})


def test_rows_may_lie_in_another_library() -> None:
    strict = pytest.importorskip("array_api_strict")
    found = row_numbers("rows", strict.asarray([2, 0]), count=3, members=None)
    np.testing.assert_array_equal(found, [2, 0])


def test_early_stopping_on_held_out_rows() -> None:
    net = network(members=MEMBERS, dropout=0.0)
    settings: dict[str, Any] = {"optimizer": mc.Adam([0.002, 0.1, 0.3]), "epochs": 60}
    history = fit(net, LABELS, rows=TRAIN, validation_rows=HELD_OUT, early_stopping=2, **settings)
    assert np.min(history.best_epoch) < len(history) - 1
    losses = [net[e].loss(X[HELD_OUT[e]], LABELS[HELD_OUT[e]]) for e in range(MEMBERS)]
    np.testing.assert_allclose(losses, np.nanmin(history.validation_loss, axis=0), rtol=1e-10)
