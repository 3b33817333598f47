"""Whole training steps as a replayed graph, against the CPU's: by the shim, and on a GPU."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from cublaslt import NEEDED
from mlpcore import schedules, training
from mlpcore.backend import kernels
from mlpcore.backend.cuda import memory, plan, products
from mlpcore.backend.cuda.signatures import SIGNATURES
from mlpcore.training.batches import batches
from mlpcore.training.crew import Crew, Job
from mlpcore.training.data import prepare
from training_cases import (
    ACTIVATIONS,
    FEATURES,
    LABELS,
    LOSSES,
    MEMBERS,
    OPTIMIZERS,
    OUTPUTS,
    RATES,
    ROWS,
    STACKED_OPTIMIZERS,
    VALUES,
    WEIGHTS,
    X,
)
from twins import assert_equal_steps, fit, twins

either = pytest.mark.parametrize("members", [None, MEMBERS], ids=["single", "stacked"])


@either
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_a_replay_trains_as_the_cpu_does(
    cupy: Any, normalization: str | None, members: int | None, dtype: str
) -> None:
    arguments: dict[str, Any] = {"normalization": normalization, "dropout": 0.3, "dtype": dtype}
    assert_equal_steps(*twins(cupy, members=members, **arguments))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(cupy: Any, activation: str) -> None:
    for members, normalization in ((None, "layer"), (MEMBERS, None)):
        own = {"activation": activation, "members": members, "normalization": normalization}
        assert_equal_steps(*twins(cupy, **own), epochs=1)


@either
@pytest.mark.parametrize(("arguments", "y"), LOSSES.values(), ids=LOSSES)
def test_every_loss(cupy: Any, arguments: Any, y: Any, members: int | None) -> None:
    for weight in (None, WEIGHTS if members else WEIGHTS[0]):
        nets = twins(cupy, members=members, **arguments)
        assert_equal_steps(*nets, y=y, sample_weight=weight)


@either
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_every_optimizer(cupy: Any, optimizer: Any, members: int | None) -> None:
    nets = twins(cupy, members=members, normalization="batch")
    assert_equal_steps(*nets, optimizer=optimizer)


@pytest.mark.parametrize("optimizer", STACKED_OPTIMIZERS, ids=repr)
def test_every_optimizer_with_values_by_member(cupy: Any, optimizer: Any) -> None:
    own: dict[str, Any] = {"dropout": RATES, "label_smoothing": RATES, "members": MEMBERS}
    assert_equal_steps(*twins(cupy, **own), optimizer=optimizer)


def test_values_by_member(cupy: Any) -> None:
    """Rates, penalties, smoothings, widths, activations, seeds and weights of each member's own."""
    weights = np.random.default_rng(5).uniform(0.1, 2.0, (MEMBERS, ROWS))
    optimizer = mc.Adam(
        schedules.WarmUp([0.1, 0.2, 0.3], epochs=2), beta1=[0.0, 0.9, 0.5], epsilon=1e-2, l2=RATES
    )
    own = {"dropout": RATES, "label_smoothing": RATES, "seed": [4, 4, 9]}
    nets = twins(cupy, members=MEMBERS, **own)
    assert_equal_steps(*nets, optimizer=optimizer, sample_weight=weights)
    activation = np.array(["tanh", "relu", "elu(alpha=0.5)"])
    mixed = {"members": MEMBERS, "activation": activation, "dropout": 0.2, "dtype": "float64"}
    sizes = [FEATURES, (3, 6, 4), OUTPUTS]
    ours = mc.MLP(sizes, backend=cupy.backend, **mixed)
    assert_equal_steps(ours, mc.MLP(sizes, **mixed))


@either
@pytest.mark.parametrize("size", [1, 5, 11])
def test_every_kind_of_last_batch(cupy: Any, size: int, members: int | None) -> None:
    assert_equal_steps(*twins(cupy, members=members), batch_size=size)


