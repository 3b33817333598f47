"""What comes in from outside: checked once, converted once, refused with a clear message."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from mlpcore.backend.devices import Backend
from mlpcore.backend.dispatch import Array
from mlpcore.backend.memory import to_numpy
from mlpcore.functions.class_weights import balanced_class_weight
from mlpcore.network.heads import Head

#: How far probabilities may be from adding up to 1.
LEEWAY = 1e-3


def as_numbers(name: str, values: Any, backend: Backend, dtype: str) -> Array:
    """``values`` as a contiguous array of the backend in ``dtype``, every element finite.

    Raises:
        TypeError: for what is not an array of real numbers.
        ValueError: for NaN or an infinity, also one that arises in the conversion.
    """
    return converted(name, readable(name, values), backend, dtype)


def readable(name: str, values: Any) -> Array:
    """``values`` as an array of real numbers, where nothing is copied that is one already."""
    if not hasattr(values, "__array_namespace__") or isinstance(values, np.ndarray):
        return _host_numbers(name, values)
    return values


def converted(name: str, values: Array, backend: Backend, dtype: str, *, first: int = 0) -> Array:
    """What is `readable`, contiguous and in ``dtype``; its rows are those from ``first`` on."""
    if isinstance(values, np.ndarray):
        with np.errstate(over="ignore"):
            values = np.ascontiguousarray(values, dtype=dtype)
    array = backend.asarray(values, dtype)
    check_finite(name, array, backend, dtype, first=first)
    return array


def check_finite(name: str, array: Array, backend: Backend, dtype: str, *, first: int = 0) -> None:
    """Refuse NaN and infinities; the rows are those from ``first`` on."""
    finite = backend.xp.isfinite(array)
    if bool(backend.xp.all(finite)):
        return
    where = [int(i) for i in np.argwhere(~backend.to_numpy(finite))[0]]
    where[max(len(where) - 2, 0)] += first
    raise ValueError(
        f"got {name} with a value that is NaN, infinite or beyond {dtype} at index "
        f"{tuple(where)}, expected finite numbers; fill or drop such rows first"
    )


def _host_numbers(name: str, values: Any) -> np.ndarray:
    if hasattr(values, "toarray"):
        raise TypeError(f"got a sparse {name}, expected a dense array; call {name}.toarray() first")
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(
            f"got a masked {name}, expected a plain array; fill the masked values first"
        )
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise TypeError(
            f"got {name} that NumPy makes no array of ({error}), expected a rectangular array of "
            "numbers"
        ) from None
    if array.dtype == object:
        with suppress(TypeError, ValueError):
            array = array.astype(np.float64)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"got {name} of dtype {array.dtype}, expected real numbers; encode categories as "
            "numbers first, for example with mlpcore.functions.one_hot"
        )
    return array


def features(
    X: Any, n_features: int, members: int | None, backend: Backend, dtype: str, *, rows: int = 0
) -> Array:
    """``X`` as ``(n, n_features)``, or ``(members, n, n_features)``, of ``rows`` or more."""
    array = readable_features(X, n_features, members)
    if array.shape[-2] < rows:
        raise ValueError(f"got X with {array.shape[-2]} rows, expected at least {rows}")
    return converted("X", array, backend, dtype)


def readable_features(X: Any, n_features: int, members: int | None) -> Array:
    """``X`` with its shape checked, but neither its numbers nor their type."""
    array = readable("X", X)
    shape = tuple(array.shape)
    stacked = members is not None and len(shape) == 3 and shape[0] == members
    if len(shape) != 2 and not stacked:
        raise ValueError(
            f"got X of shape {shape}, expected (n, {n_features})"
            + ("" if members is None else f" or ({members}, n, {n_features})")
            + "; reshape a single example with X.reshape(1, -1)"
        )
    if shape[-1] != n_features:
        raise ValueError(
            f"got X with {shape[-1]} features, expected the {n_features} that the network has as "
            "inputs; check the columns, or build the network with sizes[0] = X.shape[1]"
        )
    return array


def targets(
    y: Any, head: Head, n_out: int, rows: int, members: int | None, backend: Backend, dtype: str
) -> Array:
    """``y`` in the form that the head's loss takes: labels ``(n,)``, or values ``(n, n_out)``."""
    if not hasattr(y, "__array_namespace__"):
        y = _host_numbers("y", y)
    if head.target == "labels" and len(y.shape) < 2:
        return _labels(y, n_out, rows, backend)
    array = as_numbers("y", y, backend, dtype)
    if len(array.shape) == 1 and n_out == 1:
        array = backend.xp.reshape(array, (-1, 1))
    shape = tuple(array.shape)
    own = members is not None and len(shape) == 3 and shape[0] == members
    if shape[-1:] != (n_out,) or len(shape) != (3 if own else 2):
        raise ValueError(
            f"got y of shape {shape}, expected ({rows}, {n_out}), one column an output"
        )
    _same_length("y", shape[-2], rows)
    _within(array, head, backend)
    return array


