"""``mlpcore sweep``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlpcore.backend.devices import backend as find_backend
from mlpcore.backend.names import choose
from mlpcore.cli.examples import DIGITS, check_source, digits_examples, file_examples
from mlpcore.cli.grid import space
from mlpcore.cli.report import say_where
from mlpcore.cli.run import quality
from mlpcore.cli.usage import usage
from mlpcore.experiments import SweepResult, plan_sweep
from mlpcore.experiments import sweep as run_sweep
from mlpcore.experiments.plot import word
from mlpcore.experiments.recipe import Recipe
from mlpcore.experiments.score import LOSS
from mlpcore.experiments.space import settings
from mlpcore.io import save, write_atomically
from mlpcore.io.split import check_fraction
from mlpcore.io.targets import check_task
from mlpcore.training.evaluate import METRICS

Option = typer.Option

#: Settings that the table shows.
SHOWN = 10


def sweep(
    data: Annotated[
        str,
        typer.Argument(help="'digits', or a CSV, TSV, Parquet or NPZ file.", show_default=False),
    ],
    grid: Annotated[
        list[str],
        Option(help="Values to try, such as learning_rate=0.001,0.01 or hidden=64,128x64."),
    ],
    target: Annotated[str | None, Option(help="The column of the file to predict.")] = None,
    task: Annotated[str, Option(help="auto, classification or regression.")] = "auto",
    ignore: Annotated[list[str] | None, Option(help="A column to leave out; repeatable.")] = None,
    held_out: Annotated[float, Option(help="The share of rows that the sweep never sees.")] = 0.2,
    cv: Annotated[int, Option(min=2, help="Folds of the other rows.")] = 5,
    seeds: Annotated[int, Option(min=1, help="How many seeds to average over.")] = 1,
    n_iter: Annotated[
        int | None, Option(min=1, help="Draw so many settings from the grid.")
    ] = None,
    metric: Annotated[str | None, Option(help="accuracy, r2 or loss.")] = None,
    early_stopping: Annotated[int | None, Option(min=1, help="Patience in epochs.")] = None,
    halving: Annotated[
        int | None, Option(min=2, help="Go on with the best, one in so many.")
    ] = None,
    optimizer: Annotated[str, Option(help="Such as adamw or 'sgd(momentum=0.9)'.")] = "adam",
    batch_size: Annotated[int, Option(min=1, help="Rows in a batch.")] = 32,
    epochs: Annotated[int, Option(min=1, help="Passes over the training rows.")] = 40,
    max_members: Annotated[
        int | None, Option(min=1, help="The most networks in one stack.")
    ] = None,
    backend: Annotated[str, Option(help="cpu, gpu or auto.")] = "auto",
    seed: Annotated[int, Option(min=0, help="Of the splits.")] = 0,
    out: Annotated[
        Path | None,
        Option(
            file_okay=False, help="The directory to write to; default: mlpcore-runs/<name>-sweep."
        ),
    ] = None,
    resume: Annotated[bool, Option("--resume", help="Go on with an interrupted sweep.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Show the plan and train nothing.")] = False,
    quiet: Annotated[bool, Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Try settings, and train the best on all rows but those held out."""
    fixed = {"optimizer": optimizer, "batch_size": batch_size, "epochs": epochs}
    with usage():
        choices = space(grid)
        for setting in settings(choices, n_iter, seed):
            Recipe.of({**fixed, **setting, "loss": "auto"})  # which losses fit, the target decides
        if metric is not None:
            choose("metric", metric, dict.fromkeys((*METRICS, LOSS)))
        check_task(task)
        check_fraction(held_out)
        find_backend(backend)
        check_source(data, target, task, ignore)
    if data == DIGITS:
        examples = digits_examples(held_out, seed)
    else:
        examples = file_examples(
            Path(data), target, task=task, ignore=ignore or (), fraction=held_out, seed=seed
        )
    asked: dict[str, Any] = {
        "n_iter": n_iter,
        "cv": cv,
        "seeds": None if "seed" in choices else seeds,
        "metric": metric,
        "early_stopping": early_stopping,
        "curves": True,
        "halving": halving,
        "backend": backend,
        "random_state": seed,
        **{name: value for name, value in fixed.items() if name not in choices},
    }
    console = Console()
    if dry_run:
        plan = plan_sweep(choices, *examples.training, max_members=max_members, **asked)
        console.print(str(plan), soft_wrap=True, highlight=False)
        return
    directory = out or Path("mlpcore-runs", f"{Path(data).stem}-sweep")
    directory.mkdir(parents=True, exist_ok=True)
    journal = directory / "journal.jsonl"
    if not resume and journal.exists() and journal.stat().st_size:
        raise ValueError(
            f"{journal}: got what an interrupted sweep has left; go on with it by --resume, or "
            "delete it"
        )
    result = run_sweep(
        choices,
        *examples.training,
        max_members=max_members,
        journal=journal,
        resume=resume,
        progress=False if quiet else "auto",
        **asked,
    )
    console.print(best_settings(result))
    if not result.complete:
        console.print("interrupted; what has ended is kept, go on by --resume")
        raise typer.Exit(130)
    files = {name: directory / f"{name}.{kind}" for name, kind in FILES.items()}
    write_atomically(files["scores"], result.to_pandas().to_csv(index=False).encode())
    result.plot(files["picture"])
    if result.best_network is None:
        del files["model"]
    else:
        save(result.best_network, files["model"], examples.preprocessing)
        for name, value in quality(result.best_network, examples).items():
            console.print(Text(f"{name} of the best, trained on all other rows: {value}"))
    say_where(console, **files)
    journal.unlink()


#: What is written, and as what.
FILES = {"scores": "csv", "picture": "png", "model": "safetensors"}


def best_settings(result: SweepResult) -> Table:
    """The best settings and their scores."""
    columns = result.columns
    names = dict.fromkeys(name for setting in result.settings for name in setting)
    title = f"{len(result.settings)} settings, {len(result.records)} networks"
    if result.diverged:
        title += f", {result.diverged} of them diverged"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    for heading in ("rank", *names, result.metric, "seconds a fit"):
        table.add_column(heading, justify="right")
    ranks = columns["rank_test_score"]
    for place in sorted(range(len(ranks)), key=lambda place: ranks[place])[:SHOWN]:
        setting = result.settings[place]
        table.add_row(
            str(ranks[place]),
            *(Text(_shown(setting[name]) if name in setting else "") for name in names),
            f"{columns['mean_test_score'][place]:.4f} ± {columns['std_test_score'][place]:.4f}",
            f"{columns['mean_fit_time'][place]:.3g}",
        )
    return table


def _shown(value: Any) -> str:
    found = word(value)
    return f"{found:.4g}" if isinstance(found, float) else str(found)
