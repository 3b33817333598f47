"""What comes in from outside: checked once, converted once, refused with a clear message."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np

from mlpcore.backend.devices import Backend
from mlpcore.backend.dispatch import Array
from mlpcore.backend.memory import to_numpy
from mlpcore.functions.class_weights import balanced_class_weight
from mlpcore.network.arrays import (
    check_piece_by_piece,
    converted,
    finite_numbers,
    host_numbers,
    readable,
)
from mlpcore.network.heads import Head

#: How far probabilities may be from adding up to 1.
LEEWAY = 1e-3


def features(
    X: Any,
    n_features: int,
    members: int | None,
    backend: Backend,
    dtype: str,
    *,
    rows: int = 0,
    stream: bool | None = False,
) -> Array:
    """``X`` as ``(n, n_features)``, or ``(members, n, n_features)``, of ``rows`` or more.

    With ``stream``, or with ``None`` where the device has no room, it is checked but not converted.
    """
    array = readable_features(X, n_features, members, backend)
    if array.shape[-2] < rows:
        raise ValueError(f"got X with {array.shape[-2]} rows, expected at least {rows}")
    elsewhere = isinstance(array, np.ndarray) and not backend.holds(array) and backend.xp is not np
    if stream and not elsewhere:
        raise ValueError(
            f"got stream=True with X that is on {backend.name} already, expected an array of the "
            "host and a network on a GPU; leave stream out"
        )
    if stream is None and elsewhere:
        stream = not backend.has_room(array.size * np.dtype(dtype).itemsize)
    if not stream:
        return converted("X", array, backend, dtype)
    check_piece_by_piece("X", array, dtype)
    return array


def readable_features(X: Any, n_features: int, members: int | None, backend: Backend) -> Array:
    """``X`` with its shape checked, but neither its numbers nor their precision."""
    array = readable("X", X, backend)
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
    y = readable("y", y, backend)
    if head.target == "labels" and len(y.shape) < 2:
        return _labels(y, n_out, rows, backend)
    array = finite_numbers("y", y, backend, dtype)
    if len(array.shape) == 1 and n_out == 1:
        array = backend.xp.reshape(array, (-1, 1))
    shape = tuple(array.shape)
    own = members is not None and len(shape) == 3 and shape[0] == members
    if shape[-1:] != (n_out,) or len(shape) != (3 if own else 2):
        raise ValueError(
            f"got y of shape {shape}, expected ({rows}, {n_out}), one column an output"
            + ("; flatten a column of labels with y.ravel()" if shape[1:] == (1,) else "")
        )
    _same_length("y", shape[-2], rows)
    _within(array, head, backend)
    return array


def _labels(y: Array, n_classes: int, rows: int, backend: Backend) -> Array:
    array = backend.to_numpy(y)
    if array.ndim != 1:
        raise ValueError(f"got y of shape {array.shape}, expected ({rows},) integer labels")
    _same_length("y", array.shape[0], rows)
    if not np.all(np.isfinite(array) & (array == np.trunc(array))):
        raise ValueError(
            "got y with labels that are not integers, expected 0 to the number of classes less 1; "
            'for numbers to predict use output="identity"'
        )
    if rows and (array.min() < 0 or array.max() >= n_classes):
        raise ValueError(
            f"got y with labels from {int(array.min())} to {int(array.max())}, expected 0 to "
            f"{n_classes - 1} for {n_classes} outputs; number the classes from 0, or build the "
            "network with sizes[-1] classes"
        )
    return backend.asarray(array.astype(np.int64), "int64")


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
    array = finite_numbers("sample_weight", sample_weight, backend, dtype)
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
    """Refuse weights ``(..., n)`` of which a network can take no mean: all 0, or too large."""
    with np.errstate(over="ignore"):
        total = backend.xp.sum(weight, axis=-1)
    if bool(backend.xp.any(total == 0)):
        raise ValueError(
            f"got {name} of zeros only, expected at least one positive weight for each network"
        )
    if not bool(backend.xp.all(backend.xp.isfinite(total))):
        raise ValueError(
            f"got {name} that add up beyond {weight.dtype}, expected a finite sum; divide them by "
            "a constant"
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
        weights = host_numbers("class_weight", class_weight).astype(np.float64)
    except TypeError:
        weights = np.asarray(np.nan)
    if weights.shape != (classes,) or not np.all((weights >= 0) & np.isfinite(weights)):
        raise ValueError(
            f"got class_weight={reprlib.repr(class_weight)}, expected {classes} finite weights of "
            "at least 0"
        )
    return weights


def check_outputs(outputs: Array, backend: Backend, dtype: str) -> None:
    """Refuse examples that every network's outputs ``(..., n, k)`` are NaN or infinite for.

    A member of a stack that fails where others do not has itself to blame, not the examples.
    """
    finite = backend.xp.isfinite(outputs)
    if bool(backend.xp.all(finite)):
        return
    rows = np.atleast_2d(backend.to_numpy(finite).all(axis=-1))
    fine = np.logical_or.reduce(rows, axis=0)
    if not np.all(fine):
        narrow, wide = _ranges(backend, dtype)
        raise ValueError(
            f"got X with outputs that are NaN or infinite in {narrow}, first in row "
            f"{int(np.argmin(fine))}, expected numbers of a size that the network can compute "
            f"with; scale X, or use {wide}"
        )


def check_loss(loss: Array, backend: Backend, dtype: str) -> None:
    """Refuse examples that every network's loss ``(...)`` is NaN or infinite for."""
    if not bool(backend.xp.any(backend.xp.isfinite(loss))):
        narrow, wide = _ranges(backend, dtype)
        raise ValueError(
            f"got X and y with a loss that is NaN or infinite in {narrow}, expected numbers of a "
            f"size that the network can compute with; scale them, or use {wide}"
        )


def _ranges(backend: Backend, dtype: str) -> tuple[str, str]:
    """The type whose range numbers have to fit, and what has a larger one.

    Of the types that products may be in, float16 alone has a smaller range than float32.
    """
    if backend.precision == "float16":
        return "float16", 'precision="float32"'
    return dtype, 'dtype="float64"'


def _same_length(name: str, length: int, rows: int) -> None:
    if length != rows:
        raise ValueError(f"got {length} rows in {name} but {rows} in X, expected the same number")
