"""``python -m bench.sweeps``: a sweep beside scikit-learn's grid search, a stack beside `jax.vmap`.

Everything is trained on the optical digits, by Adam in float32.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import mlpcore as mc
from mlpcore.experiments.plan import Bucket, plan
from mlpcore.experiments.study import study
from mlpcore.experiments.train import Task, train
from mlpcore.io import load_digits
from mlpcore.io.pictures import FAINT, HELD_OUT, STYLE, TRAINING, logarithmic, write_picture
from mlpcore.training import State, fit

from .machine import machine, slug, stamp
from .statistics import Spread, ratios

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
    print(*report(found), sep="\n")
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
        "settings": [{k: str(v) for k, v in setting.items()} for setting in ours.settings],
        "accuracy": {
            "ours": ours.columns["mean_test_score"].tolist(),
            "scikit-learn": scores.tolist(),
        },
        **_compared(taken),
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
    return {"members": members, **_compared(taken)}


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
    shares = ratios(taken["half leave"], taken["all"])
    return {"seconds": taken, "share": asdict(shares)}


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


def _compared(taken: dict[str, list[float]]) -> dict[str, Any]:
    """The seconds, and how many times faster we are, round by round."""
    return {
        "seconds": taken,
        "times faster": {
            name: asdict(ratios(values, taken["ours"]))
            for name, values in taken.items()
            if name != "ours"
        },
    }


def report(found: dict[str, Any]) -> Iterator[str]:
    """The figures in lines, each beside its target."""
    grid, stack = found["grid_search"], found["vmap"]
    ours = Spread.of(grid["seconds"]["ours"]).median
    yield (
        f"{grid['fits']} fits in {ours:.3g} s (estimated {grid['estimate']:.3g} s), "
        f"{_faster(grid, 'scikit-learn')} scikit-learn"
    )
    apart = np.abs(np.subtract(*grid["accuracy"].values()))
    yield (
        f"mean accuracies apart by {apart.max():.4f} at most "
        f"(target {TARGETS['accuracy']}), {apart.mean():.4f} on average"
    )
    for name in stack["times faster"]:
        yield f"{stack['members']} members, an epoch: {_faster(stack, name, 'jax')} {name}"
    for backend, seconds in found["members"]["seconds"].items():
        each = ", ".join(
            f"{count}: {1e3 * value:.3g}"
            for count, value in zip(found["members"]["members"], seconds)
        )
        yield f"{backend}, milliseconds a member and epoch by members: {each}"
    sizes = found["members"]["bytes"]
    each = ", ".join(
        f"{n}: {v['measured'] / 1e3:.4g} ({v['counted'] / 1e3:.4g})" for n, v in sizes.items()
    )
    yield f"kB a member, measured and (counted): {each}"
    share = found["leaving"]["share"]["median"]
    yield f"half of the members leave halfway: {share:.3f} of the time ({TARGETS['leaving']})"
    for pair in found["padding"]["pairs"]:
        first, second = pair["widths"]
        yield (
            f"widths {first} and {second}, {pair['members of each']} of each: together "
            f"{pair['together']:.3g} s, apart {pair['apart']:.3g} s, planned {pair['chosen']}"
        )


def paragraphs(found: dict[str, Any]) -> list[str]:
    """The report in Markdown."""
    return ["\n".join(f"- {line}" for line in report(found))]


def picture(found: dict[str, Any], path: Path) -> None:
    """Draw accuracies setting by setting, times beside peers, and time by members."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(15, 4.4), dpi=130, layout="constrained")
        times, scores, scale = figure.subplots(1, 3)
        _draw_times(times, found)
        _draw_scores(scores, found["grid_search"])
        _draw_scale(scale, found["members"])
        write_picture(figure, path)


def _draw_times(axes: Any, found: dict[str, Any]) -> None:
    rows = [
        (f"{label} {name}", found[part]["times faster"][name]["median"], TARGETS[target])
        for part, label, target in (
            ("grid_search", "sweep /", "scikit-learn"),
            ("vmap", "stack /", "jax"),
        )
        for name in found[part]["times faster"]
    ]
    places = range(len(rows))
    axes.barh(places, [value for _, value, _ in rows], color=HELD_OUT, height=0.5)
    for place, (_, value, target) in zip(places, rows):
        axes.plot([target, target], [place - 0.38, place + 0.38], color=FAINT, lw=2)
        axes.text(value, place, f" {value:.2f}", va="center")
    axes.set_yticks(places, [label for label, *_ in rows])
    axes.set_xlabel("times faster; the lines are targets")
    axes.grid(visible=False)


def _draw_scores(axes: Any, grid: dict[str, Any]) -> None:
    for place, width in enumerate(WIDTHS):
        own = slice(place * len(RATES), (place + 1) * len(RATES))
        for name, look in (("scikit-learn", "--"), ("ours", "-")):
            axes.plot(
                *(RATES, grid["accuracy"][name][own], look),
                color=HELD_OUT if place else TRAINING,
                marker="o",
                ms=4,
                label=f"{name}, width {width[0]}",
            )
    axes.set_xscale("log")
    logarithmic(axes.xaxis)
    axes.minorticks_off()
    axes.set_xlabel("learning rate")
    axes.set_ylabel("mean accuracy")
    axes.legend()


def _draw_scale(axes: Any, found: dict[str, Any]) -> None:
    for backend, seconds in found["seconds"].items():
        axes.plot(found["members"], [1e3 * value for value in seconds], marker="o", label=backend)
    axes.set_xscale("log", base=2)
    axes.set_xticks(found["members"], found["members"])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("members of the stack")
    axes.set_ylabel("milliseconds a member and epoch")
    axes.legend()


def _faster(part: dict[str, Any], name: str, target: str = "") -> str:
    spread = part["times faster"][name]
    return (
        f"{spread['median']:.2f} times as fast ({spread['lower']:.2f} to {spread['upper']:.2f}; "
        f"target {TARGETS[target or name]}) as"
    )


def say(text: str) -> None:
    """Tell how far it is, beside what may be redirected."""
    print(text, file=sys.stderr, flush=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.sweeps", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="by default 3")
    parser.add_argument("--quick", action="store_true", help="one seed, one round, nothing kept")
    parser.add_argument("--output", type=Path, help="where to keep the results, a JSON file")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
