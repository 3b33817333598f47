"""``python -m bench.precisions``: what multiplying in smaller types costs in accuracy.

The same networks are trained from the same seeds on a GPU, with products in float32 and in each
smaller type: on the UCI optical digits, and on a large made-up table whose classes are those of a
random network. Accuracies are those of rows that were held out.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import mlpcore as mc
from mlpcore.backend.devices import backend as find_backend
from mlpcore.io import load_digits

from .machine import machine, slug, stamp
from .show import say
from .tables import Table, markdown
from .words import quantity

#: Tells these files from others in the same folder.
FORMAT = "mlpcore-precisions-1"
RESULTS = Path(__file__).resolve().parent / "results"
PRECISIONS = ("float32", "tf32", "bfloat16", "float16")
#: The share of the rows that is held out.
HELD_OUT = 0.2

Data = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Task:
    """A data set, and how a network is trained on it.

    Attributes:
        load: features and labels.
        hidden: the widths of the hidden layers.
        epochs, batch: passes over the rows, and rows a step.
    """

    load: Callable[[], Data]
    hidden: tuple[int, ...]
    epochs: int
    batch: int


def made_up(rows: int = 1_000_000, features: int = 64, classes: int = 10) -> Data:
    """Normal features; the label is the largest output of a random network, or now and then any."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, features), dtype=np.float32)
    teacher = mc.MLP([features, 64, classes], activation="tanh", backend="cpu", seed=0)
    labels = teacher.predict(X).argmax(axis=-1)
    noise = rng.random(rows) < 0.05
    return X, np.where(noise, rng.integers(0, classes, rows), labels)


TASKS = {
    "digits, 1797 × 64": Task(load_digits, (100,), epochs=60, batch=32),
    "made up, 1 000 000 × 64": Task(made_up, (256, 256), epochs=5, batch=4096),
}


def main(arguments: list[str] | None = None) -> None:
    """Measure, show, and keep what was found."""
    options = _options(arguments)
    facts = machine()
    found: dict[str, Any] = {"format": FORMAT, **stamp(), "machine": facts, "tasks": {}}
    place = find_backend(options.backend)
    for name, task in TASKS.items():
        say(f"{name} ...")
        try:
            found["tasks"][name] = accuracies(task, place, options.precisions, options.seeds)
        except ImportError as error:
            say(f"{name} is left out: {error}")
    print(*paragraphs(found), sep="\n\n")
    path = options.output or RESULTS / f"precisions-{slug(facts)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    say(f"written to {path}")


def accuracies(
    task: Task, place: Any, precisions: list[str], seeds: int
) -> dict[str, dict[str, list[float]]]:
    """By precision the accuracy, and the seconds, of a fit from each seed."""
    X, y = task.load()
    order = np.random.default_rng(0).permutation(len(X))
    held_out, rows = np.split(order, [int(HELD_OUT * len(X))])
    found: dict[str, dict[str, list[float]]] = {}
    for precision in precisions:
        own: dict[str, list[float]] = {"accuracy": [], "seconds": []}
        for seed in range(seeds):
            sizes = [X.shape[1], *task.hidden, int(y.max()) + 1]
            net = mc.MLP(sizes, backend=place, precision=precision, seed=seed)
            start = time.perf_counter()
            net.fit(
                X[rows],
                y[rows],
                optimizer=mc.Adam(1e-3),
                epochs=task.epochs,
                batch_size=task.batch,
                progress=False,
            )
            own["seconds"].append(time.perf_counter() - start)
            right = np.asarray(net.predict(X[held_out])).argmax(axis=-1) == y[held_out]
            own["accuracy"].append(float(np.mean(right)))
        found[precision] = own
    return found


def paragraphs(found: dict[str, Any]) -> list[str]:
    """The table in Markdown."""
    return [markdown(table(found))]


def table(found: dict[str, Any]) -> Table:
    """Mean accuracies, whether they are within the noise of float32's, and how long a fit takes."""
    rows = [["", "products in", "accuracy", "within the noise of float32", "seconds of a fit"]]
    for name, part in found["tasks"].items():
        for precision, own in part.items():
            mean, spread = np.mean(own["accuracy"]), np.std(own["accuracy"], ddof=1)
            rows.append(
                [
                    name,
                    precision,
                    f"{mean:.4f} ± {spread:.4f}",
                    _within(own, part["float32"]),
                    quantity(float(np.median(own["seconds"])), "s"),
                ]
            )
    return rows


def _within(own: dict[str, list[float]], exact: dict[str, list[float]]) -> str:
    """Whether the means differ by no more than float32's accuracies do from seed to seed."""
    if own is exact:
        return "-"
    apart = abs(np.mean(own["accuracy"]) - np.mean(exact["accuracy"]))
    return "yes" if apart <= np.std(exact["accuracy"], ddof=1) else "no"


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.precisions", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="by default 5")
    parser.add_argument("--backend", default="gpu", help="by default the GPU")
    parser.add_argument(
        "--precisions", nargs="+", default=list(PRECISIONS), help="float32 first; by default all"
    )
    parser.add_argument("--output", type=Path, help="where to keep the results, a JSON file")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
