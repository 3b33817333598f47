"""Activations in the epilogues of products: the same training, taken only where it is faster."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.backend.cuda import epilogues
from training_cases import FEATURES, MEMBERS, OUTPUTS, VALUES, X
from twins import assert_equal_steps, fit
from twins import twins as of_any_width

either = pytest.mark.parametrize("members", [None, MEMBERS], ids=["single", "stacked"])
GELU = "gelu(approximate='tanh')"
WAYS = [
    ("relu", ("RELU_BIAS", ""), {"RELU_BIAS"}),
    ("relu", ("RELU_AUX_BIAS", "DRELU"), {"RELU_AUX_BIAS", "DRELU_BGRAD"}),
    (GELU, ("GELU_AUX_BIAS", ""), {"GELU_AUX_BIAS"}),
    (GELU, ("", "DGELU"), {"DGELU_BGRAD"}),
    (GELU, ("GELU_AUX_BIAS", "DGELU"), {"GELU_AUX_BIAS", "DGELU_BGRAD"}),
]


@pytest.fixture
def faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried later takes less time."""
    numbers = itertools.count()
    monkeypatch.setattr(epilogues, "milliseconds", lambda run: -next(numbers))


def twins(cupy: Any, **own: Any) -> tuple[mc.MLP, mc.MLP]:
    """With rows long enough for every epilogue."""
    return of_any_width(cupy, hidden=(16, 8), **({"activation": "relu"} | own))


def ran(cupy: Any) -> set[str]:
    """The epilogues that ran, but the usual ones."""
    return set(cupy.blas.epilogues) - {"DEFAULT", "BIAS"}


