"""Networks that cannot be, and names that nobody knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mlpcore as mc

CANNOT_BE: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    **{
        f"sizes={sizes}": ({"sizes": sizes}, ("sizes", "two positive integers"))
        for sizes in (
            [],
            [3],
            [3, 0, 2],
            [3, -4, 2],
            [3, 2.5],
            [3, True],
            [3, "4"],
            [3, None],
            [3, float("nan")],
            [3, float("inf")],
            5,
        )
    },
    **{
        f"members={members!r}": ({"members": members}, ("members", "positive integer"))
        for members in (0, -1, 2.5, True, "three", float("nan"))
    },
    **{
        f"seed={seed!r}": ({"seed": seed}, ("seed", "integer"))
        for seed in (-1, 1.5, "x", None, True, 2**63, 2**64)
    },
    "seeds for a single network": ({"seed": [1, 2, 3]}, ("3 seeds", "members=None")),
    "too few seeds": ({"seed": [1, 2], "members": 3}, ("2 seeds", "members=3")),
    "a negative seed among others": ({"seed": [1, -2], "members": 2}, ("seed", "an integer")),
    **{
        f"dropout={rate!r}": ({"dropout": rate}, ("dropout", "at least 0 and below 1"))
        for rate in (-0.1, 1.0, 7, float("nan"), "much", [0.5, -0.5], [0.5, None])
    },
    "dropout without hidden layers": (
        {"sizes": [3, 2], "dropout": -0.5},
        ("dropout", "at least 0 and below 1"),
    ),
    "too few dropout rates": ({"dropout": [0.5]}, ("1 dropout rates", "2 hidden layers")),
    "dropout of members for a single network": (
        {"dropout": np.array([0.1, 0.2])},
        ("dropout with 2 values", "members=None"),
    ),
    "dropout of too few members": (
        {"dropout": np.array([0.1, 0.2]), "members": 3},
        ("dropout with 2 values", "members=3"),
    ),
    **{
        f"label_smoothing={rate}": (
            {"label_smoothing": rate},
            ("label_smoothing", "at least 0 and below 1"),
        )
        for rate in (-0.1, 1.0, float("nan"), "much")
    },
    "smoothing of too few members": (
        {"label_smoothing": np.array([0.1, 0.2]), "members": 3},
        ("label_smoothing with 2 values", "members=3"),
    ),
    "smoothing of values": (
        {"label_smoothing": 0.1, "output": "identity"},
        ("label_smoothing", "identity", "softmax"),
    ),
    "too few activations": ({"activation": ["relu"]}, ("1 values of activation", "2 hidden")),
    "no activation": ({"activation": None}, ("activation", "relu")),
    "a half name": ({"activation": "leaky_relu("}, ("leaky_relu(", "name(parameter=value)")),
    "a negative delta": (
        {"output": "identity", "loss": "huber(delta=-1.0)"},
        ("delta", "-1.0", "above 0"),
    ),
}


@pytest.mark.parametrize(("arguments", "words"), CANNOT_BE.values(), ids=CANNOT_BE)
def test_networks_that_cannot_be(
    arguments: dict[str, Any], words: tuple[str, ...], refused: Any
) -> None:
    with refused(ValueError, *words):
        mc.MLP(**({"sizes": [3, 5, 4, 2]} | arguments))


NAMES: dict[str, tuple[dict[str, Any], str, str]] = {
    "activation": ({"activation": "rleu"}, "activation 'rleu'", "relu"),
    "activation of a layer": ({"activation": ["relu", "tahn"]}, "activation 'tahn'", "tanh"),
    "parameter of an activation": (
        {"activation": "leaky_relu(negative_slop=0.1)"},
        "'negative_slop'",
        "negative_slope",
    ),
    "output": ({"output": "sofmax"}, "output 'sofmax'", "softmax"),
    "loss": ({"output": "identity", "loss": "hubber"}, "'hubber'", "huber"),
    "loss of another output": (
        {"loss": "huber"},
        "loss for output=\"softmax\" 'huber'",
        "softmax_cross_entropy",
    ),
    "parameter of a loss": (
        {"output": "identity", "loss": "huber(detla=1.0)"},
        "'detla'",
        "delta",
    ),
    "initializer": ({"init": "he_norml"}, "initializer 'he_norml'", "he_normal"),
    "parameter of an initializer": ({"init": "normal(sdt=0.1)"}, "'sdt'", "std"),
    "normalization": ({"normalization": "bacth"}, "normalization 'bacth'", "batch"),
    "normalization without hidden layers": (
        {"sizes": [3, 2], "normalization": "bacth"},
        "normalization 'bacth'",
        "batch",
    ),
    "dtype": ({"dtype": "float23"}, "dtype 'float23'", "float32"),
}


@pytest.mark.parametrize(("arguments", "got", "nearest"), NAMES.values(), ids=NAMES)
def test_unknown_names(arguments: dict[str, Any], got: str, nearest: str, refused: Any) -> None:
    with refused(ValueError, got, f"the nearest is {nearest!r}"):
        mc.MLP(**({"sizes": [3, 5, 4, 2]} | arguments))
