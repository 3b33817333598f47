"""Floor 4: parameters handed to Torch and taken from it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.functions import activations

torch = pytest.importorskip("torch")
nn = torch.nn

MODULES = {
    "elu": nn.ELU,
    "elu(alpha=0.4)": lambda: nn.ELU(alpha=0.4),
    "gelu": nn.GELU,
    'gelu(approximate="tanh")': lambda: nn.GELU(approximate="tanh"),
    "hard_sigmoid": nn.Hardsigmoid,
    "hard_tanh": nn.Hardtanh,
    "identity": nn.Identity,
    "leaky_relu": nn.LeakyReLU,
    "leaky_relu(negative_slope=0.3)": lambda: nn.LeakyReLU(0.3),
    "linear": nn.Identity,
    "logistic": nn.Sigmoid,
    "mish": nn.Mish,
    "relu": nn.ReLU,
    "selu": nn.SELU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "swish": nn.SiLU,
    "tanh": nn.Tanh,
}
NORMALIZATIONS = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


def sequential(net: mc.MLP, activation: str = "relu", dropout: float = 0.0) -> Any:
    """A Torch module of the network's layers, in inference."""
    modules = []
    for fan_in, fan_out in zip(net.sizes, net.sizes[1:-1]):
        modules.append(nn.Linear(fan_in, fan_out))
        if net.settings.normalization:
            modules.append(NORMALIZATIONS[net.settings.normalization](fan_out))
        modules.append(MODULES[activation]())
        if dropout:
            modules.append(nn.Dropout(dropout))
    module = nn.Sequential(*modules, nn.Linear(*net.sizes[-2:]))
    return module.to(getattr(torch, net.dtype)).eval()


def tensors(net: mc.MLP) -> dict[str, Any]:
    return {name: torch.from_numpy(array) for name, array in net.torch_state_dict().items()}


def trained(net: mc.MLP) -> mc.MLP:
    """A network whose every parameter and statistic has moved."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, net.sizes[0])), rng.integers(0, net.sizes[-1], 60)
    net.fit(X, y, epochs=3, batch_size=20, optimizer=mc.Adam(0.01), progress=False)
    return net


def rows(net: mc.MLP, n: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(n, net.sizes[0])).astype(net.dtype)


@pytest.mark.parametrize("activation", MODULES)
def test_every_activation_that_torch_has(activation: str, dtype: str) -> None:
    net = trained(mc.MLP([5, 8, 7, 3], activation=activation, dtype=dtype))
    module = sequential(net, activation)
    module.load_state_dict(tensors(net), strict=True)
    X = rows(net, 40)
    with torch.no_grad():
        got = module(torch.from_numpy(X)).numpy()
    tolerance = 1e-6 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(got, net.forward(X), rtol=tolerance, atol=tolerance)


def test_the_activations_that_torch_has_not_are_few() -> None:
    assert set(activations.__all__) - set(MODULES) == {"exponential", "step"}


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("dropout", [0.0, 0.25])
def test_normalization_and_dropout(normalization: str | None, dropout: float) -> None:
    net = trained(mc.MLP([5, 8, 7, 3], normalization=normalization, dropout=dropout))
    module = sequential(net, dropout=dropout)
    module.load_state_dict(tensors(net), strict=True)
    assert list(net.torch_state_dict()) == list(module.state_dict())
    X = rows(net, 40)
    with torch.no_grad():
        got = module(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(got, net.forward(X), rtol=1e-6, atol=1e-6)


def test_a_step_of_batch_normalization_keeps_what_torch_keeps() -> None:
    """The same batches leave the same running statistics, the variance unbiased."""
    net = mc.MLP([5, 8, 3], normalization="batch", dtype="float64")
    module = sequential(net).train()
    module.load_state_dict(tensors(net), strict=True)
    X, y = rows(net, 20), np.arange(20) % 3
    net.fit(X, y, epochs=1, batch_size=20, optimizer=mc.SGD(1e-9), shuffle=False, progress=False)
    module(torch.from_numpy(X))
    state, expected = net.torch_state_dict(), module.state_dict()
    for name in ("1.running_mean", "1.running_var"):
        np.testing.assert_allclose(state[name], expected[name].numpy(), rtol=1e-6)


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_a_stack_serves_torchs_functional_call(normalization: str | None) -> None:
    net = trained(mc.MLP([5, 8, 3], normalization=normalization, members=4))
    module = sequential(net)
    X = rows(net, 20)

    def one(state: dict[str, Any], x: Any) -> Any:
        return torch.func.functional_call(module, state, (x,))

    with torch.no_grad():
        got = torch.func.vmap(one, in_dims=(0, None))(tensors(net), torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(got, net.forward(X), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_from_torch_and_back(normalization: str | None) -> None:
    net = mc.MLP([5, 8, 7, 3], normalization=normalization, dropout=0.5)
    module = sequential(net, dropout=0.5).train()
    for _ in range(3):
        module(torch.randn(20, 5))
    net.load_torch_state_dict(module.state_dict())
    X = rows(net, 20)
    with torch.no_grad():
        expected = module.eval()(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(net.forward(X), expected, rtol=1e-6, atol=1e-6)
    other = mc.MLP([5, 8, 7, 3], normalization=normalization, dropout=0.5, seed=9)
    other.load_torch_state_dict(net.torch_state_dict())
    np.testing.assert_array_equal(other.parameters, net.parameters)


def test_what_torch_gets_is_its_own() -> None:
    net = mc.MLP([4, 3, 2])
    state = net.torch_state_dict()
    before = net.parameters.copy()
    for array in state.values():
        array[...] = 7
    np.testing.assert_array_equal(net.parameters, before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("2.bias"), r"got 2.bias of shape None, expected \(2,\)"),
        (lambda state: state.update({"3.bias": np.zeros(2)}), r"got 3.bias of shape \(2,\), exp"),
        (
            lambda state: state.update({"0.weight": np.zeros((4, 3))}),
            r"got 0.weight of shape \(4, 3\), expected \(3, 4\); build the network with the layers",
        ),
    ],
)
def test_a_state_of_other_layers(change: Any, message: str) -> None:
    net = mc.MLP([4, 3, 2])
    state = net.torch_state_dict()
    change(state)
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=message):
        net.load_torch_state_dict(state)
    np.testing.assert_array_equal(net.parameters, before)


def test_members_of_widths_of_their_own() -> None:
    stack = mc.MLP([4, (3, 5), 2], members=2)
    with pytest.raises(ValueError, match=r"take each member by itself, stack\[member\]"):
        stack.torch_state_dict()
    assert stack[0].torch_state_dict()["0.weight"].shape == (3, 4)
