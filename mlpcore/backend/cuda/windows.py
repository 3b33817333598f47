"""What changes from step to step: laid out on the host, mirrored on the device for some steps."""

from __future__ import annotations

from typing import Any

import numpy as np


class Window:
    """An array of the host that lies ``stride`` bytes further in each next step.

    Attributes:
        written: whether the device writes it, else it reads it.
        mirror: ``(steps, ...)`` on the device, what the steps of a replay see one after another.
        nbytes: of one step.
    """

    mirror: Any
    _staged: np.ndarray

    def __init__(self, host: np.ndarray, stride: int):
        self.host, self.stride = host, stride
        self.written = False
        self.nbytes = host.nbytes

    def allocate(self, xp: Any, steps: int) -> None:
        """Make room for so many steps on the device; zeros, so that every row number is valid."""
        self.mirror = xp.zeros((steps, *self.host.shape), dtype=self.host.dtype)

    def upload(self, first: int, last: int) -> None:
        """Copy what steps ``first`` to ``last - 1`` read."""
        self._staged = np.ascontiguousarray(self._of_host(first, last))  # until it has been copied
        self.mirror[: last - first].set(self._staged)

    def download(self, first: int, last: int, ran: np.ndarray) -> None:
        """Copy what steps wrote, for the members that ran them, ``(steps, E)``."""
        here = self._of_host(first, last)
        ran = ran.reshape(here.shape)
        here[ran] = self.mirror[: last - first].get()[ran]

    def _of_host(self, first: int, last: int) -> np.ndarray:
        steps = np.lib.stride_tricks.as_strided(
            self.host, (last, *self.host.shape), (self.stride, *self.host.strides)
        )
        return steps[first:]
