"""Recorded steps: fused and replayed, against the same calls made one by one."""

from __future__ import annotations

import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

_cpu = pytest.importorskip("mlpcore.backend._cpu", reason="the kernels are not built")

nan = np.nan
_STATM = Path("/proc/self/statm")


class Network:
    """A training step of a small classifier, for a plan and for single calls."""

    def __init__(
        self,
        sizes: list[int],
        batch: int,
        steps: int,
        *,
        activation: str = "relu",
        members: tuple[int, ...] = (),
        dtype: str = "float32",
        seed: int = 0,
    ):
        rng = np.random.default_rng(seed)
        self.steps, self.batch, self.members, self.dtype = steps, batch, members, dtype
        self.x = rng.normal(size=(steps * batch, sizes[0])).astype(dtype)
        self.labels = rng.integers(0, sizes[-1], size=steps * batch)
        rows = [rng.permutation(steps * batch) for _ in range(int(np.prod(members)))]
        self.index = np.array(rows).reshape(*members, -1)
        shapes = [s for i, o in itertools.pairwise(sizes) for s in ((i, o), (o,))]
        ends = np.cumsum([int(np.prod(s)) for s in shapes])
        self.theta, self.g, self.m, self.v = np.zeros((4, *members, ends[-1]), dtype)
        self.theta[...] = rng.normal(size=self.theta.shape) / 3

        def views(flat: np.ndarray) -> list[np.ndarray]:
            starts = [0, *ends[:-1]]
            return [
                flat[..., a:b].reshape(*members, *s)
                for a, b, s in zip(starts, ends, shapes, strict=True)
            ]

        self.parameters, self.gradients = views(self.theta), views(self.g)
        self.loss = np.zeros((*members, steps), dtype)
        self.rates = np.linspace(1e-3, 1e-2, steps)
        self.counts = np.arange(1, steps + 1, dtype=np.float64)
        self.sizes, self.activation = sizes, activation

    def empty(self, *shape: int, dtype: Any = None) -> np.ndarray:
        return np.zeros((*self.members, *shape), dtype or self.dtype)

    def at(self, array: np.ndarray, width: int, step: int) -> np.ndarray:
        """What a step sees of an array that holds the values of all steps."""
        if array is self.index:
            return array[..., step * width : (step + 1) * width]
        return array[..., step : step + 1].reshape(array.shape[:-1])

    def calls(self, stepped: Any) -> list[tuple[str, list[Any], list[Any], dict[str, Any]]]:
        """The calls of a step; ``stepped(array, axis_item)`` is what moves from step to step."""
        n, sizes = self.batch, self.sizes
        x, labels = self.empty(n, sizes[0]), self.empty(n, dtype=np.int64)
        index = stepped(self.index, n)
        loss = stepped(self.loss, 1)
        made: list[Any] = [
            ("gather_rows", [self.x, index], [x], {}),
            ("gather_values", [self.labels, index], [labels], {}),
        ]
        a, inputs, hidden = x, [], []
        for layer in range(len(sizes) - 1):
            weight, bias = self.parameters[2 * layer : 2 * layer + 2]
            z = self.empty(n, sizes[layer + 1])
            made.append(("affine", [a, weight, bias], [z], {}))
            inputs.append(a)
            if layer < len(sizes) - 2:
                a = self.empty(n, sizes[layer + 1])
                made.append((self.activation, [z], [a], {}))
                hidden.append((z, a))
        dz = self.empty(n, sizes[-1])
        made.append(("softmax_cross_entropy_value_and_gradient", [z, labels, None], [loss, dz], {}))
        made.append(("stop_if_not_finite", [loss], [], {}))
        for layer in reversed(range(len(sizes) - 1)):
            dw, db = self.gradients[2 * layer : 2 * layer + 2]
            made.append(("affine_weight_gradient", [inputs[layer], dz], [dw], {}))
            made.append(("affine_bias_gradient", [dz], [db], {}))
            if layer:
                da, before = self.empty(n, sizes[layer]), self.empty(n, sizes[layer])
                made.append(("affine_input_gradient", [dz, self.parameters[2 * layer]], [da], {}))
                z, y = hidden[layer - 1]
                made.append((f"{self.activation}_backward", [da, z, y], [before], {}))
                dz = before
        parameters = {"learning_rate": stepped(self.rates, 1), "step": stepped(self.counts, 1)}
        arrays = [self.theta, self.g, None, None, self.m, self.v]
        made.append(("adam", arrays, [self.theta, self.m, self.v], parameters))
        return made

    def plan(self, threads: int) -> Any:
        """The step, recorded."""

        def stepped(array: np.ndarray, width: int) -> Any:
            return _cpu.Stepped(self.at(array, width, 0), width * array.itemsize)

        plan = _cpu.Plan(threads)
        for call in self.calls(stepped):
            plan.add(*call)
        plan.finish()
        return plan

    def one_by_one(self) -> None:
        """The same steps without a plan."""
        for step in range(self.steps):
            for name, inputs, outputs, parameters in self.calls(partial(self.at, step=step)):
                if name != "stop_if_not_finite":
                    _cpu.call(name, inputs, outputs, parameters, 1)