def _labels(y: Any, n_classes: int, rows: int, backend: Backend) -> Array:
    array = _host_numbers("y", backend.to_numpy(y) if hasattr(y, "__array_namespace__") else y)
    if array.ndim != 1:
        raise ValueError(f"got y of shape {array.shape}, expected ({rows},) integer labels")
    _same_length("y", array.shape[0], rows)
    labels = np.asarray(array, dtype=np.int64) if np.all(np.isfinite(array)) else None
    if labels is None or not np.array_equal(labels, array):
        raise ValueError(
            "got y with labels that are not integers, expected 0 to the number of classes less 1; "
            'for numbers to predict use output="identity"'
        )
    if rows and (labels.min() < 0 or labels.max() >= n_classes):
        raise ValueError(
            f"got y with labels from {labels.min()} to {labels.max()}, expected 0 to "
            f"{n_classes - 1} for {n_classes} outputs; number the classes from 0, or build the "
            "network with sizes[-1] classes"
        )
    return backend.asarray(labels, "int64")


def _within(array: Array, head: Head, backend: Backend) -> None:
    if array.shape[-2] == 0 or head.target == "values":
        return
    low, high = float(backend.xp.min(array)), float(backend.xp.max(array))
    if low < 0 or (high > 1 and head.target != "counts"):
        wanted = "at least 0" if head.target == "counts" else "from 0 to 1"
        raise ValueError(
            f'got y from {low:g} to {high:g}, expected values {wanted} for output="{head.name}"'
        )
    if head.target == "labels":
        sums = backend.xp.sum(array, axis=-1)
        if float(backend.xp.max(backend.xp.abs(sums - 1))) > LEEWAY:
            raise ValueError(
                "got y with rows that do not add up to 1, expected probabilities, or integer "
                "labels of one axis"
            )


def weights(
    sample_weight: Any, rows: int, members: int | None, backend: Backend, dtype: str
) -> Array | None:
    """Sample weights ``(n,)``, or ``(members, n)`` for a stack, non-negative; or ``None``."""
    if sample_weight is None:
        return None
    array = as_numbers("sample_weight", sample_weight, backend, dtype)
    shape = tuple(array.shape)
    if shape != (rows,) and shape != (members, rows):
        stacked = "" if members is None else f" or ({members}, {rows})"
        raise ValueError(f"got sample_weight of shape {shape}, expected ({rows},){stacked}")
    if rows and float(backend.xp.min(array)) < 0:
        raise ValueError("got a negative sample_weight, expected weights of at least 0")
    if rows:
        check_some_weight("sample_weight", array, backend)
    return array


def check_some_weight(name: str, weight: Array, backend: Backend) -> None:
    """Refuse weights ``(..., n)`` that leave a network without a row to learn from."""
    if bool(backend.xp.any(backend.xp.max(weight, axis=-1) == 0)):
        raise ValueError(
            f"got {name} of zeros only, expected at least one positive weight for each network"
        )


def class_weights(class_weight: Any, target: Array, classes: int, head: Head) -> np.ndarray:
    """The weight of each class, ``(classes,)``, from ``"balanced"``, a dict or a sequence.

    A dict may leave classes out; they weigh 1.
    """
    if head.target != "labels":
        raise ValueError(
            f'got class_weight with output="{head.name}", expected output="softmax"; weigh the '
            "rows with sample_weight"
        )
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(f'got class_weight={class_weight!r}, expected "balanced" or a dict')
        return to_numpy(balanced_class_weight(target, classes=classes))
    if isinstance(class_weight, dict):
        unknown = set(class_weight) - set(range(classes))
        if unknown:
            raise ValueError(
                f"got class_weight for {sorted(map(str, unknown))}, expected labels from 0 to "
                f"{classes - 1}"
            )
        class_weight = [class_weight.get(label, 1.0) for label in range(classes)]
    try:
        weights = np.asarray(class_weight, dtype=np.float64)
    except (TypeError, ValueError):
        weights = np.asarray(np.nan)
    if weights.shape != (classes,) or not np.all((weights >= 0) & np.isfinite(weights)):
        raise ValueError(
            f"got class_weight={class_weight}, expected {classes} finite weights of at least 0"
        )
    return weights


def _same_length(name: str, length: int, rows: int) -> None:
    if length != rows:
        raise ValueError(f"got {length} rows in {name} but {rows} in X, expected the same number")
