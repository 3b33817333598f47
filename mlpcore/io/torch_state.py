"""Parameters as Torch names and orders them, for a plain ``torch.nn.Sequential``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mlpcore.backend.memory import to_numpy
from mlpcore.network import Network
from mlpcore.network.sizes import widest

#: A parameter or statistic of a layer, and what Torch calls it.
NAMES = {
    "weight": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "mean": "running_mean",
    "variance": "running_var",
}
#: What only Torch has: how many batches the running statistics saw. It serves no prediction.
COUNT = "num_batches_tracked"


def torch_state_dict(network: Network) -> dict[str, np.ndarray]:
    """The parameters and running statistics by Torch's names, weights ``(fan_out, fan_in)``.

    They fit a ``torch.nn.Sequential`` that has for each hidden layer ``Linear``, then
    ``BatchNorm1d`` or ``LayerNorm`` where there is normalization, the activation, and ``Dropout``
    where its rate is not 0; and at the end a ``Linear``, which gives the logits. The arrays of a
    stack have its members as their first axis, as ``torch.func.stack_module_state`` makes them.

    Args:
        network: a single network or a stack, on any backend.

    Returns:
        Copies in the host's memory.

    Raises:
        ValueError: for members of widths of their own.

    >>> import mlpcore as mc
    >>> {name: array.shape for name, array in torch_state_dict(mc.MLP([4, 3, 2])).items()}
    {'0.weight': (3, 4), '0.bias': (3,), '2.weight': (2, 3), '2.bias': (2,)}
    """
    state = {}
    for name, view in _views(network):
        state[name] = np.array(to_numpy(view))
        layer, _, kind = name.partition(".")
        if kind == NAMES["variance"]:
            state[f"{layer}.{COUNT}"] = np.zeros(network.identity.seeds.shape, dtype=np.int64)
    return state


def load_torch_state_dict(network: Network, state: Mapping[str, Any]) -> None:
    """Take over what ``state_dict()`` of such a ``torch.nn.Sequential`` gives.

    Args:
        network: of the same layers.
        state: tensors in the host's memory, or arrays, by Torch's names.

    Raises:
        ValueError: for names or shapes that are not this network's.
    """
    views = dict(_views(network))
    expected = {name: tuple(view.shape) for name, view in views.items()}
    got = {name: tuple(a.shape) for name, a in state.items() if not name.endswith(COUNT)}
    if got != expected:
        wrong = sorted(set(got.items()) ^ set(expected.items()))[0][0]
        raise ValueError(
            f"got {wrong} of shape {got.get(wrong)}, expected {expected.get(wrong)}; build the "
            "network with the layers of the Torch module, dropout included"
        )
    for name, view in views.items():
        view[...] = network.backend.asarray(to_numpy(state[name]), network.dtype)


def _views(network: Network) -> Iterator[tuple[str, Any]]:
    """Views into the network's buffers by Torch's names, the weights transposed."""
    if network.sizes != widest(network.sizes):
        raise ValueError(
            f"got widths that differ by member, {network.sizes[1:-1]}, expected one for all, as "
            "Torch's modules have it; take each member by itself, stack[member]"
        )
    transposed = network.backend.xp.matrix_transpose
    kinds = zip(network.values.views, network.statistics.views)
    for layer, (parameters, statistics) in enumerate(kinds):
        for name, view in {**parameters, **statistics}.items():
            yield f"{layer}.{NAMES[name]}", transposed(view) if name == "weight" else view