CASES = [
    ([4, 3, 2, 2], 32, ()),
    ([64, 100, 10], 50, ()),
    ([300, 130, 70, 5], 120, ()),
    ([16, 32, 4], 20, (5,)),
    ([20, 17, 9, 3], 7, (3,)),
    ([64, 100, 10], 301, ()),
    ([3, 70, 2], 29, ()),
    ([2, 40, 3], 13, (3,)),
    ([250, 130, 5], 800, (2,)),
]


@pytest.mark.parametrize(("sizes", "batch", "members"), CASES, ids=str)
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "identity"])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_replay_equals_single_calls(
    sizes: Any, batch: int, members: Any, activation: str, threads: int, dtype: str
) -> None:
    ours = Network(sizes, batch, 5, activation=activation, members=members, dtype=dtype)
    theirs = Network(sizes, batch, 5, activation=activation, members=members, dtype=dtype)
    plan = ours.plan(threads)
    stopped = np.concatenate([plan.run(0, 2)[None], plan.run(2, 5)[None]])
    assert stopped.dtype == np.int64
    assert (stopped == -1).all()
    theirs.one_by_one()
    tolerance = 1e-3 if dtype == "float32" else 1e-10
    np.testing.assert_allclose(ours.loss, theirs.loss, rtol=tolerance)
    np.testing.assert_allclose(ours.theta, theirs.theta, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("sizes", [[64, 100, 10], [300, 260, 5]], ids=str)
def test_which_thread_takes_a_part_changes_no_bit(sizes: Any) -> None:
    # More threads than processors, and four plans at once of which the pool serves only one.
    networks = [Network(sizes, 700, 6, activation="gelu") for _ in range(5)]
    plans = [network.plan(7) for network in networks]
    plans[0].run(0, 6)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda plan: plan.run(0, 6), plans[1:]))
    for network in networks[1:]:
        np.testing.assert_array_equal(network.loss, networks[0].loss)
        np.testing.assert_array_equal(network.theta, networks[0].theta)


LARGE = [(150, 700, 260), (300, 75, 1100), (41, 2100, 300)]
#: Of more rows than a slice: their threads' sums joined, cut by columns, cut by rows.
LARGE += [(1100, 70, 130), (600, 520, 600), (600, 700, 210)]
#: Whose first factor is copied however they are cut.
COPIED = [*(shape for shape in LARGE if np.prod(shape) > 24_000_000), (2000, 130, 100)]


@pytest.mark.parametrize("shape", LARGE, ids=str)
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_large_products(
    shape: Any, threads: int, dtype: str, instruction_set: str, rng: np.random.Generator
) -> None:
    """Their factors are copied: all at once by all threads, or slice by slice by each."""
    n, i, o = shape
    x, weight, bias, dz = (rng.normal(size=s).astype(dtype) for s in [(n, i), (i, o), (o,), (n, o)])
    z, dw, db, dx = (np.full(s, nan, dtype) for s in [(n, o), (i, o), (o,), (n, i)])
    plan = _cpu.Plan(threads)
    plan.add("affine", [x, weight, bias], [z], {})
    plan.add("affine_weight_gradient", [x, dz], [dw], {})
    plan.add("affine_bias_gradient", [dz], [db], {})
    plan.add("affine_input_gradient", [dz, weight], [dx], {})
    plan.finish()
    for _ in range(3):
        plan.run(0, 1)
    x, weight, bias, dz = (array.astype(np.float64) for array in (x, weight, bias, dz))
    expected = [(z, x @ weight + bias), (dw, x.T @ dz), (db, dz.sum(0)), (dx, dz @ weight.T)]
    tolerance = 1e-3 if dtype == "float32" else 1e-11
    for got, reference in expected:
        np.testing.assert_allclose(got, reference, rtol=0, atol=tolerance)


