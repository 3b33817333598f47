"""Data of any form, type, shape and value: the plain data's result, or an error by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

import dressings
import fuzz
import mlpcore as mc

ROWS, FEATURES, OUTPUTS = 6, 3, 2
ORDINARY = np.random.default_rng(0).uniform(0.1, 1.0, (ROWS, FEATURES)).round(2)
LABELS = np.arange(ROWS) % OUTPUTS

Data = dict[str, Any]
Target = Callable[[mc.MLP, Data], list[Any]]


def fitted(net: mc.MLP, data: Data) -> list[Any]:
    validation = {name: data.pop(f"validation {name}", data[name]) for name in ("X", "y")}
    data["validation_data"] = (validation["X"], validation["y"])
    history = net.fit(**data, epochs=1, batch_size=4, progress=False)
    return [net.parameters, net.statistics.flat, *history.loss]


def data_only(data: Data) -> Data:
    return {name: value for name, value in data.items() if not name.startswith("validation")}


#: What takes data, and gives back numbers; add a line for whatever else does.
TARGETS: dict[str, Target] = {
    "fit": fitted,
    "loss": lambda net, data: [net.loss(**data_only(data))],
    "predict": lambda net, data: [net.predict(data["X"])],
    "forward": lambda net, data: [net.forward(data["X"])],
}

#: Networks by name, and a good target for each.
NETWORKS: dict[str, tuple[dict[str, Any], np.ndarray]] = {
    "classes": ({"output": "softmax", "normalization": "batch"}, LABELS.astype(float)),
    "shares": ({"output": "softmax"}, np.eye(OUTPUTS)[LABELS]),
    "yes or no": ({"output": "sigmoid"}, np.eye(OUTPUTS)[LABELS]),
    "values": ({"output": "identity", "normalization": "layer"}, ORDINARY[:, :OUTPUTS]),
    "counts": ({"output": "exponential"}, np.ones((ROWS, OUTPUTS))),
    "a stack": ({"output": "softmax", "members": 2}, LABELS.astype(float)),
    "float64": ({"output": "identity", "dtype": "float64"}, ORDINARY[:, :OUTPUTS]),
}

#: What may be dressed, and what the message then calls it.
ARGUMENTS = {
    "X": "X",
    "y": "y",
    "sample_weight": "sample_weight",
    "class_weight": "class_weight",
    "validation X": "validation_data",
    "validation y": "validation_data",
}

VALUES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ordinary": lambda a: a,
    "zeros": np.zeros_like,
    "ones": np.ones_like,
    "one row": lambda a: np.broadcast_to(a[:1], a.shape),
    "zero strides": lambda a: np.broadcast_to(np.float64(0.5), a.shape),
    "subnormal": lambda a: a * 1e-310,
    "subnormal in float32": lambda a: a * 1e-40,
    "large": lambda a: a * 1e30,
    "1e38": lambda a: a * 1e38,
    "beyond float32": lambda a: a * 1e39,
    "1e308": lambda a: a * 1e308,
    "negative": lambda a: -a,
    "halves": lambda a: a + 0.5,
    "NaN": lambda a: np.where(np.arange(a.size).reshape(a.shape) == 1, np.nan, a),
    "inf": lambda a: np.where(np.arange(a.size).reshape(a.shape) == 1, np.inf, a),
    "-inf": lambda a: np.full_like(a, -np.inf),
    "one spike": lambda a: np.where(np.arange(a.size).reshape(a.shape) == 1, 3e38, a),
}

SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as it should be": lambda a: a,
    "no rows": lambda a: a[:0],
    "one row": lambda a: a[:1],
    "a row less": lambda a: a[:-1],
    "flat": lambda a: a.reshape(-1),
    "a column": lambda a: a.reshape(-1, 1),
    "an axis more": lambda a: a[None],
    "two members": lambda a: np.stack([a, a]),
    "a number": lambda a: a.reshape(-1)[0],
    "transposed": lambda a: a.T,
    "no columns": lambda a: a.reshape(len(a), -1)[:, :0],
}


def good(kind: str, target: str) -> Data:
    data: Data = {"X": ORDINARY, "y": NETWORKS[kind][1], "sample_weight": np.arange(1.0, ROWS + 1)}
    if NETWORKS[kind][0]["output"] == "softmax":
        data["class_weight"] = np.array([1.0, 2.0])
    if target == "fit":
        data |= {"validation X": ORDINARY, "validation y": NETWORKS[kind][1]}
    return data


def outcome(kind: str, target: str, data: Data) -> list[np.ndarray] | Exception:
    """What comes of it; every warning is an error."""
    net = mc.MLP([FEATURES, 4, OUTPUTS], **NETWORKS[kind][0])
    before = net.parameters.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return [np.array(result) for result in TARGETS[target](net, dict(data))]
        except (TypeError, ValueError) as fault:
            np.testing.assert_array_equal(net.parameters, before)
            return fault
        except mc.DivergenceError as fault:
            assert np.isfinite(net.parameters).all()
            return fault


def plain(value: Any) -> np.ndarray:
    """The numbers in a dressing, by another way than the library's."""
    if hasattr(value, "detach"):
        value = value.detach()
    numbers = value.tolist() if hasattr(value, "tolist") else value
    if hasattr(value, "to_numpy"):
        numbers = value.to_numpy(dtype=float, na_value=np.nan).tolist()
    made = np.array(np.asarray(numbers, dtype=np.longdouble).tolist(), dtype=np.float64)
    return made.reshape(getattr(value, "shape", made.shape))


