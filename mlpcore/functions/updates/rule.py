"""What every update shares: the gradient made ready, the direction, and the step along it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlpcore.backend.dispatch import Array, Primitive
from mlpcore.functions.shapes import per_member
from mlpcore.functions.updates.clipping import clip_by_norm, made_ready
from mlpcore.functions.updates.penalty import l2_gradient


class UpdateRule(Primitive):
    """An update of the flat parameters, ``theta <- theta - learning_rate d``.

    The body gives the direction: ``d, *state = rule(g, *state, step=t, **hyperparameters)``, where
    ``g`` is the gradient made ready: the L2 penalty's gradient added, clipped by value, then by
    norm. Weight decay is decoupled from all that: it adds ``weight_decay theta`` to the finished
    ``d``. Both penalties act on weights only. Hyperparameters come as they were given, and a body
    makes them ready with `per_member` last: what is computed from them alone is then computed in
    float64, as from a number.

    A call takes ``(theta, g, mask, norm, *state)`` and returns ``(theta, *state)``, in place where
    ``out=`` says so:

    * ``theta``, ``g``, each state: ``(..., P)``.
    * ``mask``: ``(P,)``, 1 where a parameter is a weight and else 0, or ``None`` for all ones.
    * ``norm``: ``(...)``, `gradient_norm` of the same gradient, needed for ``clip_norm`` only.
    * ``learning_rate``, ``l2``, ``weight_decay``, ``clip_value``, ``clip_norm`` and the rule's own
      hyperparameters: a number each, or an array ``(...)`` with one value per member. No clipping
      is ``None``, or infinity for a single member.
    * ``step``: the number of this update, from 1.

    Attributes:
        direction: the body.
        states: how many arrays of state the rule keeps, all zero at the start.
    """

    def __init__(self, direction: Callable[..., tuple[Array, ...]], *, states: int):
        def update(
            theta: Array,
            g: Array,
            mask: Array | None = None,
            norm: Array | None = None,
            *state: Array,
            learning_rate: Any,
            step: Any = 1,
            l2: Any = 0.0,
            weight_decay: Any = 0.0,
            clip_value: Any = None,
            clip_norm: Any = None,
            **hyperparameters: Any,
        ) -> tuple[Array, ...]:
            g = made_ready(g, theta, mask, l2=l2, clip_value=clip_value)
            if norm is not None and clip_norm is not None:
                g = clip_by_norm(g, norm[..., None], limit=per_member(clip_norm, g, axes=1))
            d, *state_after = direction(g, *state, step=step, **hyperparameters)
            d = l2_gradient(d, theta, mask, l2=per_member(weight_decay, g, axes=1))
            return (theta - per_member(learning_rate, g, axes=1) * d, *state_after)

        update.__doc__ = direction.__doc__
        super().__init__(
            update,
            name=direction.__name__,
            shapes=lambda theta, g, mask=None, norm=None, *state: (
                (tuple(theta.shape),) * (1 + len(state))
            ),
        )
        self.__name__ = self.__qualname__ = direction.__name__
        self.__module__ = direction.__module__
        self.direction = direction
        self.states = states


def update_rule(*, states: int) -> Callable[[Callable[..., tuple[Array, ...]]], UpdateRule]:
    """Declare the direction of an update rule; use it as a decorator."""
    return lambda direction: UpdateRule(direction, states=states)
