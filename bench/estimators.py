"""``python -m bench.estimators``: our estimators beside scikit-learn's, their scores and times.

Both get the same settings and seeds. Scores come from a quarter of the rows that was held out, with
another split for each seed; times are taken in turn, in one process.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .machine import machine, slug, stamp
from .show import say
from .statistics import Spread, ratios
from .tables import Table, markdown
from .words import between, number, quantity
from .workers.worker import rest

#: Tells these files from others in the same folder.
FORMAT = "mlpcore-estimators-1"
RESULTS = Path(__file__).resolve().parent / "results"

Data = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Task:
    """A data set and what is fitted to it.

    Attributes:
        load: the name of scikit-learn's loader, or a function that makes the data.
        estimator: of both libraries.
        settings: of the estimator; the rest are the defaults.
        target: how many times faster than scikit-learn's a fit should be.
        rounds: the most that it is timed, however many the rest is.
    """

    load: str | Callable[[], Data]
    estimator: str = "MLPClassifier"
    settings: dict[str, Any] = field(default_factory=dict)
    target: float = 0.0
    rounds: int = 100

    def data(self) -> Data:
        """Features and targets."""
        if callable(self.load):
            return self.load()
        from sklearn import datasets

        X, y = getattr(datasets, self.load)(return_X_y=True)
        return X, y

    def made(self, library: str, seed: int) -> Any:
        """The estimator of a library."""
        return getattr(LIBRARIES[library](), self.estimator)(random_state=seed, **self.settings)


def _large() -> Data:
    from sklearn.datasets import make_classification

    X, y = make_classification(100_000, 100, n_informative=30, n_classes=5, random_state=0)
    return X, y


SCORES = {
    "digits": Task("load_digits"),
    "iris": Task("load_iris"),
    "wine": Task("load_wine"),
    "breast cancer": Task("load_breast_cancer"),
    "diabetes": Task("load_diabetes", "MLPRegressor"),
}
FITS = {
    "digits, 1797 × 64": Task("load_digits", target=4.0),
    "iris, 150 × 4": Task("load_iris", target=5.0),
    "made up, 100 000 × 100": Task(
        _large,
        settings={"hidden_layer_sizes": (256, 128), "max_iter": 2},
        target=2.0,
        rounds=3,
    ),
}


def main(arguments: list[str] | None = None) -> None:
    """Measure, show, and keep what was found."""
    options = _options(arguments)
    facts = machine()
    seeds, rounds = (2, 1) if options.quick else (options.seeds, options.rounds)
    found: dict[str, Any] = {"format": FORMAT, **stamp(), "machine": facts}
    found |= {"scores": {}, "fits": {}}
    with warnings.catch_warnings(action="ignore"):  # 200 epochs do not always suffice
        for name, task in SCORES.items():
            say(f"scores: {name} ...")
            found["scores"][name] = scores(task, seeds)
        for name, task in FITS.items():
            say(f"fits: {name} ...")
            found["fits"][name] = fits(task, min(rounds, task.rounds))
    print(*paragraphs(found), sep="\n\n")
    if options.output or not options.quick:
        path = options.output or RESULTS / f"estimators-{slug(facts)}.json"
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        say(f"written to {path}")


def paragraphs(found: dict[str, Any]) -> list[str]:
    """Both tables in Markdown."""
    return [markdown(table_of_scores(found)), markdown(table_of_fits(found))]


def scores(task: Task, seeds: int) -> dict[str, Any]:
    """The scores of both over some seeds, on standardised features."""
    from sklearn.base import is_classifier
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    X, y = task.data()
    found: dict[str, list[float]] = {name: [] for name in LIBRARIES}
    for seed in range(seeds):
        classes = is_classifier(task.made("mlpcore", seed))
        train, test, y_train, y_test = train_test_split(
            X, y, test_size=0.25, random_state=seed, stratify=y if classes else None
        )
        scaler = StandardScaler().fit(train)
        for name, own in found.items():
            fitted = task.made(name, seed).fit(scaler.transform(train), y_train)
            own.append(float(fitted.score(scaler.transform(test), y_test)))
    return {"metric": "accuracy" if classes else "R²", "values": found}


def fits(task: Task, rounds: int) -> dict[str, Any]:
    """The seconds of a fit of both, in turn; the first of each warms up.

    In between, threads of the one that still spin for more work come to rest.
    """
    X, y = task.data()
    seconds: dict[str, list[float]] = {name: [] for name in LIBRARIES}
    epochs: dict[str, list[int]] = {name: [] for name in LIBRARIES}
    for seed in range(rounds + 1):
        for name in LIBRARIES:
            estimator = task.made(name, seed)
            start = time.perf_counter()
            estimator.fit(X, y)
            taken = time.perf_counter() - start
            rest()
            if seed:
                seconds[name].append(taken)
                epochs[name].append(int(estimator.n_iter_))
    settings = {name: str(value) for name, value in task.settings.items()}
    return {"settings": settings, "seconds": seconds, "epochs": epochs, "target": task.target}


def table_of_scores(found: dict[str, Any]) -> Table:
    """Means with their standard errors, and whether ours is at most one error behind."""
    rows = [["", "score", *LIBRARIES, "at most one standard error behind"]]
    for name, part in found["scores"].items():
        values = part["values"]
        means = {library: np.mean(own) for library, own in values.items()}
        errors = {
            library: np.std(own, ddof=1) / math.sqrt(len(own)) for library, own in values.items()
        }
        behind = means["scikit-learn"] - means["mlpcore"] > errors["scikit-learn"]
        cells = [f"{means[library]:.4f} ± {errors[library]:.4f}" for library in LIBRARIES]
        rows.append([name, part["metric"], *cells, "no" if behind else "yes"])
    return rows


def table_of_fits(found: dict[str, Any]) -> Table:
    """Medians in their intervals, the epochs, and how many times faster ours is by rounds."""
    rows = [["", "settings", *LIBRARIES, "epochs of each", "times faster"]]
    for name, part in found["fits"].items():
        seconds, epochs = part["seconds"], part["epochs"]
        settings = ", ".join(f"{key}={value}" for key, value in part["settings"].items())
        spread = ratios(seconds["scikit-learn"], seconds["mlpcore"])
        sign = "≥" if spread.median >= part["target"] else "<"
        rows.append(
            [
                name,
                settings or "defaults",
                *(_time(Spread.of(seconds[library])) for library in LIBRARIES),
                ", ".join(f"{np.median(epochs[library]):.0f}" for library in LIBRARIES),
                f"{number(spread.median)} {sign} {part['target']:.0f}\n"
                f"{number(spread.lower)} to {number(spread.upper)}",
            ]
        )
    return rows


def _time(spread: Spread) -> str:
    return f"{quantity(spread.median, 's')}\n{between(spread.lower, spread.upper, 's')}"


def _ours() -> Any:
    from mlpcore import sklearn

    return sklearn


def _scikit_learn() -> Any:
    from sklearn import neural_network

    return neural_network


LIBRARIES: dict[str, Callable[[], Any]] = {"mlpcore": _ours, "scikit-learn": _scikit_learn}


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.estimators", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="of the scores, by default 10")
    parser.add_argument("--rounds", type=int, default=15, help="of the fits, by default 15")
    parser.add_argument("--quick", action="store_true", help="2 seeds, one round, nothing kept")
    parser.add_argument("--output", type=Path, help="where to keep the results, a JSON file")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
