"""The network: its flat buffer, its gradients against Torch, its seeds, its copies, its pieces."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlpcore as mc
from mlpcore.functions import activations
from mlpcore.functions.dropout import dropout
from mlpcore.network.heads import HEADS

pytestmark = pytest.mark.filterwarnings("error")

MEMBERS, ROWS = 3, 7
SMOOTHINGS = np.array([0.0, 0.1, 0.4])
RATES = np.array([0.1, 0.5, 0.3])

either = pytest.mark.parametrize("members", [None, MEMBERS], ids=["single", "stacked"])


def scrambled(sizes: list[int], seed: int = 0, **arguments: Any) -> mc.MLP:
    """A float64 network none of whose parameters is left at a special value."""
    net = mc.MLP(sizes, dtype="float64", **arguments)
    numbers = np.random.default_rng(seed)
    tensors = net.tensors()
    for name, tensor in tensors.items():
        positive = name.endswith("variance")
        draw = (
            numbers.uniform(0.5, 1.5, tensor.shape)
            if positive
            else numbers.normal(size=tensor.shape)
        )
        tensors[name] = draw / np.sqrt(tensor.shape[-2]) if name.endswith("weight") else draw
    net.set_tensors(tensors)
    return net


def features(columns: int, *leading: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(*leading, ROWS, columns))


def sample_weights(*leading: int) -> np.ndarray:
    """Weights with a row of weight 0 among them."""
    weights = np.random.default_rng(2).uniform(0.1, 3.0, (*leading, ROWS))
    weights[..., 2] = 0.0
    return weights


LABELS = np.array([0, 2, 1, 1, 0, 1, 1])

#: A target for three outputs, by what a head's targets are.
TARGETS: dict[str, np.ndarray] = {
    "labels": LABELS,
    "probabilities": np.random.default_rng(3).dirichlet(np.ones(3), ROWS),
    "shares": np.random.default_rng(3).uniform(size=(ROWS, 3)),
    "values": np.random.default_rng(3).normal(size=(ROWS, 3)),
    "counts": np.random.default_rng(3).poisson(2.0, (ROWS, 3)).astype(float),
}


# The same network in Torch

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


def of_member(value: Any, member: int | None, axes: int) -> Any:
    """A member's part of an array that has `axes` axes and perhaps members in front."""
    if member is None or np.ndim(value) <= axes:
        return value
    return value[member]


