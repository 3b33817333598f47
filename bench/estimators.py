"""``python -m bench.estimators``: our estimators beside scikit-learn's, their figures and times.

Both get the same settings and seeds. Figures come from a quarter of the rows that was held out,
with another split for each seed; times are taken in turn, in one process.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .machine import machine, slug, stamp
from .statistics import Spread, ratios

#: Tells these files from others in the same folder.
FORMAT = "mlpcore-estimators-1"
RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Task:
    """A data set and what is fitted to it.

    Attributes:
        load: the name of scikit-learn's loader, or a function that makes the data.
        estimator: of both libraries.
        settings: of the estimator; the rest are the defaults.
        faster: how many times faster than scikit-learn's a fit should be; 0 where nobody says.
    """

    load: str | Callable[[], tuple[np.ndarray, np.ndarray]]
    estimator: str
    settings: dict[str, Any]
    faster: float = 0.0

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Features and targets."""
        if callable(self.load):
            return self.load()
        from sklearn import datasets

        return getattr(datasets, self.load)(return_X_y=True)


def _large() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import make_classification

    return make_classification(100_000, 100, n_informative=30, n_classes=5, random_state=0)


FIGURES = {
    "digits": Task("load_digits", "MLPClassifier", {}),
    "iris": Task("load_iris", "MLPClassifier", {}),
    "wine": Task("load_wine", "MLPClassifier", {}),
    "breast cancer": Task("load_breast_cancer", "MLPClassifier", {}),
    "diabetes": Task("load_diabetes", "MLPRegressor", {}),
}
FITS = {
    "digits": Task("load_digits", "MLPClassifier", {}, faster=4.0),
    "iris": Task("load_iris", "MLPClassifier", {}, faster=5.0),
    "100 000 x 100": Task(
        _large, "MLPClassifier", {"hidden_layer_sizes": (256, 128), "max_iter": 3}, faster=2.0
    ),
}


def main(arguments: list[str] | None = None) -> None:
    """Measure, show, and keep what was found."""
    options = _options(arguments)
    facts = machine()
    warnings.simplefilter("ignore")  # 200 epochs do not always suffice
    seeds, rounds = (2, 1) if options.quick else (options.seeds, options.rounds)
    found: dict[str, Any] = {"format": FORMAT, **stamp(), "machine": facts}
    found |= {"seeds": seeds, "rounds": rounds, "figures": {}, "fits": {}}
    for name, task in FIGURES.items():
        say(f"figures: {name} ...")
        found["figures"][name] = figures(task, seeds)
    for name, task in FITS.items():
        say(f"fits: {name} ...")
        found["fits"][name] = fits(task, rounds)
    for line in report(found):
        print(line)
    if options.output or not options.quick:
        path = options.output or RESULTS / f"estimators-{slug(facts)}.json"
        path.write_text(json.dumps(found, indent=1) + "\n")
        say(f"written to {path}")


def figures(task: Task, seeds: int) -> dict[str, Any]:
    """The mean score of both over some seeds, on standardised features."""
    from sklearn.base import is_classifier
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    X, y = task.data()
    scores: dict[str, list[float]] = {name: [] for name in LIBRARIES}
    for seed in range(seeds):
        labels = y if is_classifier(_made(task, "ours", 0)) else None
        parts = train_test_split(X, y, test_size=0.25, random_state=seed, stratify=labels)
        train, test, y_train, y_test = parts
        scaler = StandardScaler().fit(train)
        for name, own in scores.items():
            fitted = _made(task, name, seed).fit(scaler.transform(train), y_train)
            own.append(float(fitted.score(scaler.transform(test), y_test)))
    means = {name: float(np.mean(own)) for name, own in scores.items()}
    errors = {name: float(np.std(own, ddof=1) / np.sqrt(seeds)) for name, own in scores.items()}
    behind = (means["scikit-learn"] - means["ours"]) / max(errors["scikit-learn"], 1e-12)
    return {"scores": scores, "means": means, "standard errors": errors, "errors behind": behind}


def fits(task: Task, rounds: int) -> dict[str, Any]:
    """The seconds of a fit of both, in turn, and how many times faster ours is."""
    X, y = task.data()
    seconds: dict[str, list[float]] = {name: [] for name in LIBRARIES}
    epochs: dict[str, list[int]] = {name: [] for name in LIBRARIES}
    for number in range(rounds + 1):
        for name in LIBRARIES:
            estimator = _made(task, name, number)
            start = time.perf_counter()
            estimator.fit(X, y)
            if number or rounds == 1:  # the first warms up
                seconds[name].append(time.perf_counter() - start)
                epochs[name].append(estimator.n_iter_)
    return {
        "seconds": seconds,
        "epochs": epochs,
        "times faster": asdict(ratios(seconds["scikit-learn"], seconds["ours"])),
        "target": task.faster,
    }


def report(found: dict[str, Any]) -> Iterator[str]:
    """The figures in lines, each beside its target."""
    for name, figure in found["figures"].items():
        means, errors = figure["means"], figure["standard errors"]
        yield (
            f"{name}: {means['ours']:.4f} +- {errors['ours']:.4f}, scikit-learn "
            f"{means['scikit-learn']:.4f} +- {errors['scikit-learn']:.4f}; "
            f"{figure['errors behind']:+.2f} standard errors behind (target 1)"
        )
    for name, fit in found["fits"].items():
        spread = fit["times faster"]
        ours = Spread.of(fit["seconds"]["ours"]).median
        yield (
            f"{name}: a fit in {ours:.3g} s, {spread['median']:.2f} times as fast as scikit-learn "
            f"({spread['lower']:.2f} to {spread['upper']:.2f}; target {fit['target']})"
        )


def _made(task: Task, library: str, seed: int) -> Any:
    return getattr(LIBRARIES[library](), task.estimator)(random_state=seed, **task.settings)


def _ours() -> Any:
    from mlpcore import sklearn

    return sklearn


def _scikit_learn() -> Any:
    from sklearn import neural_network

    return neural_network


LIBRARIES: dict[str, Callable[[], Any]] = {"ours": _ours, "scikit-learn": _scikit_learn}


def say(text: str) -> None:
    """Tell how far it is, beside what may be redirected."""
    print(text, file=sys.stderr, flush=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.estimators", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="of the figures, by default 10")
    parser.add_argument("--rounds", type=int, default=7, help="of the fits, by default 7")
    parser.add_argument("--quick", action="store_true", help="2 seeds, one round, nothing kept")
    parser.add_argument("--output", type=Path, help="where to keep the results, a JSON file")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