@either
def test_classes_weighed_and_some_rows_held_out(cupy: Any, members: int | None) -> None:
    assert_equal_steps(
        *twins(cupy, members=members, dropout=[0.0, 0.2]),
        class_weight="balanced",
        rows=np.arange(8),
        validation_rows=np.arange(8, ROWS),
        metrics="accuracy",
        shuffle=False,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", ["whole", "some of the columns", "by columns"])
def test_data_that_lie_on_the_device_in_any_way(cupy: Any, layout: str, dtype: str) -> None:
    given = cupy.array(X, dtype)
    if layout == "some of the columns":
        given = cupy.array(np.hstack([X, X]), dtype)[:, :FEATURES]
    elif layout == "by columns":
        given = cupy.array(X.T.copy(), dtype).T
    parameters = []
    for data, wrap in ((X, np.asarray), (given, cupy.array)):
        net = mc.MLP([FEATURES, 6, OUTPUTS], backend=cupy.backend)
        net.fit(
            data,
            wrap(LABELS),
            rows=wrap(np.arange(8)),
            validation_data=(data, wrap(LABELS)),
            batch_size=4,
            epochs=2,
            progress=False,
        )
        parameters.append(net.parameters.get())
    np.testing.assert_array_equal(*parameters)


def test_members_leave_and_the_rest_is_recorded_anew(cupy: Any) -> None:
    """Whoever stops early or diverges makes room; the others end where the CPU's do."""
    settings: dict[str, Any] = {
        "validation_data": (-X, np.roll(LABELS, 1)),
        "early_stopping": 2,
        "epochs": 30,
        "optimizer": mc.Adam([0.001, 0.1, 0.3], epsilon=1e-2),
    }
    nets = twins(cupy, members=MEMBERS, normalization="layer")
    ours, theirs = (fit(net, how, **settings) for net, how in zip(nets, (True, False)))
    assert ours.stopped == theirs.stopped
    np.testing.assert_array_equal(ours.best_epoch, theirs.best_epoch)
    np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-8)
    for name, value in nets[0].tensors().items():
        np.testing.assert_allclose(value, nets[1].tensors()[name], rtol=1e-8, err_msg=name)


def test_a_state_goes_on(cupy: Any) -> None:
    nets = twins(cupy, members=MEMBERS)
    for net, recorded in zip(nets, (True, False)):
        state = training.State(net, mc.Adam(0.01, epsilon=1e-2))
        for _ in range(2):
            fit(net, recorded, optimizer=None, state=state)
    for name, value in nets[0].tensors().items():
        np.testing.assert_allclose(value, nets[1].tensors()[name], rtol=1e-8, err_msg=name)


@either
def test_steps_call_by_call(cupy: Any, members: int | None) -> None:
    """What serves where nothing can be captured: the kernels, and CuPy's own products."""
    nets = twins(cupy, members=members, normalization="layer", dropout=0.3)
    for net in nets:
        fit(net, False, optimizer=mc.Adam(0.01, clip_norm=0.3), sample_weight=WEIGHTS[0])
    for name, value in nets[0].tensors().items():
        np.testing.assert_allclose(value, nets[1].tensors()[name], rtol=1e-8, err_msg=name)


def test_every_primitive_of_the_cpu_s_plans_is_on_the_device() -> None:
    """But orders, drawn on the host: a device gets those of many steps at once."""
    if kernels.native() is None:
        pytest.skip("there are no compiled kernels to compare with")
    products = {"affine", "affine_input_gradient", "affine_weight_gradient"}
    assert set(kernels.native().names()) - products - {"permutation"} <= set(SIGNATURES)


def test_more_steps_than_a_graph_or_a_window_holds(cupy: Any, monkeypatch: Any) -> None:
    """Counters and windows go on where a graph, or a piece of the timetable, ends."""
    monkeypatch.setattr(plan, "STEPS_OF_A_GRAPH", 3)
    monkeypatch.setattr(plan, "MOST_STEPS", 4)
    nets = twins(cupy, members=MEMBERS)
    assert_equal_steps(*nets, batch_size=1, optimizer=mc.SGD(schedules.CosineDecay(0.1, epochs=3)))


@either
def test_a_hundred_steps_in_float32(cupy: Any, members: int | None) -> None:
    """The same draws, and parameters within 1e-4 of the CPU's."""
    nets = twins(cupy, members=members, dtype="float32", dropout=0.1)
    for net, recorded in zip(nets, (True, False)):
        fit(net, recorded, epochs=34, optimizer=mc.Adam(0.01, epsilon=1e-4))
    expected = nets[1].tensors()
    for name, value in nets[0].tensors().items():
        apart = np.max(np.abs(value - expected[name])) / np.max(np.abs(expected[name]))
        assert apart < 1e-4, name


@either
def test_the_same_bits_again(cupy: Any, members: int | None) -> None:
    arguments = {"members": members, "normalization": "batch", "dropout": 0.2, "dtype": "float32"}
    nets = [twins(cupy, **arguments)[0] for _ in range(2)]
    for net in nets:
        fit(net, True, optimizer="adam")
    first, second = (net.tensors() for net in nets)
    for name, value in first.items():
        assert value.tobytes() == second[name].tobytes()


