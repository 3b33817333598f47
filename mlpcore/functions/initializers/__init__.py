"""Initial weights of a layer."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np

from mlpcore.backend.names import check_parameters, choose, defaults, parse_spec
from mlpcore.functions.initializers.auto import auto
from mlpcore.functions.initializers.constant import constant
from mlpcore.functions.initializers.glorot import glorot_normal, glorot_uniform
from mlpcore.functions.initializers.he import he_normal, he_uniform
from mlpcore.functions.initializers.lecun import lecun_normal, lecun_uniform
from mlpcore.functions.initializers.normal import normal
from mlpcore.functions.initializers.orthogonal import orthogonal
from mlpcore.functions.initializers.scaled import Draw, Initializer
from mlpcore.functions.initializers.uniform import uniform
from mlpcore.functions.initializers.zeros import zeros

#: Every initializer by its name.
INITIALIZERS: dict[str, Initializer] = {
    "zeros": zeros,
    "constant": constant,
    "normal": normal,
    "uniform": uniform,
    "lecun_normal": lecun_normal,
    "lecun_uniform": lecun_uniform,
    "glorot_normal": glorot_normal,
    "glorot_uniform": glorot_uniform,
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "orthogonal": orthogonal,
}


def initializer(spec: str, activation: str = "identity", **parameters: Any) -> Initializer:
    """Return the initializer that a string such as ``"normal(std=0.1)"`` describes.

    Args:
        spec: a name, with parameters in brackets where wanted, or ``"auto"``. A list as a parameter
            has one value per member.
        activation: the name of the activation behind the weights, for ``"auto"``.
        parameters: the activation's parameters, likewise.

    Raises:
        ValueError: for an unknown name or parameter; the message lists the known ones.

    >>> initializer("normal(std=0.1)").keywords
    {'std': 0.1}
    >>> initializer("auto", activation="relu").func.__name__
    'he_normal'
    """
    name, literals = parse_spec(spec)
    own = {key: np.asarray(v) if isinstance(v, list) else v for key, v in literals.items()}
    known = {"auto": auto(activation, **parameters), **INITIALIZERS}
    chosen = choose("initializer", name, known)
    check_parameters(name, chosen, own)
    for key, value in defaults(chosen).items():
        if value is inspect.Parameter.empty and key not in own:
            raise ValueError(
                f'got initializer {spec!r} without {key}, expected for example "{name}({key}=0.1)"'
            )
    return functools.partial(chosen, **own)


__all__ = [
    "INITIALIZERS",
    "Draw",
    "Initializer",
    "auto",
    "constant",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "initializer",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "orthogonal",
    "uniform",
    "zeros",
]