@either
@pytest.mark.usefixtures("faster")
@pytest.mark.parametrize(("activation", "way", "expected"), WAYS)
def test_every_way_trains_as_the_cpu_does(
    on_the_shim: Any,
    activation: str,
    way: Any,
    expected: set[str],
    members: int | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(epilogues.Site, "ways", property(lambda site: [way]))
    on_the_shim.blas.missing.clear()
    assert_equal_steps(*twins(on_the_shim, activation=activation, members=members))
    assert ran(on_the_shim) == expected


@either
@pytest.mark.usefixtures("faster")
def test_a_trial_of_large_matrices_repeats_its_numbers(
    on_the_shim: Any, members: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And compares some of the results: enough to tell a way that computes something else."""
    monkeypatch.setattr(epilogues, "DRAWN", 7)
    on_the_shim.blas.missing.clear()
    on_the_shim.blas.wrong.add("DRELU_BGRAD")
    assert_equal_steps(*twins(on_the_shim, activation="relu", members=members))
    before = len(on_the_shim.blas.epilogues)
    assert_equal_steps(*twins(on_the_shim, activation="relu", members=members))
    assert set(on_the_shim.blas.epilogues[before:]) == {"DEFAULT", "BIAS", "RELU_BIAS"}
    matrix = on_the_shim.xp.empty((4, 10), dtype="float64")
    epilogues._fill(matrix, "auto")
    flat = matrix.get().ravel()
    np.testing.assert_array_equal(flat, np.resize(flat[:7], 40))
    np.testing.assert_array_equal(epilogues._sample(matrix), flat[::5])


@pytest.mark.usefixtures("faster")
@pytest.mark.parametrize("activation", ["relu", GELU])
def test_the_fastest_way_is_taken(on_the_shim: Any, activation: str) -> None:
    on_the_shim.blas.missing.clear()
    net, other = twins(on_the_shim, activation=activation)
    assert_equal_steps(net, other)
    last = "DRELU_BGRAD" if activation == "relu" else "DGELU_BGRAD"
    before = len(on_the_shim.blas.epilogues)
    assert_equal_steps(net, other, batch_size=4)  # chosen before, and not tried again
    new = on_the_shim.blas.epilogues[before:]
    assert new.count(last) == 2 * 3 * 3 + 2 * 2  # each step, and a first run of each plan


def test_kernels_that_are_no_slower_stay(on_the_shim: Any) -> None:
    on_the_shim.blas.missing.clear()
    net, other = twins(on_the_shim, activation="relu")
    assert_equal_steps(net, other)
    before = len(on_the_shim.blas.epilogues)
    assert_equal_steps(net, other)
    assert set(on_the_shim.blas.epilogues[before:]) == {"DEFAULT", "BIAS"}


@pytest.mark.usefixtures("faster")
@pytest.mark.parametrize("wrong", ["RELU_BIAS", "RELU_AUX_BIAS", "DRELU_BGRAD"])
def test_what_computes_something_else_is_not_taken(on_the_shim: Any, wrong: str) -> None:
    on_the_shim.blas.missing.clear()
    on_the_shim.blas.wrong.add(wrong)
    net, other = twins(on_the_shim, activation="relu")
    assert_equal_steps(net, other)
    before = len(on_the_shim.blas.epilogues)
    assert_equal_steps(net, other)
    assert wrong not in on_the_shim.blas.epilogues[before:]


@pytest.mark.usefixtures("faster")
def test_nor_in_smaller_types(on_the_shim: Any) -> None:
    """Whose weights are cast only when the plan runs."""
    on_the_shim.blas.missing.clear()
    on_the_shim.blas.wrong.add("RELU_BIAS")
    on_the_shim.blas.wrong.add("DRELU_BGRAD")
    backend = on_the_shim.backend.computing("bfloat16", "float32")
    sizes, own = [FEATURES, 16, 8, OUTPUTS], {"activation": "relu", "dtype": "float32"}
    history = fit(mc.MLP(sizes, backend=backend, **own), True)
    np.testing.assert_allclose(history.loss, fit(mc.MLP(sizes, **own), False).loss, rtol=2e-2)


@pytest.mark.usefixtures("faster")
def test_what_the_device_refuses_after_all_is_not_taken(on_the_shim: Any) -> None:
    on_the_shim.blas.missing.clear()
    on_the_shim.blas.refused.add("RELU_AUX_BIAS")
    assert_equal_steps(*twins(on_the_shim, activation="relu"))
    assert ran(on_the_shim) == {"RELU_BIAS"}


@either
@pytest.mark.usefixtures("faster")
def test_in_smaller_types(on_the_shim: Any, members: int | None) -> None:
    on_the_shim.blas.missing.clear()
    for precision in ("bfloat16", "float16"):
        backend = on_the_shim.backend.computing(precision, "float32")
        own: dict[str, Any] = {"activation": "relu", "members": members, "dtype": "float32"}
        sizes = [FEATURES, 16, 8, OUTPUTS]
        history = fit(mc.MLP(sizes, backend=backend, **own), True)
        expected = fit(mc.MLP(sizes, **own), False)
        np.testing.assert_allclose(history.loss, expected.loss, rtol=2e-2)
    assert {"RELU_AUX_BIAS", "DRELU_BGRAD", "RELU_BIAS"} <= ran(on_the_shim)


@either
@pytest.mark.usefixtures("faster")
def test_what_lies_between_keeps_its_place(on_the_shim: Any, members: int | None) -> None:
    """Dropout behind an activation: forward alone; normalization before it: nothing."""
    on_the_shim.blas.missing.clear()
    assert_equal_steps(*twins(on_the_shim, activation="relu", dropout=0.3, members=members))
    assert ran(on_the_shim) == {"RELU_BIAS"}
    on_the_shim.blas.epilogues.clear()
    assert_equal_steps(*twins(on_the_shim, normalization="layer", members=members))
    assert not ran(on_the_shim)


@either
@pytest.mark.usefixtures("faster")
def test_a_hidden_nan_is_found_by_the_parameters(on_the_shim: Any, members: int | None) -> None:
    on_the_shim.blas.missing.clear()
    nets = twins(on_the_shim, activation="relu", members=members, output="identity")
    places = []
    for net, recorded in zip(nets, (True, False)):
        with pytest.raises(mc.DivergenceError) as raised:
            fit(net, recorded, VALUES, optimizer=mc.SGD(1e80), epochs=20)
        places.append((raised.value.epoch, raised.value.step))
    assert places[0] == places[1]
    assert ran(on_the_shim)
    for name, value in nets[0].tensors().items():
        np.testing.assert_allclose(value, nets[1].tensors()[name], rtol=1e-6, err_msg=name)


@pytest.mark.usefixtures("faster")
def test_relu_stays_where_nothing_would_find_it(on_the_shim: Any) -> None:
    """With gradients clipped by value, and in predictions, which have none."""
    on_the_shim.blas.missing.clear()
    ours, theirs = twins(on_the_shim, activation="relu")
    assert_equal_steps(ours, theirs, optimizer=mc.SGD(0.1, clip_value=0.1))
    assert not ran(on_the_shim)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X))
    assert not ran(on_the_shim)
    ours, theirs = twins(on_the_shim, activation=GELU)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X))
    assert ran(on_the_shim) == {"GELU_BIAS"}


@pytest.mark.usefixtures("faster")
def test_rows_of_an_odd_length(on_the_shim: Any) -> None:
    on_the_shim.blas.missing.clear()
    for activation in ("relu", GELU):
        own = {"activation": activation, "dtype": "float64"}
        sizes = [FEATURES, 7, 130, OUTPUTS]
        assert_equal_steps(mc.MLP(sizes, backend=on_the_shim.backend, **own), mc.MLP(sizes, **own))
    assert ran(on_the_shim) == {"RELU_BIAS", "RELU_AUX_BIAS", "DRELU_BGRAD"}


@pytest.mark.gpu
@either
@pytest.mark.parametrize("activation", ["relu", GELU])
@pytest.mark.parametrize("dtype", ["float32"])
def test_on_a_device(device: Any, activation: str, members: int | None, dtype: str) -> None:
    """Whatever it finds to be the fastest."""
    assert_equal_steps(*twins(device, activation=activation, members=members, dtype=dtype))
