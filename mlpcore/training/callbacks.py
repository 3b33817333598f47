"""Callbacks: what a user's code sees of a training run, once an epoch."""

from __future__ import annotations

from collections.abc import Callable

from mlpcore.training.history import Epoch

#: Called after every epoch; returning ``True`` ends the training.
Callback = Callable[[Epoch], bool | None]