@either
def test_divergence_in_the_same_place(cupy: Any, members: int | None) -> None:
    nets = twins(cupy, members=members, output="identity", normalization="layer")
    places = []
    for net, recorded in zip(nets, (True, False)):
        with pytest.raises(mc.DivergenceError) as raised:
            fit(net, recorded, VALUES, optimizer=mc.SGD(1e100), epochs=20)
        places.append((raised.value.epoch, raised.value.step))
    assert places[0] == places[1]
    for name, value in nets[0].tensors().items():
        np.testing.assert_allclose(value, nets[1].tensors()[name], rtol=1e-6, err_msg=name)


def test_neighbours_of_a_diverging_member(cupy: Any) -> None:
    nets = twins(cupy, members=MEMBERS, output="identity", dropout=0.1)
    histories = []
    for net, recorded in zip(nets, (True, False)):
        with pytest.warns(RuntimeWarning, match=r"members \[1\], training diverged"):
            histories.append(fit(net, recorded, VALUES, optimizer=mc.SGD([0.01, 1e200, 0.02])))
    assert histories[0].diverged == histories[1].diverged
    np.testing.assert_allclose(histories[0].loss, histories[1].loss, rtol=1e-6)
    for name, value in nets[0].tensors().items():
        np.testing.assert_allclose(value, nets[1].tensors()[name], rtol=1e-6, err_msg=name)


def recorded_step(cupy: Any, y: Any = VALUES, **arguments: Any) -> Any:
    """A step of 4 rows, ready to run; its order, rates and losses are in its timetable."""
    net, _ = twins(cupy, output="identity", normalization="batch", **arguments)
    state = training.State(net, mc.SGD(0.1, momentum=0.9))
    data = prepare(net, X, y, None, None, None)
    job = Job(data, None, batches(ROWS, 4), shuffle=False, recorded=True)
    crew = Crew(state, job, np.arange(net.members or 1))
    crew.timetable.lay_out(state)
    return crew.step


def host(step: Any) -> list[np.ndarray]:
    return [array.get() for array in step.buffers.arrays]


def test_whoever_stops_is_changed_no_more(cupy: Any) -> None:
    """From its first infinite loss on: neither parameters nor statistics nor moments."""
    step, other = (recorded_step(cupy, members=MEMBERS) for _ in range(2))
    step.timetable.losses[...] = 77
    for each in (step, other):
        each.timetable.rates[0, 1] = 1e200
    np.testing.assert_array_equal(step.run(0, 3, np.array([True, True, False])), [-1, 1, -1])
    losses = step.timetable.losses
    assert np.isfinite(losses[:, 0]).all()
    assert np.isfinite(losses[0, 1])
    assert not np.isfinite(losses[1, 1])
    np.testing.assert_array_equal(losses[:, 2], 77)
    assert losses[2, 1] == 77
    fresh = host(recorded_step(cupy, members=MEMBERS))
    for got, before in zip(host(step), fresh, strict=True):
        assert not np.array_equal(got[0], before[0])
        np.testing.assert_array_equal(got[2], before[2])
        assert np.isfinite(got[0]).all()
    other.run(0, 1, np.ones(MEMBERS, dtype=bool))
    for got, after_one in zip(host(step), host(other), strict=True):
        np.testing.assert_array_equal(got[1], after_one[1])


def test_work_of_other_streams_comes_first(cupy: Any) -> None:
    """A replay on a stream of its own sees what was written on the current one, and the reverse."""
    nets = twins(cupy, members=None)
    with cupy.xp.cuda.Stream(non_blocking=True):
        ours = fit(nets[0], True, epochs=5)
    theirs = fit(nets[1], False, epochs=5)
    np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-10)
    np.testing.assert_allclose(nets[0].parameters.get(), nets[1].parameters, rtol=1e-10)


def test_memory_beyond_the_device_is_refused(cupy: Any) -> None:
    memory.check_memory("an array", 1)
    with pytest.raises(MemoryError, match=r"needs 1073741824 MiB on gpu:0, .* free of \d+ MiB"):
        memory.check_memory("an array", 1 << 50)


# What is captured, on the stand-in only


