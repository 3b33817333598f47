"""What every loss shares: a value for each row, and the weighted mean over the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlpcore.backend.dispatch import Array, Primitive, namespace
from mlpcore.functions.row_shares import apply_shares, row_shares, weighted_mean


class Loss(Primitive):
    """A loss from logits: ``L = sum_i w_i l(z_i, y_i) / sum_i w_i``.

    The body gives the losses of the rows, ``l(z, y) -> (..., n)``; the derivative beneath it gives
    ``dl/dz``, ``(..., n, k)``. A call takes ``(logits, target, sample_weight=None)`` and returns
    the weighted mean, one number per member, ``(...)``.

    The logits carry every leading axis; a target or weights that lack them serve every member.
    Weights ``(..., n)`` are non-negative. A row of weight 0 counts nothing, whatever it holds; a
    member whose weights sum to 0 has loss 0 and gradient 0.

    Attributes:
        rows: the body, the loss of each row.
        labels: whether an integer target holds labels, ``(..., n)``.
        gradient: ``(logits, target, sample_weight) -> dL/dz``.
        value_and_gradient: both in one pass, ``(L, dL/dz)``.
    """

    gradient: Primitive
    value_and_gradient: Primitive

    def __init__(self, rows: Callable[..., Array], *, labels: bool = False):
        def value(z: Array, target: Array, sample_weight: Array = None, **parameters: Any) -> Array:
            self._check(z, target, sample_weight)
            return weighted_mean(rows(z, target, **parameters), sample_weight)

        value.__doc__ = rows.__doc__
        super().__init__(value, name=rows.__name__, shapes=_one_per_member)
        self.__name__ = self.__qualname__ = rows.__name__
        self.__module__ = rows.__module__
        self.rows = rows
        self.labels = labels

    def derivative(self, body: Callable[..., Array]) -> Primitive:
        """Declare ``body(z, target) -> dl/dz`` of each row; use it as a decorator."""

        def gradient(
            z: Array, target: Array, sample_weight: Array = None, **parameters: Any
        ) -> Array:
            self._check(z, target, sample_weight)
            share = row_shares(z[..., 0], sample_weight)
            return apply_shares(share[..., None], body(z, target, **parameters))

        def both(z: Array, target: Array, sample_weight: Array = None, **parameters: Any) -> Any:
            return (
                self.reference(z, target, sample_weight, **parameters),
                gradient(z, target, sample_weight, **parameters),
            )

        gradient.__doc__ = body.__doc__
        gradient.__module__ = body.__module__
        self.gradient = Primitive(gradient, name=f"{self.name}_gradient")
        self.value_and_gradient = Primitive(
            both,
            name=f"{self.name}_value_and_gradient",
            shapes=lambda z, *_: (_one_per_member(z), tuple(z.shape)),
        )
        return self.gradient

    def _check(self, z: Array, target: Array, sample_weight: Array | None) -> None:
        """Refuse what would broadcast to something else than one target and weight a row."""
        whole = tuple(z.shape)
        if self.labels and namespace(target).isdtype(target.dtype, "integral"):
            self._check_end("integer target", target, whole[:-1], least=1)
        else:
            self._check_end("target", target, whole, least=2)
        if sample_weight is not None:
            self._check_end("sample_weight", sample_weight, whole[:-1], least=1)

    def _check_end(self, what: str, array: Array, whole: tuple[int, ...], least: int) -> None:
        shape = tuple(array.shape)
        if len(shape) < least or whole[len(whole) - len(shape) :] != shape:
            raise ValueError(
                f"{self.name} got {what} of shape {shape}, expected {whole} as the logits have it, "
                f"or the last {least} of these axes at least; reshape it"
            )


def _one_per_member(z: Array, *_: Array) -> tuple[int, ...]:
    return tuple(z.shape[:-2])