def torch_on_one_thread() -> Any:
    """Torch, whose threads would cost tiny arrays more than they bring."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


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


# Predictions


@either
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("output", HEADS)
def test_predictions_agree_with_torch(
    output: str, normalization: str | None, members: int | None
) -> None:
    torch = torch_on_one_thread()
    from torch.nn import functional as F

    net = scrambled(
        [4, 5, 3], output=output, normalization=normalization, dropout=0.5, members=members
    )
    predictions, logits = net.predict(features(4)), net.forward(features(4))
    for member in [None] if members is None else range(members):
        own = {
            name: torch.tensor(of)
            for name, of in (net if member is None else net[member]).tensors().items()
        }
        z = torch.tensor(features(4)) @ own["layers.0.weight"] + own["layers.0.bias"]
        if normalization == "batch":
            statistics = own["layers.0.mean"], own["layers.0.variance"]
            z = F.batch_norm(z, *statistics, own["layers.0.gamma"], own["layers.0.beta"])
        if normalization == "layer":
            z = F.layer_norm(z, (5,), own["layers.0.gamma"], own["layers.0.beta"])
        z = z.relu() @ own["layers.1.weight"] + own["layers.1.bias"]
        y = {
            "softmax": lambda z=z: z.softmax(-1),
            "sigmoid": lambda z=z: z.sigmoid(),
            "identity": lambda z=z: z,
            "exponential": lambda z=z: z.exp(),
        }[output]()
        for ours, theirs in ((logits, z), (predictions, y)):
            mine = ours if member is None else ours[member]
            np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-9)


@either
def test_a_long_input_goes_through_in_pieces(
    members: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = scrambled([4, 5, 3], normalization="batch", members=members)
    for leading in [()] if members is None else [(), (members,)]:
        whole = net.forward(features(4, *leading))
        monkeypatch.setattr("mlpcore.network.network.PIECE_BYTES", 3 * 5 * 8 * (members or 1))
        assert [piece.shape[-2] for piece in net._pieces(features(4, *leading))] == [3, 3, 1]
        np.testing.assert_allclose(net.forward(features(4, *leading)), whole, rtol=1e-12)
        monkeypatch.undo()


def test_pieces_bound_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    net = mc.MLP([2, 256, 2])
    X = np.zeros((20_000, 2), dtype=np.float32)
    monkeypatch.setattr("mlpcore.network.network.PIECE_BYTES", 1 << 20)
    tracemalloc.start()
    try:
        net.predict(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000 * 256 * 4 / 2


@either
def test_no_rows_give_no_predictions(members: int | None) -> None:
    net = mc.MLP([4, 5, 3], members=members, normalization="batch")
    assert net.predict(np.zeros((0, 4))).shape == (*(() if members is None else (members,)), 0, 3)


@either
def test_the_loss_is_that_of_the_predictions(members: int | None) -> None:
    net = scrambled([4, 5, 3], normalization="batch", dropout=0.5, members=members)
    weight = sample_weights()
    share = weight / weight.sum()
    expected = -np.sum(share * np.log(net.predict(features(4)))[..., range(ROWS), LABELS], axis=-1)
    loss = net.loss(features(4), LABELS, sample_weight=weight)
    np.testing.assert_allclose(loss, expected, rtol=1e-12)
    assert np.shape(loss) == (() if members is None else (members,))


@either
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_result_has_the_dtype_of_the_network(members: int | None, dtype: str) -> None:
    net = mc.MLP([4, 5, 3], members=members, dtype=dtype, normalization="batch", dropout=0.5)
    X, weight = features(4).astype("float64"), sample_weights()
    loss, g = net.loss_and_gradients(X, LABELS, sample_weight=weight, class_weight="balanced")
    results = [loss, g.flat, net.forward(X), net.predict(X), net.loss(X, LABELS)]
    results += [net.parameters, *net.weights, *net.biases, *net.values.gammas, *g.betas]
    assert {str(np.asarray(result).dtype) for result in results} == {dtype}


@either
def test_gradients_change_nothing(members: int | None) -> None:
    net = scrambled([4, 5, 3], normalization="batch", dropout=0.5, members=members)
    X, y, weight = features(4), LABELS.copy(), sample_weights()
    for array in (X, y, weight):
        array.flags.writeable = False
    before = net.tensors()
    first, g = net.loss_and_gradients(X, y, sample_weight=weight)
    second, h = net.loss_and_gradients(X, y, sample_weight=weight)
    assert_same_tensors(net.tensors(), before)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(g.flat, h.flat)
    assert not np.shares_memory(g.flat, h.flat)


# The flat buffer

BUFFERS = {
    "sizes": st.lists(st.integers(1, 20), min_size=2, max_size=5),
    "members": st.none() | st.integers(1, 3),
    "normalization": st.sampled_from([None, "batch", "layer"]),
    "dtype": st.sampled_from(["float32", "float64"]),
}


def views(net: mc.MLP) -> Iterator[np.ndarray]:
    """Every view into the buffer: layer by layer, in the order of the memory."""
    for layer in net.values.views:
        yield from layer.values()


@settings(max_examples=40, deadline=None)
@given(**BUFFERS)
def test_views_tile_the_buffer(**arguments: Any) -> None:
    net = mc.MLP(**arguments)
    net.parameters[...] = 0.0
    for view in views(net):
        assert np.shares_memory(view, net.parameters)
        view[...] += 1.0
    assert set(np.unique(net.parameters)) <= {0.0, 1.0}
    assert np.count_nonzero(net.parameters) == sum(view.size for view in views(net))


@settings(max_examples=40, deadline=None)
@given(**BUFFERS)
def test_every_start_is_aligned(**arguments: Any) -> None:
    net = mc.MLP(**arguments)
    _, g = net.loss_and_gradients(
        np.zeros((2, net.sizes[0])),
        np.zeros(2, dtype=int) if net.sizes[-1] > 1 else np.ones((2, 1)),
    )
    for named in (net.values, g):
        assert named.flat.flags.c_contiguous
        for layer in named.views:
            for view in layer.values():
                for member in view if net.members else [view]:
                    assert member.ctypes.data % 64 == 0
                    assert member.flags.c_contiguous


@settings(max_examples=40, deadline=None)
@given(**BUFFERS)
def test_shapes_are_those_of_the_sizes(**arguments: Any) -> None:
    net = mc.MLP(**arguments)
    leading = () if net.members is None else (net.members,)
    pairs = list(zip(net.sizes, net.sizes[1:], strict=False))
    assert [w.shape for w in net.weights] == [(*leading, *pair) for pair in pairs]
    assert [b.shape for b in net.biases] == [(*leading, units) for _, units in pairs]
    scaled = [] if net.settings.normalization is None else net.sizes[1:-1]
    assert [v.shape for v in net.values.gammas] == [(*leading, units) for units in scaled]
    assert [v.shape for v in net.values.betas] == [(*leading, units) for units in scaled]
    assert net.parameters.shape == (*leading, net.layout.size)


@settings(max_examples=40, deadline=None)
@given(**BUFFERS)
def test_the_mask_marks_the_weights(**arguments: Any) -> None:
    net = mc.MLP(**arguments)
    net.parameters[...] = 0.0
    for weight in net.weights:
        weight[...] = 1.0
    mask = net.layout.mask(("weight",))
    np.testing.assert_array_equal(net.parameters, np.broadcast_to(mask, net.parameters.shape))


@settings(max_examples=40, deadline=None)
@given(**BUFFERS)
def test_tensors_go_out_and_come_back(**arguments: Any) -> None:
    net = mc.MLP(**arguments)
    values = net.tensors()
    twin = mc.MLP(**{**arguments, "seed": 1})
    twin.set_tensors(values)
    assert_same_tensors(twin.tensors(), values)
    np.testing.assert_array_equal(twin.parameters, net.parameters)
    assert not any(np.shares_memory(value, net.parameters) for value in values.values())


@pytest.mark.parametrize(
    "optimizer",
    [
        mc.SGD(0.1, l2=0.1, weight_decay=0.1, clip_norm=1.0, clip_value=0.5),
        mc.SGD(0.1, momentum=0.9, nesterov=True),
        mc.RMSProp(0.1, l2=0.1),
        mc.Adagrad(0.1, weight_decay=0.1),
        mc.AdamW(0.1, clip_norm=0.1),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
@either
def test_the_padding_stays_zero_through_training(optimizer: Any, members: int | None) -> None:
    net = scrambled(
        [4, 5, 3], activation="tanh", normalization="batch", dropout=0.2, members=members
    )
    padding = net.layout.mask(("weight", "bias", "gamma", "beta")) == 0
    assert padding.any()
    before = net.weights[1].copy()
    net.fit(features(4), LABELS, optimizer=optimizer, batch_size=3, epochs=3, progress=False)
    _, g = net.loss_and_gradients(features(4), LABELS)
    assert np.all(net.weights[1] != before)
    for flat in (net.parameters, g.flat):
        np.testing.assert_array_equal(flat[..., padding], 0.0)


def test_writing_to_a_view_changes_the_predictions() -> None:
    net = mc.MLP([2, 2], output="identity", dtype="float64")
    net.weights[0][...] = [[1.0, 2.0], [3.0, 4.0]]
    net.biases[0][...] = [10.0, 20.0]
    np.testing.assert_array_equal(net.predict([[1.0, -1.0]]), [[8.0, 18.0]])
    net.parameters[...] = 0.0
    np.testing.assert_array_equal(net.predict([[1.0, -1.0]]), [[0.0, 0.0]])


# Copies


def assert_same_tensors(got: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(got) == list(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value, err_msg=name)
        assert got[name].dtype == value.dtype


#: Arguments beyond the sizes, each of which a copy must keep.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "activations": {"activation": ["relu", "leaky_relu(negative_slope=0.2)"]},
    "head": {"output": "identity", "loss": "huber(delta=0.5)"},
    "init": {"init": "normal(std=0.1)"},
    "normalization": {"normalization": "batch"},
    "dropout": {"dropout": 0.25},
    "dropout by layer": {"dropout": [0.25, 0.0]},
    "label smoothing": {"label_smoothing": 0.1},
    "float64": {"dtype": "float64"},
    "seed": {"seed": 2**40 + 1},
    "the largest seed": {"seed": 2**63 - 1},
    "seed and member": {"seed": (3, 2)},
    "stack": {"members": 2, "seed": 9},
    "stack with seeds": {"members": 2, "seed": [4, 8]},
    "stack with a range of seeds": {"members": 2, "seed": range(3, 5)},
    "stack with dropout": {"members": 2, "dropout": np.array([0.1, 0.4])},
    "stack with dropout by layer": {"members": 2, "dropout": [0.5, np.array([0.1, 0.4])]},
    "stack with smoothing": {"members": 2, "label_smoothing": np.array([0.1, 0.4])},
}
each_kind = pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS)


def assert_independent_twin(twin: mc.MLP, net: mc.MLP) -> None:
    """Check that two networks compute the same, the same draws included, and share nothing."""
    assert type(twin) is type(net)
    assert twin.configuration == net.configuration
    assert_same_tensors(twin.tensors(), net.tensors())
    X = np.linspace(-1.0, 1.0, 12).reshape(3, 4)
    y = [0, 2, 1] if net.head.target == "labels" else np.ones((3, 3))
    for step in (0, 1):
        ours, theirs = (n.loss_and_gradients(X, y, step=step)[1].flat for n in (twin, net))
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(twin.predict(X), net.predict(X))
    before = net.tensors()
    twin.parameters[...] += 1.0
    twin.statistics.flat[...] += 1.0
    assert_same_tensors(net.tensors(), before)


@each_kind
def test_a_copy_is_an_independent_twin(arguments: dict[str, Any]) -> None:
    net = mc.MLP([4, 6, 5, 3], **arguments)
    net.parameters[...] *= 1.5
    assert_independent_twin(net.copy(), net)


@each_kind
def test_to_keeps_the_values(arguments: dict[str, Any]) -> None:
    net = mc.MLP([4, 6, 5, 3], **arguments)
    net.parameters[...] *= 1.5
    assert_independent_twin(net.to("cpu"), net)


@each_kind
def test_a_pickle_is_an_independent_twin(arguments: dict[str, Any]) -> None:
    net = mc.MLP([4, 6, 5, 3], **arguments)
    net.parameters[...] *= 1.5
    assert_independent_twin(pickle.loads(pickle.dumps(net)), net)


@each_kind
def test_the_configuration_goes_through_json(arguments: dict[str, Any]) -> None:
    net = mc.MLP([4, 6, 5, 3], **arguments)
    text = json.dumps(net.configuration)
    assert_independent_twin(mc.MLP(**json.loads(text)), net)


def test_the_copy_of_a_normalized_network_keeps_its_running_statistics() -> None:
    net = mc.MLP([4, 6, 3], normalization="batch", members=2)
    net.fit(features(4), LABELS, epochs=2, progress=False)
    assert np.all(net.statistics.flat[..., :6] != 0)
    for twin in (net.copy(), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(twin.predict(features(4)), net.predict(features(4)))
    np.testing.assert_allclose(net[1].predict(features(4)), net.predict(features(4))[1], rtol=1e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        {"seed": 6},
        {"seed": [6, 6, 8]},
        {"dropout": RATES},
        {"dropout": [0.5, RATES]},
        {"label_smoothing": SMOOTHINGS},
        {"normalization": "layer", "activation": ["tanh", "elu(alpha=0.5)"]},
    ],
    ids=str,
)
def test_one_of_a_stack_is_a_network_of_its_own(arguments: dict[str, Any]) -> None:
    stack = scrambled([4, 6, 5, 3], members=MEMBERS, **arguments)
    loss, g = stack.loss_and_gradients(features(4), LABELS, step=2)
    for e in range(MEMBERS):
        one = stack[e]
        assert isinstance(one, mc.MLP)
        assert one.members is None
        own_loss, own = one.loss_and_gradients(features(4), LABELS, step=2)
        assert float(own_loss) == pytest.approx(float(loss[e]), rel=1e-12)
        np.testing.assert_allclose(own.flat, g.flat[e], rtol=1e-9, atol=1e-15)
        one.parameters[...] = 0.0
        assert np.any(stack.parameters[e] != 0.0)


def test_a_stack_is_a_sequence_of_its_members() -> None:
    stack = mc.MLP([4, 3], members=MEMBERS)
    assert len(stack) == MEMBERS
    singles = list(stack)  # type: ignore[call-overload]
    assert len(singles) == MEMBERS
    np.testing.assert_array_equal(stack[-1].parameters, stack[2].parameters)
    for wrong in (MEMBERS, -MEMBERS - 1):
        with pytest.raises(IndexError, match=f"got member {wrong}, expected 0 to 2"):
            stack[wrong]
    for ask in (lambda net: net[0], len):
        with pytest.raises(TypeError, match="single network, expected a stack; set members="):
            ask(stack[0])


def test_a_representation_says_what_it_is() -> None:
    assert repr(mc.MLP([4, 3])).startswith("MLP([4, 3], activation='relu', output='softmax', dt")
    assert "members=2" in repr(mc.MLP([4, 3], members=2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("layers.1.bias"), r"layers\.1\.bias.*None.*\(3,\)"),
        (lambda tensors: tensors.update(extra=np.zeros(2)), r"extra.*\(2,\).*None"),
        (lambda tensors: tensors.update({"layers.0.weight": np.zeros((5, 4))}), r"\(4, 5\)"),
        (lambda tensors: tensors.update({"layers.0.mean": np.zeros(4)}), r"layers\.0\.mean"),
    ],
    ids=["missing", "unknown", "transposed", "statistics"],
)
def test_tensors_of_another_network_are_refused(
    change: Callable[[dict[str, np.ndarray]], Any], message: str
) -> None:
    net = mc.MLP([4, 5, 3], normalization="batch")
    before = net.tensors()
    wrong = {name: value + 1.0 for name, value in before.items()}
    change(wrong)
    with pytest.raises(ValueError, match=message):
        net.set_tensors(wrong)
    assert_same_tensors(net.tensors(), before)


def test_tensors_are_named_by_the_affine_layers() -> None:
    net = mc.MLP([4, 5, 3], normalization="batch", dropout=0.1, members=2)
    assert {name: value.shape for name, value in net.tensors().items()} == {
        "layers.0.weight": (2, 4, 5),
        "layers.0.bias": (2, 5),
        "layers.0.gamma": (2, 5),
        "layers.0.beta": (2, 5),
        "layers.1.weight": (2, 5, 3),
        "layers.1.bias": (2, 3),
        "layers.0.mean": (2, 5),
        "layers.0.variance": (2, 5),
    }


# Seeds


def test_one_seed_numbers_the_members() -> None:
    stack = mc.MLP([4, 5, 3], members=MEMBERS, seed=7)
    for e in range(MEMBERS):
        np.testing.assert_array_equal(
            mc.MLP([4, 5, 3], seed=(7, e)).parameters, stack.parameters[e]
        )
    np.testing.assert_array_equal(mc.MLP([4, 5, 3], seed=7).parameters, stack.parameters[0])
    assert not np.array_equal(stack.parameters[0], stack.parameters[1])


@pytest.mark.parametrize("seeds", [[4, 9, 4], range(3), np.array([0, 2**33, 2**63 - 1])])
def test_a_seed_per_member_equals_single_networks(seeds: Any) -> None:
    stack = mc.MLP([4, 5, 3], members=MEMBERS, seed=seeds)
    for e, seed in enumerate(seeds):
        single = mc.MLP([4, 5, 3], seed=int(seed))
        np.testing.assert_array_equal(single.parameters, stack.parameters[e])
        assert stack[e].configuration["seed"] == [seed, 0]


def test_every_bit_of_a_seed_counts() -> None:
    seeds = [0, 1, 2**31, 2**32, 2**62, 2**63 - 1]
    drawn = {mc.MLP([4, 3], seed=seed).parameters.tobytes() for seed in seeds}
    assert len(drawn) == len(seeds)


def test_the_same_seed_starts_from_the_same_numbers_in_both_dtypes() -> None:
    double = mc.MLP([4, 5, 3], seed=3, dtype="float64").parameters
    np.testing.assert_array_equal(mc.MLP([4, 5, 3], seed=3).parameters, double.astype("float32"))


def test_layers_draw_numbers_of_their_own() -> None:
    net = mc.MLP([4, 4, 4, 4], init="normal(std=1)")
    assert len({weight.tobytes() for weight in net.weights}) == 3


def test_a_new_network_has_no_biases_and_unit_scales() -> None:
    net = mc.MLP([4, 5, 3], normalization="batch", members=2)
    assert all(np.all(view == 0.0) for view in [*net.biases, *net.values.betas])
    assert all(np.all(view == 1.0) for view in net.values.gammas)
    assert np.all(net.statistics.views[1]["mean"] == 0.0)
    assert np.all(net.statistics.views[1]["variance"] == 1.0)


# Other array libraries

libraries = pytest.mark.parametrize("name", ["array_api_strict", "torch"])


@libraries
@either
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_another_array_library_computes_the_same(
    name: str, normalization: str | None, members: int | None
) -> None:
    xp = pytest.importorskip(name)
    arguments: dict[str, Any] = {
        "normalization": normalization,
        "dropout": 0.2 if members is None else RATES,
        "label_smoothing": 0.1 if members is None else SMOOTHINGS,
        "members": members,
    }
    net = scrambled([4, 5, 3], **arguments)
    other = net.to(xp)
    own = type(xp.zeros(1))
    weighting: dict[str, Any] = {"sample_weight": sample_weights(), "class_weight": "balanced"}
    loss, g = net.loss_and_gradients(features(4), LABELS, **weighting)
    its_loss, its_g = other.loss_and_gradients(features(4), LABELS, **weighting)
    pairs = [
        (its_loss, loss),
        (its_g.flat, g.flat),
        (other.predict(features(4)), net.predict(features(4))),
        (other.loss(features(4), LABELS), net.loss(features(4), LABELS)),
    ]
    for theirs, ours in pairs:
        assert isinstance(theirs, own)
        np.testing.assert_allclose(np.asarray(theirs), ours, rtol=1e-9, atol=1e-14)
    assert_same_tensors(other.to("cpu").tensors(), net.tensors())
    assert_same_tensors(other.copy().tensors(), net.tensors())


@pytest.mark.parametrize("name", ["array_api_strict", "torch"])
def test_another_array_library_takes_its_own_arrays(name: str) -> None:
    xp = pytest.importorskip(name)
    net = scrambled([4, 5, 3])
    X, y, weight = (xp.asarray(array) for array in (features(4), LABELS, sample_weights()))
    loss, _ = net.to(xp).loss_and_gradients(X, y, sample_weight=weight)
    expected, _ = net.loss_and_gradients(features(4), LABELS, sample_weight=sample_weights())
    assert float(loss) == pytest.approx(float(expected), rel=1e-12)


@libraries
@either
def test_another_array_library_trains_the_same(name: str, members: int | None) -> None:
    xp = pytest.importorskip(name)
    nets = [
        scrambled([4, 5, 3], normalization="batch", dropout=0.2, members=members, backend=backend)
        for backend in ("cpu", xp)
    ]
    rate = 0.01 if members is None else np.array([0.01, 0.02, 0.0])
    histories = [
        net.fit(
            features(4),
            LABELS,
            optimizer=mc.AdamW(rate, epsilon=1e-3, clip_norm=1.0, clip_value=0.5, l2=0.01),
            batch_size=3,
            epochs=3,
            sample_weight=sample_weights(),
            validation_data=(features(4), LABELS),
            metrics=["accuracy"],
            early_stopping=5,
            progress=False,
        )
        for net in nets
    ]
    for name in ("loss", "validation_loss", "gradient_norm"):
        ours, theirs = (np.asarray(getattr(history, name)) for history in histories)
        np.testing.assert_allclose(theirs, ours, rtol=1e-9)
    tensors, its = (net.tensors() for net in nets)
    for name, value in tensors.items():
        np.testing.assert_allclose(its[name], value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["array_api_strict", "torch"])
def test_a_network_of_another_array_library_goes_through_a_pickle(name: str) -> None:
    net = mc.MLP([4, 5, 3], backend=pytest.importorskip(name))
    twin = pickle.loads(pickle.dumps(net))
    assert twin.backend == net.backend
    assert_same_tensors(twin.tensors(), net.tensors())
