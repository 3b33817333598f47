"""What every layer is: a forward, its backward, and the parameters that it owns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from mlpcore.backend.dispatch import Array

Shapes = Mapping[str, tuple[int, ...]]
Views = Mapping[str, Array]


@dataclass(frozen=True)
class Pass:
    """What one pass through the network knows besides its arrays.

    Attributes:
        training: dropout drops and batch normalization uses the batch's own statistics.
        draws: the keys of the random draws, ``seed`` and ``member``: numbers, or one per member.
        step: the number of the update that this pass belongs to; each has draws of its own.
    """

    training: bool = False
    draws: Mapping[str, Any] = field(default_factory=dict)
    step: Any = 0


class Layer(ABC):
    """A forward paired with its backward.

    Attributes:
        parameters: name and shape of each learned parameter, leading axes left out.
        statistics: name and shape of each running statistic, learned by no gradient.
    """

    parameters: Shapes = MappingProxyType({})
    statistics: Shapes = MappingProxyType({})

    @abstractmethod
    def forward(self, x: Array, p: Views, s: Views, run: Pass) -> tuple[Array, Any]:
        """``(..., n, fan_in) -> (..., n, fan_out)``, and what the backward will need."""

    @abstractmethod
    def backward(self, dy: Array, saved: Any, p: Views, g: Views, run: Pass) -> Array:
        """From ``dL/dy`` to ``dL/dx``; the parameters' gradients are written into ``g``."""

    def settle(self, saved: Any, s: Views) -> None:  # noqa: B027 (most layers keep no statistics)
        """Take the batch into the running statistics, once its loss proved finite."""
