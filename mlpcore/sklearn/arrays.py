"""Whose arrays come in: the network gets them where it computes, results go back to their kind."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import get_config

from mlpcore.backend.devices import CUDA, Backend
from mlpcore.backend.devices import backend as find_backend
from mlpcore.backend.memory import to_numpy
from mlpcore.backend.namespaces import Array, Namespace, namespace


@dataclass(frozen=True, eq=False)
class Home:
    """Where arrays live: NumPy's, or in scikit-learn's array-API mode any library's and device's.

    Attributes:
        xp: the namespace.
        device: where the arrays lie, or ``None`` for the namespace's default.
    """

    xp: Namespace
    device: Any = None

    @classmethod
    def of(cls, X: Any) -> Home:
        """The home of ``X``; outside that mode, and for what is no array, it is NumPy's."""
        if get_config()["array_api_dispatch"]:
            try:
                return cls(namespace(X), getattr(X, "device", None))
            except TypeError:
                pass
        return HOST

    @property
    def is_host(self) -> bool:
        """Whether the arrays are NumPy's."""
        return bool(self.xp.__name__ == "numpy")

    def meets(self, other: Home) -> bool:
        """Whether both are the same place."""
        somewhere = self.is_host or None in (self.device, other.device)
        return bool(
            self.xp.__name__ == other.xp.__name__ and (somewhere or self.device == other.device)
        )

    def bring(self, array: Array) -> Array:
        """Any library's array as one of this home; strings stay NumPy's, no other has them."""
        if self.is_host:
            return array if isinstance(array, np.ndarray) else to_numpy(array)
        if not isinstance(array, np.ndarray) and namespace(array) is self.xp:
            return array
        host = to_numpy(array)
        return self.xp.asarray(host, device=self.device) if host.dtype.kind in "biuf" else host

    def __reduce__(self) -> Any:
        return _home, (self.xp.__name__,)


#: NumPy's arrays.
HOST = Home(np)


def on_host(values: Any) -> Any:
    """Another library's array as NumPy's, in scikit-learn's array-API mode; all else as it is."""
    return values if Home.of(values).is_host else to_numpy(values)


def backend_for(X: Array, wanted: Any) -> Backend:
    """The backend by name; for ``None`` the one where ``X`` lies."""
    if wanted is not None:
        return find_backend(wanted)
    kind, number = X.__dlpack_device__() if hasattr(X, "__dlpack_device__") else (0, 0)
    return find_backend(f"gpu:{number}" if kind == CUDA else "cpu")


def carry(X: Array, backend: Backend) -> Array:
    """``X`` as the backend takes it, without a copy where the memory is shared already."""
    X = backend.adopted(X)
    own = isinstance(X, np.ndarray) or namespace(X) is backend.xp
    return X if own else to_numpy(X)


def _home(name: str) -> Home:
    return Home(importlib.import_module(name))