def check(kind: str, target: str, argument: str, dressed: Any, refused: bool = False) -> None:
    data = good(kind, target)
    if argument not in data:
        return
    got = outcome(kind, target, {**data, argument: dressed})
    if isinstance(got, Exception):
        message = str(got)
        assert ARGUMENTS[argument] in message or "X and y" in message, message
        assert len(message) < 1000
        if isinstance(got, mc.DivergenceError):
            assert "standardise X" in message
        return
    used = argument in TARGETS_USE.get(target, ARGUMENTS)
    assert not (refused and used), f"took {dressed!r} for {argument}"
    for array in got:
        assert np.isfinite(array).all()
    if not used:
        return
    expected = outcome(kind, target, {**data, argument: plain(dressed)})
    assert not isinstance(expected, Exception), expected
    for array, wanted in zip(got, expected, strict=True):
        np.testing.assert_allclose(array, wanted, rtol=1e-5, atol=1e-7)


#: What else than all arguments a target looks at.
TARGETS_USE = {
    "predict": ("X",),
    "forward": ("X",),
    "loss": ("X", "y", "sample_weight", "class_weight"),
}

anything = st.tuples(
    st.sampled_from([*NETWORKS]),
    st.sampled_from([*TARGETS]),
    st.sampled_from([*ARGUMENTS]),
)


def test_numbers_of_any_form_shape_and_value() -> None:
    def numbers(where: tuple[str, str, str], form: str, kind: str, value: str, shape: str) -> None:
        base = good(where[0], where[1]).get(where[2])
        if base is None:
            return
        with np.errstate(all="ignore"):
            array = SHAPES[shape](VALUES[value](base)) if base.ndim else base
            array = np.asarray(dressings.TYPES[kind](array)) if kind else array
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                dressed = dressings.FORMS[form](np.asarray(array, dtype=np.float64))
        check(*where, dressed)

    drawn = (
        anything,
        st.sampled_from([*dressings.FORMS]),
        st.sampled_from(["", "", *dressings.TYPES]),
        st.sampled_from(["ordinary"] * 4 + [*VALUES]),
        st.sampled_from(["as it should be"] * 6 + [*SHAPES]),
    )
    print(fuzz.run(0.05, numbers, *drawn, least=400), "cases")


def test_numbers_of_any_type() -> None:
    def typed(where: tuple[str, str, str], kind: str, value: str) -> None:
        base = good(where[0], where[1]).get(where[2])
        if base is None:
            return
        with np.errstate(all="ignore"):
            dressed = dressings.TYPES[kind](VALUES[value](base))
        check(*where, dressed)

    drawn = st.sampled_from([*dressings.TYPES]), st.sampled_from(["ordinary"] * 3 + [*VALUES])
    print(fuzz.run(0.05, typed, anything, *drawn, least=300), "cases")


@pytest.mark.parametrize("form", dressings.FORMS)
@pytest.mark.parametrize("argument", ARGUMENTS)
def test_every_form_of_ordinary_numbers_is_taken(argument: str, form: str) -> None:
    data = good("classes", "fit")
    got = outcome("classes", "fit", {**data, argument: dressings.FORMS[form](data[argument])})
    assert not isinstance(got, Exception), got
    check("classes", "fit", argument, dressings.FORMS[form](data[argument]))


@pytest.mark.parametrize("kind", dressings.TYPES)
@pytest.mark.parametrize("argument", ["X", "sample_weight", "class_weight", "validation X"])
def test_every_type_of_ones_is_taken(argument: str, kind: str) -> None:
    data = good("values" if argument == "X" else "classes", "fit")
    dressed = dressings.TYPES[kind](np.ones_like(data[argument]))
    got = outcome("values" if argument == "X" else "classes", "fit", {**data, argument: dressed})
    assert not isinstance(got, Exception), got


@pytest.mark.parametrize("form", dressings.STRANGE)
@pytest.mark.parametrize("argument", ARGUMENTS)
@pytest.mark.parametrize("target", TARGETS)
def test_what_holds_no_numbers_is_refused(target: str, argument: str, form: str) -> None:
    for kind in NETWORKS:
        base = good(kind, target).get(argument)
        if base is None or (form == "nothing" and argument in ("sample_weight", "class_weight")):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dressed = dressings.STRANGE[form](base)
        check(kind, target, argument, dressed, refused=True)