def test_a_replay_is_one_graph_of_the_steps_calls(on_the_shim: Any) -> None:
    step = recorded_step(on_the_shim)
    full = step._full
    assert full._stream.non_blocking
    many, one = full._graphs.values()
    assert len(many.calls) == plan.STEPS_OF_A_GRAPH * len(one.calls)
    on_the_shim.launched.clear()
    before = len(on_the_shim.blas.algorithms)
    on_the_shim.xp.zeros = on_the_shim.xp.empty = None  # nothing is allocated any more
    step.run(0, 2, np.ones(1, dtype=bool))
    assert (many.launches, one.launches) == (0, 2)
    products = len(on_the_shim.blas.algorithms) - before
    names = [name for name, *_ in on_the_shim.launched]
    assert products == 2 * 8
    assert len(names) + products == 2 * len(one.calls)
    assert names[-1] == "next_step_i64"
    assert names.count("affine_bias_gradient_f64") == 2 * 3  # batch normalization lies between
    assert names.count("stop_if_not_finite_f64") == 2


def test_a_workspace_is_refused_before_anything_is_allocated(
    on_the_shim: Any, monkeypatch: Any
) -> None:
    sizes = types.SimpleNamespace(memGetInfo=lambda: (20 << 20, 64 << 20))
    monkeypatch.setattr(on_the_shim.xp.cuda, "runtime", sizes)
    monkeypatch.setattr(on_the_shim.xp, "zeros", None)
    monkeypatch.setattr(on_the_shim.xp, "empty", None)
    with pytest.raises(MemoryError, match=r"needs 33 MiB on gpu:0, .* 21 MiB, .* free of 64 MiB"):
        recorded_step(on_the_shim)


def test_products_share_a_workspace_as_large_as_they_need(on_the_shim: Any) -> None:
    step = recorded_step(on_the_shim)
    found = {
        id(launch.workspace): launch.workspace.nbytes
        for launch in step._full._launches
        if isinstance(launch, products.Product)
    }
    assert list(found.values()) == [memory.aligned(NEEDED + products.SPARE_BYTES)]


def test_data_beyond_the_device_are_refused_before_they_are_copied(
    on_the_shim: Any, monkeypatch: Any
) -> None:
    net, _ = twins(on_the_shim)
    sizes = types.SimpleNamespace(memGetInfo=lambda: (0, 64 << 20))
    monkeypatch.setattr(on_the_shim.xp.cuda, "runtime", sizes)
    many = np.broadcast_to(X[:1], (1 << 16, FEATURES))
    with pytest.raises(MemoryError, match=r"got an array that needs 2 MiB on gpu:0, .* 1 MiB"):
        fit(net, True, X=many, y=np.zeros(1 << 16, dtype=int), stream=False)


def test_bias_gradients_are_summed_behind_the_derivative(on_the_shim: Any) -> None:
    net, other = twins(on_the_shim, activation="gelu(approximate='tanh')", members=MEMBERS)
    assert_equal_steps(net, other)
    names = [name for name, *_ in on_the_shim.launched]
    assert names.count("gelu_tanh_backward_f64") == 2 * names.count("affine_bias_gradient_f64")


def test_the_replay_waits_for_the_current_stream(on_the_shim: Any) -> None:
    step = recorded_step(on_the_shim)
    waited = len(step._full._stream.waited_for)
    step.run(0, 2, np.ones(1, dtype=bool))
    current, copies = step._full._stream.waited_for[waited:]
    assert current.stream.ptr == 0
    assert copies.stream is step._full._copies


def test_steps_are_recorded_where_cublaslt_is_bound(standing_in: Any, monkeypatch: Any) -> None:
    assert standing_in.backend.records
    monkeypatch.setenv("MLPCORE_KERNELS", "off")
    assert not standing_in.backend.records
    monkeypatch.delenv("MLPCORE_KERNELS")
    monkeypatch.setattr(products, "available", lambda: False)
    assert not standing_in.backend.records


def test_a_call_without_a_kernel_says_so(standing_in: Any) -> None:
    recording = plan.Plan(standing_in.backend.device)
    x = recording.symbol(standing_in.array(np.zeros((4, 3), np.float32)).T)
    mc.functions.relu(x)
    with pytest.raises(NotImplementedError, match=r"no CUDA kernel for relu: .* not contiguous"):
        recording.finish()


def test_a_bias_that_no_product_adds_is_added_behind_it(on_the_shim: Any) -> None:
    on_the_shim.blas.missing.add("BIAS")
    assert_equal_steps(*twins(on_the_shim, members=MEMBERS))
    assert "identity_f64" in {name for name, *_ in on_the_shim.launched}
