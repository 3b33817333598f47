"""What a network is before it has parameters: the constructor's arguments, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

import numpy as np

from mlpcore.backend.checks import at_least_0, fractions, whole_number
from mlpcore.backend.names import choose, defaults, format_spec, parse_spec
from mlpcore.functions.initializers import initializer
from mlpcore.network import by_member
from mlpcore.network.draws import Identity
from mlpcore.network.heads import HEADS, Head
from mlpcore.network.sizes import checked_sizes, widest

DTYPES = {"float32": "float32", "float64": "float64"}
#: What the members of a stack share.
SHARED = ("output", "normalization", "dtype")
#: What may differ by member.
OWN = ("activation", "loss", "init", "init_scale", "dropout", "label_smoothing")


@dataclass(frozen=True, eq=False, kw_only=True)
class Configuration:
    """All that defines a network but its backend and its values; see `mlpcore.MLP`.

    Values that may differ by member are as `mlpcore.network.by_member` has them.
    """

    sizes: Sequence[Any]
    activation: Any
    output: str
    loss: str
    init: Any
    init_scale: Any = 1.0  # which models of older versions lack
    normalization: str | None
    dropout: Any
    label_smoothing: Any
    members: int | None
    dtype: str
    seed: Any

    def __post_init__(self) -> None:
        members = None if self.members is None else whole_number("members", self.members)
        head = choose("output", self.output, HEADS)
        own = {name: by_member.revived(getattr(self, name)) for name in OWN}
        if np.ndim(own["loss"]):
            own["loss"] = _one_loss(own["loss"], head)
        own["init_scale"] = at_least_0("init_scale", own["init_scale"])
        own["label_smoothing"] = _checked_smoothing(own["label_smoothing"], self.output)
        checked = {
            "sizes": checked_sizes(self.sizes, members),
            "members": members,
            "dtype": choose("dtype", self.dtype, DTYPES),
            **{name: by_member.check(name, value, members) for name, value in own.items()},
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        for text in np.unique(self.init) if isinstance(self.init, np.ndarray) else (self.init,):
            initializer(text)
        if self.normalization == "layer" and self.sizes != widest(self.sizes):
            raise ValueError(
                f'got normalization="layer" with widths that differ by member, {self.sizes[1:-1]}, '
                'expected one width for all members; use normalization="batch", or a stack of '
                "those of one width"
            )

    @property
    def depth(self) -> int:
        """How many affine layers there are."""
        return len(self.sizes) - 1

    @property
    def weights(self) -> int:
        """How many numbers the weight matrices hold, all members together."""
        sizes = widest(self.sizes)
        return (self.members or 1) * sum(a * b for a, b in pairwise(sizes))

    @property
    def kinds(self) -> list[np.ndarray]:
        """The members in groups that have the same widths, activations and initializer."""
        settings = (*self.sizes, *_entries(self.activation), self.init)
        mixed = [np.asarray(setting) for setting in settings if np.ndim(setting)]
        if not mixed:
            return [np.arange(self.members or 1)]
        once, kind = by_member.distinct(*mixed)
        return [np.flatnonzero(kind == number) for number in range(len(once))]

    @cached_property
    def identity(self) -> Identity:
        """Who the network is to the random generator."""
        return Identity.of(self.seed, self.members)

    def select(self, members: Any) -> Self:
        """The configuration of one member of a stack, or of the stack of several."""
        own = {name: by_member.select(getattr(self, name), members) for name in OWN}
        return replace(
            self,
            sizes=by_member.select(list(self.sizes), members),
            members=np.size(members) if np.ndim(members) else None,
            seed=self.identity[members].seed,
            **own,
        )

    @classmethod
    def join(cls, configurations: Sequence[Self]) -> Self:
        """The configuration of the stack of these networks, one after the other.

        Raises:
            ValueError: for networks that cannot be members of one stack.
        """
        singles = [one for each in configurations for one in each.singles()]
        for name in (*SHARED, "depth"):
            values = [getattr(one, name) for one in singles]
            if len(set(values)) > 1:
                different = sorted(map(str, set(values)))
                raise ValueError(
                    f"got networks of {name} {' and '.join(different)}, expected one {name} for "
                    "all members of a stack"
                )
        own = {name: by_member.join([getattr(one, name) for one in singles]) for name in OWN}
        return replace(
            singles[0],
            sizes=by_member.join([list(one.sizes) for one in singles]),
            members=len(singles),
            seed=[one.identity.seed for one in singles],
            **own,
        )

    def singles(self) -> list[Self]:
        """The configuration of each member as a network of its own."""
        return [self] if self.members is None else [self.select(e) for e in range(self.members)]

    def as_json(self) -> dict[str, Any]:
        """The arguments as JSON can hold them; arrays become ``{"members": [...]}``."""
        return {field.name: by_member.plain(getattr(self, field.name)) for field in fields(self)}


def _one_loss(texts: Sequence[str], head: Head) -> Any:
    """The members' losses as one text: what one of them leaves out is the default.

    Raises:
        ValueError: for different losses.
    """
    pairs = [parse_spec(str(text)) for text in texts]
    given = {key for _, own in pairs for key in own}
    written = []
    for name, own in pairs:
        loss = head.loss(name)
        usual = {key: value for key, value in defaults(loss.rows).items() if key in given}
        written.append(format_spec(loss.name, usual | own))
    joined = by_member.join(written)
    if np.ndim(joined):
        raise ValueError(
            f"got losses {' and '.join(map(str, texts))}, expected one for all members; its "
            'parameters may differ, as in "huber(delta=[0.5, 1.0])"'
        )
    return joined


def _checked_smoothing(value: Any, output: str) -> Any:
    if output != "softmax" and np.any(np.asarray(value) != 0):
        raise ValueError(f'got label_smoothing with output="{output}", expected output="softmax"')
    return fractions("label_smoothing", value)


def _entries(setting: Any) -> list[Any]:
    return setting if isinstance(setting, list) else [setting]