class Shuffled:
    """Two steps of a large layer, each on its rows of a data set."""

    def __init__(self, shape: tuple[int, int, int], dtype: str, rng: np.random.Generator):
        n, i, o = self.shape = shape
        self.data, self.dz = (rng.normal(size=s).astype(dtype) for s in [(2 * n, i), (n, o)])
        self.weight, self.bias = (rng.normal(size=s).astype(dtype) for s in [(i, o), (o,)])
        self.index = rng.permutation(2 * n)
        self.x, self.z, self.dw = (np.full(s, nan, dtype) for s in [(n, i), (n, o), (i, o)])

    def plan(self, threads: int, reader: tuple[str, np.ndarray] | None = None) -> Any:
        n = self.shape[0]
        plan = _cpu.Plan(threads)
        index = _cpu.Stepped(self.index[:n], n * self.index.itemsize)
        plan.add("gather_rows", [self.data, index], [self.x], {})
        plan.add("affine", [self.x, self.weight, self.bias], [self.z], {})
        plan.add("affine_weight_gradient", [self.x, self.dz], [self.dw], {})
        if reader:
            plan.add(reader[0], [self.x], [reader[1]], {})
        plan.finish()
        return plan


@pytest.mark.parametrize("shape", COPIED, ids=str)
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_a_large_product_reads_shuffled_rows_where_they_lie(
    shape: Any, threads: int, dtype: str, instruction_set: str, rng: np.random.Generator
) -> None:
    step = Shuffled(shape, dtype, rng)
    plan = step.plan(threads)
    for number, rows in enumerate(np.split(step.index, 2)):
        plan.run(number, number + 1)
        x = step.data[rows].astype(np.float64)
        tolerance = 1e-3 if dtype == "float32" else 1e-11
        np.testing.assert_allclose(step.z, x @ step.weight + step.bias, rtol=0, atol=tolerance)
        np.testing.assert_allclose(step.dw, x.T @ step.dz, rtol=0, atol=tolerance)
    in_place = "gather_rows" not in plan.describe()
    assert in_place or instruction_set == "baseline"  # where a BLAS may multiply
    assert np.isnan(step.x).all() == in_place


@pytest.mark.parametrize("shape", COPIED, ids=str)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("bad", [-1, 1 << 40])
def test_a_large_product_refuses_an_index_out_of_range(
    shape: Any, threads: int, bad: int, rng: np.random.Generator
) -> None:
    step = Shuffled(shape, "float32", rng)
    plan = step.plan(threads)
    step.index[shape[0] - 1] = bad
    with pytest.raises(IndexError, match="index"):
        plan.run(0, 1)


def test_rows_that_others_read_are_copied(rng: np.random.Generator) -> None:
    step = Shuffled(LARGE[0], "float32", rng)
    copy = np.empty_like(step.x)
    plan = step.plan(2, ("tanh", copy))
    assert "gather_rows" in plan.describe()
    plan.run(1, 2)
    rows = step.index[LARGE[0][0] :]
    np.testing.assert_array_equal(step.x, step.data[rows])
    np.testing.assert_allclose(copy, np.tanh(step.x), rtol=1e-6)


@pytest.mark.parametrize("shape", [(33, 9, 490), (600, 700, 210), (600, 520, 600)], ids=str)
def test_however_many_threads_sum_up_a_bias_gradient(
    shape: Any, dtype: str, instruction_set: str, rng: np.random.Generator
) -> None:
    n, i, o = shape
    x, dz = (rng.normal(size=s).astype(dtype) for s in [(n, i), (n, o)])
    more = np.zeros(200_000, dtype)  # lest a plan be too short for threads
    found = []
    for threads in (1, 2, 3, 7):
        dw, db = np.full((i, o), nan, dtype), np.full(o, nan, dtype)
        plan = _cpu.Plan(threads)
        plan.add("affine_weight_gradient", [x, dz], [dw], {})
        plan.add("affine_bias_gradient", [dz], [db], {})
        plan.add("tanh", [more], [np.zeros_like(more)], {})
        plan.finish()
        plan.run(0, 1)
        found.append(db)
    for db in found[1:]:
        np.testing.assert_array_equal(db, found[0])


