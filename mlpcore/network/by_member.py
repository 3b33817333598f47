"""Settings that may differ by member.

A setting is a number or text, and then every member's; a NumPy array, with one value a member; or a
list of such settings, one a layer. Text may also hold lists with one value a member, as in
``"huber(delta=[0.5, 1.0])"``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcore.backend.names import format_spec, parse_spec

#: The most letters that one member's setting may have.
LONGEST_TEXT = 1000


def read(text: str) -> tuple[str, dict[str, Any]]:
    """A name and its parameters; lists come as arrays, one value a member.

    >>> read("huber(delta=[0.5, 1.0])")
    ('huber', {'delta': array([0.5, 1. ])})
    """
    name, parameters = parse_spec(text)
    return name, {
        key: np.asarray(value) if isinstance(value, list) else value
        for key, value in parameters.items()
    }


def check(name: str, setting: Any, members: int | None) -> Any:
    """The setting, if its arrays have one value for each member; one value, where all are alike.

    Raises:
        ValueError: for arrays of another shape.
    """
    if isinstance(setting, list):
        return [check(name, entry, members) for entry in setting]
    if isinstance(setting, str):
        for key, value in read(setting)[1].items():
            _check_shape(key, np.shape(value), members)
        return setting
    _check_shape(name, np.shape(setting), members)
    if np.ndim(setting) and np.asarray(setting).dtype.kind == "U":
        for text in set(setting.tolist()):
            check(name, text, None)
        return setting if np.any(setting != setting[0]) else str(setting[0])
    return setting


def select(setting: Any, members: Any) -> Any:
    """What of a setting belongs to one member, or to an array of several.

    >>> select([0.5, np.array([0.1, 0.2, 0.3])], np.array([2, 0]))
    [0.5, array([0.3, 0.1])]
    >>> select("huber(delta=[0.5, 1.0])", 1)
    'huber(delta=1.0)'
    """
    if isinstance(setting, list):
        return [select(entry, members) for entry in setting]
    if isinstance(setting, str):
        name, parameters = read(setting)
        if not any(np.ndim(value) for value in parameters.values()):
            return setting
        own = {key: select(value, members) for key, value in parameters.items()}
        return format_spec(name, {key: np.asarray(value).tolist() for key, value in own.items()})
    if np.ndim(setting) == 0:
        return setting
    own = np.asarray(setting)[members]
    return own if np.ndim(own) else own.item()


def join(settings: Sequence[Any]) -> Any:
    """The setting of a stack from those of its members.

    >>> join([0.1, 0.2]), join(["relu", "relu"]), join(["elu(alpha=1.0)", "elu(alpha=0.5)"])
    (array([0.1, 0.2]), 'relu', 'elu(alpha=[1.0, 0.5])')
    """
    first = settings[0]
    if all(setting == first for setting in settings):
        return first
    lengths = {len(setting) for setting in settings if isinstance(setting, list)}
    if lengths:
        rows = [s if isinstance(s, list) else [s] * max(lengths) for s in settings]
        return [join(column) for column in zip(*rows, strict=True)]
    return _joined_text(settings) if isinstance(first, str) else np.asarray(settings)


def distinct(*settings: np.ndarray) -> tuple[list[tuple[Any, ...]], np.ndarray]:
    """Each combination that some member has, once; and for each member the place of its own.

    Not with `numpy.unique`, which answers Ctrl-C with a TypeError while it compares rows.

    >>> distinct(np.array([7, 5, 7]), np.array(["relu", "relu", "relu"]))
    ([(7, 'relu'), (5, 'relu')], array([0, 1, 0]))
    """
    once: dict[tuple[Any, ...], int] = {}
    own = zip(*(setting.tolist() for setting in settings), strict=True)
    places = np.array([once.setdefault(entry, len(once)) for entry in own])
    return list(once), places


def _joined_text(texts: Sequence[str]) -> Any:
    """One text with lists where only numbers differ, else an array of texts."""
    names, parameters = zip(*map(parse_spec, texts))
    if len({(name, *own) for name, own in zip(names, parameters)}) > 1:
        return np.asarray(texts)
    joined = {key: join([own[key] for own in parameters]) for key in parameters[0]}
    if any(np.ndim(value) and value.dtype.kind not in "iuf" for value in joined.values()):
        return np.asarray(texts)
    return format_spec(names[0], {key: np.asarray(v).tolist() for key, v in joined.items()})


def plain(setting: Any) -> Any:
    """A setting as JSON can hold it; arrays become ``{"members": [...]}``."""
    if isinstance(setting, np.ndarray):
        return {"members": setting.tolist()}
    if isinstance(setting, np.generic):
        return setting.item()
    if isinstance(setting, (list, tuple, range)):
        return [plain(entry) for entry in setting]
    return setting


def revived(setting: Any) -> Any:
    """The reverse of `plain`; a tuple becomes a list too.

    Raises:
        ValueError: for text so long that an array with as much room for each member bursts.
    """
    values = setting.get("members") if isinstance(setting, dict) else None
    if isinstance(values, list):
        if any(len(value) > LONGEST_TEXT for value in values if isinstance(value, str)):
            raise ValueError(f"got a text of a member of over {LONGEST_TEXT} letters")
        return np.asarray(values)
    if isinstance(setting, (list, tuple)):
        return [revived(entry) for entry in setting]
    return setting


def _check_shape(name: str, shape: tuple[int, ...], members: int | None) -> None:
    if shape not in ((), (members,)):
        raise ValueError(
            f"got {name} with {'x'.join(map(str, shape))} values for members={members}, expected "
            "one value, or an array with one value per member (a list has one value per layer)"
        )
