"""What the tests of training share: the loop by hand, and a recorder that is plain Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.backend.devices import Backend
from mlpcore.backend.dispatch import Primitive, results
from mlpcore.backend.random import permutation
from mlpcore.backend.workspace import Recording, Symbol


@pytest.fixture
def steps_by_hand() -> Callable[..., Iterator[tuple[float, float, np.ndarray]]]:
    """``steps_by_hand(net, optimizer, X, y, batch_size)``: train without the library's loop."""
    return _steps_by_hand


def _steps_by_hand(
    net: mc.MLP,
    optimizer: Any,
    X: np.ndarray,
    y: np.ndarray,
    batch_size: int,
    *,
    shuffle: bool = True,
    sample_weight: np.ndarray | None = None,
    seed: int = 0,
) -> Iterator[tuple[float, float, np.ndarray]]:
    """Train a single network with its gradients and the optimizer's rule, and nothing else.

    Yields:
        After each step the loss before it, the norm of its gradient, and its rows.
    """
    mask = net.layout.mask(("weight",))
    state = [np.zeros(net.parameters.shape) for _ in range(optimizer.rule.states)]
    rows, starts = np.arange(len(X)), range(0, len(X), batch_size)
    count = epoch = 0
    while True:
        order = permutation(rows, seed=seed, epoch=epoch) if shuffle else rows
        for step, start in enumerate(starts):
            rate = optimizer.schedule(epoch + step / len(starts))
            count += 1
            batch = order[start : start + batch_size]
            weight = None if sample_weight is None else sample_weight[batch]
            loss, g = net.loss_and_gradients(X[batch], y[batch], sample_weight=weight, step=count)
            ready = g.flat + optimizer.l2 * mask * net.parameters
            if optimizer.clip_value is not None:
                ready = np.clip(ready, -optimizer.clip_value, optimizer.clip_value)
            net.parameters[...], *state = optimizer.rule(
                net.parameters,
                g.flat,
                mask,
                np.asarray(np.linalg.norm(ready)),
                *state,
                learning_rate=rate,
                step=count,
                **optimizer.common,
                **optimizer.hyperparameters,
            )
            yield float(loss), float(np.linalg.norm(g.flat)), batch
        epoch += 1


@pytest.fixture
def tape() -> type[Tape]:
    """A plan in Python."""
    return Tape


@pytest.fixture
def on_tape() -> Callable[[mc.MLP], mc.MLP]:
    """``on_tape(net)``: the same network, whose steps are recorded on tape."""
    return _on_tape


@pytest.fixture
def replayed(request: pytest.FixtureRequest) -> Callable[[mc.MLP], mc.MLP]:
    """``replayed(net)``: the same network, whose steps ``"kernels"`` or a ``"tape"`` replays.

    A test names which of them by indirect parameters.
    """
    if request.param == "tape":
        return _on_tape
    if not mc.MLP([1, 1]).backend.records:
        pytest.skip("no compiled kernels to replay a recording")
    return lambda net: net


class Tape(Recording):
    """A plan in Python: it keeps the calls, and replays them through the primitives' bodies."""

    def __init__(self, stacked: bool) -> None:
        self.stacked = stacked
        self.calls: list[tuple[Primitive | None, tuple[Any, ...], list[Any], dict[str, Any]]] = []
        self.finished = False

    def record(
        self, primitive: Primitive, arrays: tuple[Any, ...], out: Any, parameters: dict[str, Any]
    ) -> Any:
        assert not self.finished
        places, returned = results(primitive, arrays, out, self._allocate)
        self.calls.append((primitive, arrays, places, parameters))
        return returned

    def _note(self, name: str, inputs: Any, outputs: Any, parameters: dict[str, Any]) -> None:
        self.calls.append((None, inputs, outputs, parameters))

    def _allocate(self, shape: tuple[int, ...], dtype: Any) -> Symbol:
        # A body that read what it shall write would carry the NaN on.
        filler = np.nan if np.dtype(dtype).kind == "f" else -1
        return Symbol(np.full(shape, filler, dtype=dtype), self)

    def stop_if_not_finite(self, loss: Symbol) -> None:
        self._note("stop_if_not_finite", (loss,), [], {})

    def finish(self) -> None:
        self.finished = True

    def run(self, first: int, last: int, active: np.ndarray | None = None) -> np.ndarray:
        assert self.finished
        if active is None:
            # Nobody rests; how many there are is seen in what the calls write.
            written = [place.array for _, _, places, _ in self.calls for place in places]
            members = max((a.shape[0] for a in written if a.ndim), default=1) if self.stacked else 1
            active = np.ones(members, dtype=bool)
        active = active.copy()
        stopped = np.full(active.shape, -1)
        for step in range(first, last):
            for primitive, arrays, places, parameters in self.calls:
                inputs = [at(array, step) for array in arrays]
                if primitive is None:
                    failed = active & ~np.isfinite(np.atleast_1d(inputs[0]))
                    stopped[failed] = step
                    active &= ~failed
                    continue
                values = primitive.reference(
                    *inputs, **{name: at(value, step) for name, value in parameters.items()}
                )
                for place, value in zip(
                    places, values if isinstance(values, tuple) else (values,), strict=True
                ):
                    target = at(place, step)
                    assert target.shape == np.shape(value), primitive
                    assert target.dtype == np.asarray(value).dtype, primitive
                    if self.stacked and target.ndim:
                        target[active] = value[active]
                    elif active[0]:
                        target[...] = value
        return stopped


def at(value: Any, step: int) -> Any:
    """What a call sees of a symbol in this step; anything else is as it was recorded."""
    if not isinstance(value, Symbol):
        return value
    interface = dict(value.array.__array_interface__)
    pointer, readonly = interface["data"]
    interface["data"] = (pointer + step * value.stride, readonly)
    interface["strides"] = value.array.strides
    return np.asarray(SimpleNamespace(__array_interface__=interface, owner=value.array))


@dataclass(frozen=True)
class TapeBackend(Backend):
    """The CPU with plans of tape."""

    stacked: bool = False

    @property
    def records(self) -> bool:
        return True

    def plan(self, steps: int = 1) -> Tape:
        return Tape(self.stacked)


def _on_tape(net: mc.MLP) -> mc.MLP:
    """The same network, whose steps are recorded on tape."""
    own = {field.name: getattr(net.backend, field.name) for field in fields(Backend)}
    net.backend = TapeBackend(**own, stacked=net.members is not None)
    return net
