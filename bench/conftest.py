"""``pytest bench/``: the suite's figures through pytest-benchmark.

The suite times the rounds itself, since libraries must take turns; pytest-benchmark shows, keeps
and compares what it found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .contest import Contest
from .results import Measured
from .suite import Run, Settings


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the suite."""
    group = parser.getgroup("mlpcore benchmarks")
    group.addoption("--peers", action="store_true", help="also PyTorch, JAX, scikit-learn")
    group.addoption("--full", action="store_true", help="all cases, for long")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each library in each contest, those of a contest behind each other."""
    if "library" not in metafunc.fixturenames:
        return
    run = _run(metafunc.config)
    pairs = [
        pytest.param(contest, name, id=f"{contest.group}-{contest.name}-{name}")
        for contest in run.contests
        if contest.case.unit == "s"
        for name in (library.name for library in contest.among(run.libraries))
    ]
    metafunc.parametrize(("contest", "library"), pairs)


@pytest.fixture(scope="session")
def sitting(request: pytest.FixtureRequest) -> Iterator[Any]:
    """``sitting(contest)``: its figures, measured when they are first asked for."""
    run, known = _run(request.config), {}
    with run.processes() as processes:

        def measured(contest: Contest) -> Measured:
            key = (contest.group, contest.name)
            if key not in known:
                for _ in range(run.settings.sittings):
                    run.sit([contest], processes)
                known[key] = run.measured[key]
            return known[key]

        yield measured


def _run(config: pytest.Config) -> Run:
    found = config.stash.get(_RUN, None)
    if found is None:
        settings = Settings(full=config.getoption("full"), peers=config.getoption("peers"))
        found = config.stash[_RUN] = Run(settings)
    return found


_RUN: pytest.StashKey[Run] = pytest.StashKey()
