"""Gradients of whole networks against the same network in Torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.functions import activations
from mlpcore.functions.dropout import dropout
from mlpcore.network.heads import HEADS
from networks import (
    LABELS,
    MEMBERS,
    RATES,
    ROWS,
    SMOOTHINGS,
    TARGETS,
    either,
    features,
    of_member,
    sample_weights,
    scrambled,
    torch_on_one_thread,
)

pytestmark = pytest.mark.filterwarnings("error")

#: Each activation as Torch computes it: `f(torch.nn.functional, z)`.
TORCH_ACTIVATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "identity": lambda F, z: z,
    "linear": lambda F, z: z,
    "step": lambda F, z: (z >= 0).to(z.dtype),
    "sigmoid": lambda F, z: z.sigmoid(),
    "logistic": lambda F, z: z.sigmoid(),
    "tanh": lambda F, z: z.tanh(),
    "relu": lambda F, z: F.relu(z),
    "leaky_relu": lambda F, z: F.leaky_relu(z, 0.01),
    "leaky_relu(negative_slope=0.2)": lambda F, z: F.leaky_relu(z, 0.2),
    "elu": lambda F, z: F.elu(z),
    "elu(alpha=0.5)": lambda F, z: F.elu(z, 0.5),
    "selu": lambda F, z: F.selu(z),
    "gelu": lambda F, z: F.gelu(z),
    "gelu(approximate='tanh')": lambda F, z: F.gelu(z, approximate="tanh"),
    "silu": lambda F, z: F.silu(z),
    "swish": lambda F, z: F.silu(z),
    "mish": lambda F, z: F.mish(z),
    "softplus": lambda F, z: F.softplus(z, threshold=1e3),
    # Torch's own has a gradient with 1/6 rounded to float32.
    "hard_sigmoid": lambda F, z: F.hardtanh(z / 6 + 0.5, 0.0, 1.0),
    "hard_tanh": lambda F, z: F.hardtanh(z),
    "exponential": lambda F, z: z.exp(),
}

#: Each loss as Torch computes it, the loss of each row: `f(torch.nn.functional, z, y, smoothing)`.
TORCH_LOSSES: dict[str, Callable[[Any, Any, Any, float], Any]] = {
    "softmax_cross_entropy": lambda F, z, y, s: F.cross_entropy(
        z, y, reduction="none", label_smoothing=s
    ),
    "sigmoid_binary_cross_entropy": lambda F, z, y, s: F.binary_cross_entropy_with_logits(
        z, y, reduction="none"
    ).sum(-1),
    "squared_error": lambda F, z, y, s: ((z - y) ** 2).sum(-1) / 2,
    "absolute_error": lambda F, z, y, s: (z - y).abs().sum(-1),
    "huber": lambda F, z, y, s: F.huber_loss(z, y, reduction="none").sum(-1),
    "huber(delta=0.3)": lambda F, z, y, s: F.huber_loss(z, y, reduction="none", delta=0.3).sum(-1),
    "poisson_nll": lambda F, z, y, s: F.poisson_nll_loss(z, y, reduction="none").sum(-1),
}

#: Every output with every loss that it takes, and the kind of target.
HEAD_CASES = [
    ("softmax", "softmax_cross_entropy", "labels"),
    ("softmax", "softmax_cross_entropy", "probabilities"),
    ("sigmoid", "sigmoid_binary_cross_entropy", "shares"),
    ("identity", "squared_error", "values"),
    ("identity", "absolute_error", "values"),
    ("identity", "huber", "values"),
    ("identity", "huber(delta=0.3)", "values"),
    ("exponential", "poisson_nll", "counts"),
]


def torch_logits(net: mc.MLP, p: dict[str, list[Any]], x: Any, masks: list[Any]) -> Any:
    """Forward in training, from Torch parameters by kind and a mask for each dropout layer."""
    from torch.nn import functional as F

    a = x
    names = net.settings.activation
    hidden = len(net.sizes) - 2
    for i, name in enumerate([names] * hidden if isinstance(names, str) else names):
        z = a @ p["weights"][i] + p["biases"][i]
        if net.settings.normalization == "batch":
            z = F.batch_norm(z, None, None, p["gammas"][i], p["betas"][i], training=True)
        if net.settings.normalization == "layer":
            z = F.layer_norm(z, z.shape[-1:], p["gammas"][i], p["betas"][i])
        a = TORCH_ACTIVATIONS[name](F, z)
        a = a * masks[i] if masks else a
    return a @ p["weights"][-1] + p["biases"][-1]


def torch_masks(net: mc.MLP, member: int | None, step: int) -> list[Any]:
    """What dropout multiplies each hidden layer with."""
    import torch

    masks = []
    for layer, units in enumerate(net.sizes[1:-1]):
        rate = of_member(net.settings.dropout, member, axes=0)
        ones = np.ones((ROWS, units))
        keys = {"seed": 0, "member": member or 0, "step": step, "layer": layer}
        masks.append(torch.tensor(dropout.reference(ones, rate=rate, **keys)))
    return masks


def assert_agrees_with_torch(
    net: mc.MLP,
    X: np.ndarray,
    y: np.ndarray,
    *,
    sample_weight: Any = None,
    class_weight: Any = None,
    row_weight: Any = None,
    step: int = 0,
) -> None:
    """Compare loss and gradients of each member with Torch's autograd.

    `row_weight` is what sample and class weights shall come to, `(n,)` or `(E, n)`.
    """
    torch = torch_on_one_thread()
    from torch.nn import functional as F

    loss, g = net.loss_and_gradients(
        X, y, sample_weight=sample_weight, class_weight=class_weight, step=step
    )
    for member in [None] if net.members is None else range(net.members):
        named = {kind: getattr(net, kind) for kind in ("weights", "biases")}
        named |= {kind: getattr(net.values, kind) for kind in ("gammas", "betas")}
        p = {
            kind: [
                torch.tensor(view if member is None else view[member], requires_grad=True)
                for view in views
            ]
            for kind, views in named.items()
        }
        x = torch.tensor(of_member(X, member, axes=2))
        target = torch.tensor(of_member(y, member, axes=2))
        masks = torch_masks(net, member, step) if np.any(net.settings.dropout) else []
        smoothing = float(of_member(net.settings.label_smoothing, member, axes=0))
        spec = net.settings.loss if net.settings.loss != "auto" else net.loss_function.name
        rows = TORCH_LOSSES[spec](F, torch_logits(net, p, x, masks), target, smoothing)
        weight = np.ones(ROWS) if row_weight is None else of_member(row_weight, member, axes=1)
        share = torch.tensor(weight / np.sum(weight))
        value = (rows * share).sum()
        value.backward()
        ours = loss if member is None else loss[member]
        assert float(ours) == pytest.approx(float(value.detach()), rel=1e-9)
        grads = [
            (getattr(g, kind)[i], np.zeros(t.shape) if t.grad is None else t.grad.numpy())
            for kind, tensors in p.items()
            for i, t in enumerate(tensors)
        ]
        # A bias in front of batch normalization has gradient 0, and both have rounding there.
        largest = max(np.abs(theirs).max() for _, theirs in grads)
        for mine, theirs in grads:
            mine = mine if member is None else mine[member]
            np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-13 * largest)


@either
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("activation", TORCH_ACTIVATIONS)
def test_gradients_of_every_activation_agree_with_torch(
    activation: str, normalization: str | None, members: int | None
) -> None:
    net = scrambled(
        [4, 5, 6, 3], activation=activation, normalization=normalization, members=members
    )
    assert_agrees_with_torch(net, features(4), LABELS)


@either
@pytest.mark.parametrize("weighted", ["none", "rows", "rows by member"])
@pytest.mark.parametrize(("output", "loss", "kind"), HEAD_CASES)
def test_gradients_of_every_head_agree_with_torch(
    output: str, loss: str, kind: str, weighted: str, members: int | None
) -> None:
    net = scrambled([4, 5, 3], activation="tanh", output=output, loss=loss, members=members)
    leading = (MEMBERS,) if members and weighted == "rows by member" else ()
    weight = None if weighted == "none" else sample_weights(*leading)
    assert_agrees_with_torch(
        net, features(4), TARGETS[kind], sample_weight=weight, row_weight=weight
    )


@either
@pytest.mark.parametrize("smoothing", [0.0, 0.2, SMOOTHINGS], ids=["none", "one", "by member"])
@pytest.mark.parametrize("weighted", [False, True], ids=["rows alike", "rows weighted"])
@pytest.mark.parametrize(
    "class_weight",
    [{0: 0.5, 2: 3.0}, [2.0, 0.0, 1.0], "balanced"],
    ids=["dict", "list", "balanced"],
)
@pytest.mark.parametrize("kind", ["labels", "probabilities"])
def test_gradients_of_every_class_weighting_agree_with_torch(
    kind: str, class_weight: Any, weighted: bool, smoothing: Any, members: int | None
) -> None:
    if members is None and np.ndim(smoothing):
        smoothing = 0.3
    net = scrambled([4, 5, 3], label_smoothing=smoothing, members=members)
    y = TARGETS[kind]
    shares = np.eye(3)[y] if kind == "labels" else y
    by_class = {
        "balanced": ROWS / (3 * shares.sum(axis=0)),
        "{0: 0.5, 2: 3.0}": np.array([0.5, 1.0, 3.0]),
    }.get(str(class_weight), class_weight)
    sample_weight = sample_weights() if weighted else None
    row_weight = shares @ by_class * (sample_weights() if weighted else 1.0)
    assert_agrees_with_torch(
        net,
        features(4),
        y,
        sample_weight=sample_weight,
        class_weight=class_weight,
        row_weight=row_weight,
    )


@either
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("step", [0, 3])
def test_gradients_with_dropout_agree_with_torch(
    step: int, normalization: str | None, members: int | None
) -> None:
    net = scrambled(
        [4, 9, 6, 3],
        activation=["tanh", "softplus"],
        normalization=normalization,
        dropout=0.3 if members is None else RATES,
        members=members,
    )
    assert_agrees_with_torch(net, features(4), LABELS, step=step)


def test_gradients_of_members_with_inputs_of_their_own_agree_with_torch() -> None:
    net = scrambled([4, 5, 3], output="identity", normalization="batch", members=MEMBERS)
    y = np.random.default_rng(5).normal(size=(MEMBERS, ROWS, 3))
    assert_agrees_with_torch(net, features(4, MEMBERS), y)
    assert_agrees_with_torch(net, features(4), y)


def test_the_table_of_activations_is_complete() -> None:
    assert {name.partition("(")[0] for name in TORCH_ACTIVATIONS} == set(activations.__all__)


def test_the_table_of_heads_is_complete() -> None:
    named = {(output, loss.partition("(")[0]) for output, loss, _ in HEAD_CASES}
    assert named == {(head.name, loss.name) for head in HEADS.values() for loss in head.losses}
