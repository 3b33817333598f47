"""Names and specs that a user writes."""

from __future__ import annotations

from typing import Any

import pytest

from mlpcore.backend.names import check_parameters, choose, parse_spec

KNOWN = {"relu": 1, "tanh": 2, "leaky_relu": 3}


def test_choose_returns_what_the_name_stands_for() -> None:
    assert choose("activation", "tanh", KNOWN) == 2


@pytest.mark.parametrize(
    ("name", "nearest"), [("rleu", "relu"), ("RELU", "relu"), ("LeakyReLU", "leaky_relu")]
)
def test_an_unknown_name_gets_the_known_ones_and_the_nearest(name: str, nearest: str) -> None:
    message = f"got activation '{name}', expected one of relu, tanh, leaky_relu; .*'{nearest}'"
    with pytest.raises(ValueError, match=message):
        choose("activation", name, KNOWN)


@pytest.mark.parametrize("name", [3, None, ["relu"], ""])
def test_what_is_no_name_is_unknown(name: Any) -> None:
    with pytest.raises(ValueError, match="expected one of relu"):
        choose("activation", name, KNOWN)


def test_choose_from_nothing() -> None:
    with pytest.raises(ValueError, match="got loss 'x', expected none"):
        choose("loss", "x", {})


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("relu", ("relu", {})),
        (" relu ", ("relu", {})),
        ("relu()", ("relu", {})),
        ("leaky_relu(negative_slope=0.2)", ("leaky_relu", {"negative_slope": 0.2})),
        ("f(a=-1e-3, b=[1, 2.5], c=None)", ("f", {"a": -1e-3, "b": [1, 2.5], "c": None})),
        ('gelu(approximate="tanh")', ("gelu", {"approximate": "tanh"})),
    ],
)
def test_parse_spec(spec: Any, expected: Any) -> None:
    assert parse_spec(spec) == expected


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "a b",
        "f(",
        "f(1)",
        "f(x=y)",
        "f(x=1, x=2)",
        "f(**{'x': 1})",
        "f(x=__import__('os'))",
        "a.f(x=1)",
        "f()()",
        "lambda",
        3,
        None,
    ],
)
def test_parse_spec_says_what_it_expected(spec: Any) -> None:
    with pytest.raises(ValueError, match=r"expected a string like 'name' or 'name\(parameter="):
        parse_spec(spec)


def test_parameters_are_the_arguments_with_a_default_or_a_keyword() -> None:
    def f(x: int, y: int = 1, *, z: int) -> None:
        pass

    check_parameters("f", f, ["y", "z"])
    check_parameters("f", f, [])
    with pytest.raises(ValueError, match="got parameter of f 'x', expected one of y, z"):
        check_parameters("f", f, ["z", "x"])
