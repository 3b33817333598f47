"""One network that many threads ask at once: the bits of one thread alone, and no lock held."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlpcore as mc
from mlpcore.backend.devices import Backend
from mlpcore.network import inference

THREADS = 8


#: Lengths of inputs, some of them long enough for several threads and pieces.
LENGTHS = (1, 2, 3, 7, 16, 33, 100, 250, 1000)


def requests(net: mc.MLP, lengths: Sequence[int] = LENGTHS) -> list[np.ndarray]:
    numbers = np.random.default_rng(0)
    return [numbers.standard_normal((n, net.sizes[0]), dtype=np.float32) for n in lengths]


def hammer(net: mc.MLP, lengths: Sequence[int] = LENGTHS, calls: int = 40) -> None:
    """Ask from all threads at once; each answer has the bits that one thread alone gets."""
    inputs = requests(net, lengths)
    expected = [(net.predict(X), net.forward(X)) for X in inputs]
    start = threading.Barrier(THREADS)

    def ask(thread: int) -> int:
        order = np.random.default_rng(thread).integers(0, len(inputs), calls)
        start.wait()
        for i in order:
            np.testing.assert_array_equal(net.predict(inputs[i]), expected[i][0])
            np.testing.assert_array_equal(net.forward(inputs[i]), expected[i][1])
        return len(order)

    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(ask, range(THREADS))) == [calls] * THREADS


NETWORKS: dict[str, dict[str, Any]] = {
    "single": {"sizes": [20, 64, 32, 5], "normalization": "batch", "activation": "gelu"},
    "wide": {"sizes": [128, 512, 256, 10]},
    "stack": {"sizes": [20, 64, 5], "members": 5, "normalization": "layer"},
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_many_threads_get_the_bits_of_one(kind: str) -> None:
    hammer(mc.MLP(**NETWORKS[kind]))


def test_many_threads_whose_products_are_the_blass() -> None:
    net = mc.MLP([2048, 2048, 10], init="zeros")
    net.weights[0][...] = np.random.default_rng(0).standard_normal((2048, 2048), dtype=np.float32)
    hammer(net, lengths=(256,), calls=2)


@pytest.mark.parametrize("kind", ["single", "stack"])
def test_many_threads_call_by_call(kind: str) -> None:
    net = mc.MLP(**NETWORKS[kind])
    net.inference = inference.FunctionalInference(net)
    hammer(net)


def test_many_threads_without_the_kernels() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import mlpcore as mc, test_serving as t\n"
    code += "for kind in ('single', 'stack'): t.hammer(mc.MLP(**t.NETWORKS[kind]))"
    subprocess.run(
        [sys.executable, "-P", "-c", code, str(Path(__file__).parent)],
        env=os.environ | {"MLPCORE_KERNELS": "off", "OPENBLAS_NUM_THREADS": "1"},
        check=True,
    )


def test_threads_that_train_and_threads_that_predict() -> None:
    """Networks have nothing in common but the threads of the machine."""
    net = mc.MLP([20, 64, 5])
    X, y = requests(net)[-1], np.arange(1000) % 5
    expected = net.predict(X)

    def train(seed: int) -> np.ndarray:
        other = mc.MLP([20, 64, 5], seed=seed)
        other.fit(X, y, epochs=5, batch_size=50, progress=False)
        return np.asarray(other.parameters)

    alone = [train(seed) for seed in range(2)]
    with ThreadPoolExecutor(4) as pool:
        trained = [pool.submit(train, seed) for seed in range(2)]
        asked = [pool.submit(net.predict, X) for _ in range(100)]
        for answer in asked:
            np.testing.assert_array_equal(answer.result(), expected)
        for seed, parameters in enumerate(trained):
            np.testing.assert_array_equal(parameters.result(), alone[seed])


@pytest.mark.parametrize("members", [None, 4])
def test_the_interpreter_runs_on_meanwhile(
    members: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one thread predicts in one native call, another is never kept waiting for its end."""
    monkeypatch.setattr(Backend, "cache_bytes", 1 << 40)
    net = mc.MLP([256, 512, 512, 10], members=members)
    if not net.backend.records:
        pytest.skip("there are no compiled kernels, and NumPy lets go of the interpreter by itself")
    X = np.zeros((12_288 if members is None else 3_072, 256), dtype=np.float32)
    net.predict(X)
    # A machine may keep a thread waiting for reasons of its own, but not each time.
    assert min(_longest_gap(net, X) for _ in range(5)) < 0.7


def _longest_gap(net: mc.MLP, X: np.ndarray) -> float:
    """How long a counting thread stands still while another predicts, as a share of that time."""
    done, gaps, turns = threading.Event(), [0.0], [0]

    def count() -> None:
        last = time.perf_counter()
        while not done.is_set():
            now = time.perf_counter()
            gaps[0] = max(gaps[0], now - last)
            last = now
            turns[0] += 1

    counter = threading.Thread(target=count)
    counter.start()
    start = time.perf_counter()
    net.predict(X)
    taken = time.perf_counter() - start
    done.set()
    counter.join()
    return gaps[0] / taken if turns[0] > 1000 else 1.0
