"""``python -m bench.sweeps``: a sweep beside scikit-learn's grid search, a stack beside `jax.vmap`.

Everything is trained on the optical digits, by Adam in float32.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import mlpcore as mc
from mlpcore.experiments.plan import Bucket, plan
from mlpcore.experiments.study import study
from mlpcore.experiments.train import Task, train
from mlpcore.io import load_digits
from mlpcore.training import State, fit

from .charts.sweeps import picture
from .machine import machine, slug, stamp
from .show import say
from .statistics import Spread
from .tables.sweeps import paragraphs

#: Tells these files from others in the same folder.
FORMAT = "mlpcore-sweeps-1"
RESULTS = Path(__file__).resolve().parent / "results"

WIDTHS = ((32,), (100,))
RATES = tuple(float(f"{rate:.3g}") for rate in np.geomspace(2e-3, 5e-2, 8))
BATCH, EPOCHS = 200, 30
#: What the figures should be: how many times faster at least, how far apart at most.
TARGETS = {"scikit-learn": 6.0, "jax": 2.5, "accuracy": 0.005, "leaving": 0.8}


def main(arguments: list[str] | None = None) -> None:
    """Measure, show, draw, and keep what was found."""
    options = _options(arguments)
    facts = machine()
    seeds, rounds = (1, 1) if options.quick else (5, options.rounds)
    found: dict[str, Any] = {"format": FORMAT, **stamp(), "rounds": rounds, "targets": TARGETS}
    found["machine"] = facts
    for name, measure in MEASURES.items():
        say(f"{name} ...")
        found[name] = measure(seeds, rounds)
    found = json.loads(json.dumps(found))  # as it is read again
    print(*paragraphs(found), sep="\n\n")
    if options.output or not options.quick:
        path = options.output or RESULTS / f"sweeps-{slug(facts)}.json"
        path.write_text(json.dumps(found, indent=1) + "\n")
        picture(found, path.with_suffix(".png"))
        say(f"written to {path} and {path.with_suffix('.png')}")


def grid_search(seeds: int, rounds: int) -> dict[str, Any]:
    """5 folds x seeds x 8 learning rates x 2 widths, by us and by scikit-learn on 2 processes."""
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.neural_network import MLPClassifier

    X, y = load_digits()
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    space = {"hidden": list(WIDTHS), "learning_rate": list(RATES)}
    common = {"epochs": EPOCHS, "batch_size": BATCH, "init": "glorot_uniform", "cv": folds}
    estimate = sum(mc.plan_sweep(space, X, y, seeds=seeds, **common).seconds)
    theirs = GridSearchCV(
        # No penalty, and no end before the last epoch.
        MLPClassifier(
            max_iter=EPOCHS, batch_size=BATCH, alpha=0.0, tol=0.0, n_iter_no_change=EPOCHS + 1
        ),
        {
            "hidden_layer_sizes": WIDTHS,
            "learning_rate_init": RATES,
            "random_state": range(seeds),
        },
        cv=folds,
        refit=False,
        n_jobs=2,
    )
    taken: dict[str, list[float]] = {"ours": [], "scikit-learn": []}
    for _ in range(rounds):
        with timed(taken["ours"]):
            ours = mc.sweep(space, X, y, seeds=seeds, refit=False, progress=False, **common)
        # It warns of each fit that it ended at the last epoch, as it should.
        with warnings.catch_warnings(action="ignore"), timed(taken["scikit-learn"]):
            theirs.fit(X, y)
    shape = (len(WIDTHS), len(RATES), seeds)
    scores = theirs.cv_results_["mean_test_score"].reshape(shape).mean(axis=-1).ravel()
    return {
        "fits": len(ours.records),
        "estimate": estimate,
        "widths": [width for (width,) in WIDTHS],
        "rates": RATES,
        "accuracy": {
            "ours": ours.columns["mean_test_score"].tolist(),
            "scikit-learn": scores.tolist(),
        },
        "seconds": taken,
    }


def vmap(seeds: int, rounds: int) -> dict[str, Any]:
    """An epoch of one stack, width 100, all rates, folds and seeds; JAX in a process of its own."""
    X, y = load_digits()
    members = len(RATES) * 5 * seeds
    rows = np.stack(
        [np.sort(np.random.default_rng(e).permutation(len(X))[:1437]) for e in range(members)]
    )
    rates = np.resize(RATES, members)
    sizes = (64, 100, 10)
    taken: dict[str, list[float]] = {"ours": []}
    jax = importlib.util.find_spec("jax") is not None
    context = multiprocessing.get_context("spawn")
    for _ in range(rounds):
        taken["ours"] += _epochs(sizes, members, X, y, rows, mc.Adam(rates))
        for scan in (False, True) if jax else ():
            from .workers.vmap import seconds_an_epoch

            with ProcessPoolExecutor(1, mp_context=context) as process:
                task = process.submit(
                    seconds_an_epoch, X, y, rows, rates, sizes, BATCH, EPOCHS, scan
                )
                taken.setdefault(f"jax_{'scan' if scan else 'jit'}", []).extend(task.result())
    return {"members": members, "seconds": taken}


def members(seeds: int, rounds: int) -> dict[str, Any]:
    """Seconds and bytes a member and epoch, for stacks of 1 to 1024, on every backend at hand."""
    from mlpcore.backend.at_hand import at_hand

    X, y = load_digits()
    counts = (1, 4, 16) if rounds == 1 else tuple(2**power for power in range(11))
    found: dict[str, Any] = {"members": counts, "seconds": {}, "bytes": {}}
    for backend in at_hand():
        found["seconds"][backend] = [
            float(np.median(_epochs((64, 100, 10), count, X, y, None, mc.Adam(), backend))) / count
            for count in counts
        ]
    space = {"hidden": (100,), "seed": range(max(counts))}
    pair = [(np.arange(1437), np.arange(1437, len(X)))]
    asked = study(space, X, y, cv=pair, epochs=1, batch_size=BATCH)
    for count in counts:
        (bucket,) = plan(asked.problem, asked.members(range(count))).buckets
        tracemalloc.start()
        train(asked.problem, Task(bucket, 1))
        measured = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        found["bytes"][count] = {"counted": bucket.bytes / count, "measured": measured / count}
    return found


def leaving(seeds: int, rounds: int) -> dict[str, Any]:
    """64 members for 30 epochs: all to the end, or half of them stopped after 15."""
    X, y = load_digits()
    taken: dict[str, list[float]] = {"all": [], "half leave": []}
    for _ in range(2 * rounds):
        for name, times in taken.items():
            net = mc.MLP([64, 100, 10], members=64, seed=range(64))
            state = State(net, mc.Adam())
            with timed(times):
                for _ in range(2):
                    fit(net, X, y, epochs=EPOCHS // 2, batch_size=BATCH, state=state)
                    if name != "all":
                        state.active[::2] = False
    return {"seconds": taken}


def padding(seeds: int, rounds: int) -> dict[str, Any]:
    """Two widths as one padded stack or as two, and what the model of costs says of it."""
    X, y = load_digits()
    pair = [(np.arange(1437), np.arange(1437, len(X)))]
    found = []
    for first, second, count in ((32, 36, 4), (32, 100, 4), (32, 36, 64), (32, 64, 64)):
        space = {"hidden": [(first,), (second,)], "seed": range(count)}
        asked = study(space, X, y, cv=pair, epochs=EPOCHS // 3, batch_size=BATCH)
        everyone = asked.members(range(2 * count))
        chosen = plan(asked.problem, everyone)
        apart = [
            plan(asked.problem, [m for m in everyone if m.recipe.hidden == (width,)]).buckets[0]
            for width in (first, second)
        ]
        together = Bucket(tuple(everyone), apart[1].sizes, 1437, 0)
        times: dict[str, list[float]] = {"together": [], "apart": []}
        for _ in range(3 * rounds):
            for name, buckets in (("together", [together]), ("apart", apart)):
                with timed(times[name]):
                    for bucket in buckets:
                        train(asked.problem, Task(bucket, EPOCHS // 3))
        found.append(
            {
                "widths": [first, second],
                "members of each": count,
                "chosen": "together" if len(chosen.buckets) == 1 else "apart",
                **{name: Spread.of(values).median for name, values in times.items()},
            }
        )
    return {"pairs": found}


MEASURES: dict[str, Callable[[int, int], dict[str, Any]]] = {
    "grid_search": grid_search,
    "vmap": vmap,
    "members": members,
    "leaving": leaving,
    "padding": padding,
}


@contextmanager
def timed(times: list[float]) -> Iterator[None]:
    """Append the seconds of the block."""
    began = time.perf_counter()
    yield
    times.append(time.perf_counter() - began)


def _epochs(
    sizes: tuple[int, ...],
    members: int,
    X: np.ndarray,
    y: np.ndarray,
    rows: np.ndarray | None,
    optimizer: mc.Adam,
    backend: str = "cpu",
) -> list[float]:
    """The seconds of each epoch after the first, which records the step."""
    net = mc.MLP(sizes, members=members, seed=range(members), backend=backend)
    ends: list[float] = []
    net.fit(
        X,
        y,
        rows=np.arange(1437) if rows is None else rows,
        optimizer=optimizer,
        batch_size=BATCH,
        epochs=1 + EPOCHS,
        callbacks=[lambda _: ends.append(time.perf_counter())],
        progress=False,
    )
    return np.diff(ends).tolist()


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.sweeps", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="by default 3")
    parser.add_argument("--quick", action="store_true", help="one seed, one round, nothing kept")
    parser.add_argument("--output", type=Path, help="where to keep the results, a JSON file")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
