"""Names that a user writes: looked up in a table, with parameters in brackets where wanted."""

from __future__ import annotations

import ast
import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def choose(kind: str, name: str, known: Mapping[str, T]) -> T:
    """Return ``known[name]``.

    Args:
        kind: what the name stands for, as the message shall call it.
        name: what the user wrote.
        known: the table of names.

    Raises:
        ValueError: for an unknown name; the message lists the known ones and the nearest.

    >>> choose("activation", "relu", {"relu": max, "tanh": min}) is max
    True
    """
    if isinstance(name, str) and name in known:
        return known[name]
    nearest = difflib.get_close_matches(str(name).lower(), known, n=1, cutoff=0.0)
    expected = f"one of {', '.join(known)}; the nearest is {nearest[0]!r}" if known else "none"
    raise ValueError(f"got {kind} {name!r}, expected {expected}")


def check_parameters(name: str, function: Callable[..., Any], given: Iterable[str]) -> None:
    """Check that ``function`` takes the parameters that a user gave, by keyword.

    Args:
        name: what the user calls the function.
        function: its parameters are the arguments that are keyword-only or have a default.
        given: the names of the parameters.

    Raises:
        ValueError: for an unknown one; the message lists the known ones and the nearest.

    >>> check_parameters("round", round, ["ndigits"])
    """
    for key in given:
        choose(f"parameter of {name}", key, _parameters(function))


def defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """The parameters that a function takes by keyword, and what they are where nobody says.

    >>> from mlpcore.functions.losses import huber
    >>> defaults(huber.rows)
    {'delta': 1.0}
    """
    return {key: argument.default for key, argument in _parameters(function).items()}


@functools.cache
def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return {
        key: argument
        for key, argument in inspect.signature(function).parameters.items()
        if argument.kind is argument.KEYWORD_ONLY or argument.default is not argument.empty
    }


def parse_spec(spec: str) -> tuple[str, dict[str, Any]]:
    """Split ``"name"`` or ``"name(parameter=value, ...)"`` into the name and the parameters.

    Values are Python literals: numbers, strings, lists, ...

    Raises:
        ValueError: for anything else.

    >>> parse_spec("relu")
    ('relu', {})
    >>> parse_spec("leaky_relu(negative_slope=0.2)")
    ('leaky_relu', {'negative_slope': 0.2})
    """
    try:
        match ast.parse(spec.strip(), mode="eval").body:
            case ast.Name(id=name):
                return name, {}
            case ast.Call(func=ast.Name(id=name), args=[], keywords=keywords):
                values = {str(k.arg): ast.literal_eval(k.value) for k in keywords if k.arg}
                if len(values) == len(keywords):
                    return name, values
    except (AttributeError, SyntaxError, TypeError, ValueError):
        pass
    raise ValueError(
        f"got {spec!r}, expected a string like 'name' or 'name(parameter=value)'; "
        "name every parameter, once each, and give it as a literal, for example 0.1 or [0.1, 0.2]"
    )


def format_spec(name: str, parameters: Mapping[str, Any]) -> str:
    """The string that `parse_spec` splits into these.

    >>> format_spec("leaky_relu", {"negative_slope": 0.2}), format_spec("relu", {})
    ('leaky_relu(negative_slope=0.2)', 'relu')
    """
    given = ", ".join(f"{key}={value!r}" for key, value in parameters.items())
    return f"{name}({given})" if given else name