def test_neighbours_are_fused() -> None:
    steps = Network([8, 6, 3], 4, 1).plan(1).describe()
    assert "affine + relu" in steps
    assert "affine_input_gradient + relu_backward" in steps
    assert steps.count("affine_weight_gradient + affine_bias_gradient") == 2


@pytest.mark.parametrize("threads", [1, 2])
def test_a_member_stops_where_its_loss_is_not_finite(threads: int) -> None:
    network = Network([8, 6, 3], 10, 6, members=(4,))
    network.theta[2, 0] = nan
    before = network.theta.copy()
    stopped = network.plan(threads).run(0, 6, np.array([True, True, True, False]))
    assert stopped.tolist() == [-1, -1, 0, -1]
    np.testing.assert_array_equal(network.theta[2:], before[2:])
    assert np.isfinite(network.theta[:2]).all()
    assert (network.theta[:2] != before[:2]).all(axis=1).any()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("sizes", [[8, 6, 3], [200, 150, 10]], ids=str)
def test_a_single_network_stops_too(sizes: Any, threads: int) -> None:
    network = Network(sizes, 64, 6)
    network.x[network.index[3 * 64]] = nan
    assert network.plan(threads).run(0, 6).tolist() == [3]
    assert np.isfinite(network.theta).all()


def test_an_index_out_of_range_is_an_error() -> None:
    network = Network([8, 6, 3], 10, 2)
    network.index[13] = 20
    with pytest.raises(IndexError, match="index"):
        network.plan(1).run(0, 2)


def test_refusals() -> None:
    plan = _cpu.Plan(1)
    with pytest.raises(ValueError, match="no primitive"):
        plan.add("no_such", [], [], {})
    with pytest.raises(RuntimeError, match="finish"):
        plan.run(0, 1)
    with pytest.raises(ValueError, match="threads"):
        _cpu.Plan(0)
    stack, shared = np.zeros((3, 4, 5)), np.zeros((4, 5))
    plan.add("relu", [stack], [np.zeros_like(stack)], {})
    plan.add("relu", [shared], [np.zeros_like(shared)], {})
    with pytest.raises(ValueError, match="members"):
        plan.finish()


def test_arrays_stay_alive() -> None:
    plan = _cpu.Plan(1)
    out = np.zeros((2, 3))
    plan.add("relu", [np.ones((2, 3))], [out], {})
    plan.finish()
    np.zeros((2, 3))
    plan.run(0, 1)
    np.testing.assert_array_equal(out, 1.0)


def test_plans_run_side_by_side() -> None:
    networks = [Network([64, 100, 10], 50, 20, seed=seed) for seed in range(4)]
    plans = [network.plan(2) for network in networks]
    runners = [threading.Thread(target=plan.run, args=(0, 20)) for plan in plans]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    for seed, network in enumerate(networks):
        alone = Network([64, 100, 10], 50, 20, seed=seed)
        alone.plan(1).run(0, 20)
        np.testing.assert_allclose(network.theta, alone.theta, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("dtype", "size"), [("float64", 1e-200), ("float64", 1e200), ("float32", 1e-30)]
)
def test_threads_that_find_only_zeros_leave_the_norm_alone(dtype: str, size: float) -> None:
    g, out = np.zeros(400_000, dtype), np.zeros((), dtype)
    g[300_000:] = size
    plan = _cpu.Plan(4)
    plan.add("gradient_norm", [g, g, None], [out], {"l2": 0.0, "clip_value": None})
    plan.finish()
    plan.run(0, 1, None)
    assert float(out) == pytest.approx(size * 100_000**0.5, rel=1e-6, abs=0)


def _resident_bytes() -> int:
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not _STATM.exists(), reason="no /proc on this system")
@pytest.mark.skipif(
    "libasan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer keeps what was freed"
)
@pytest.mark.parametrize("members", [(), (3,)], ids=["single", "stacked"])
def test_a_steady_step_allocates_nothing(members: Any) -> None:
    network = Network([64, 100, 10], 50, 1000, members=members)
    plan = network.plan(2)
    plan.run(0, 100)
    before = _resident_bytes()
    plan.run(0, 1000)
    assert _resident_bytes() - before < 64 * 1024
