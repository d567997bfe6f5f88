"""`mien tune`: search for a better recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.edge import raise_interruption
from mien.cli.messages import LOG
from mien.cli.options import Data, Fold, SplitFile, read_split_dataset, require_extra
from mien.cli.study_table import study_table
from mien.options import (
    MAX_SEED,
    MAX_THREADS,
    MAX_WORKERS,
    MIN_SEEDS,
    PrunerName,
    SamplerName,
    TuneOptions,
)

if TYPE_CHECKING:
    from mien.tuning import StudyStatus, TrialRunner, TuneResult

__all__ = ["tune"]

_DEFAULTS = TuneOptions()


def tune(
    *,
    data: Data,
    out: Annotated[Path, typer.Option(help="The study's folder: best recipe, report, storage.")],
    recipe: Annotated[
        str, typer.Option(help="The start recipe: a TOML file, or a shipped recipe.")
    ] = "emotion",
    space: Annotated[
        str, typer.Option(help="The search space: a TOML file, or a shipped space.")
    ] = "emotion",
    split: SplitFile = None,
    fold: Fold = None,
    sampler: Annotated[
        SamplerName, typer.Option(help="What chooses the points.")
    ] = _DEFAULTS.sampler,
    pruner: Annotated[PrunerName, typer.Option(help="What ends trials early.")] = _DEFAULTS.pruner,
    trials: Annotated[
        int | None,
        typer.Option(help=f"Trials of the whole study; {_DEFAULTS.trials} if no hours are given."),
    ] = None,
    hours: Annotated[
        float | None, typer.Option(help="Hours from now after which no trial is started.")
    ] = _DEFAULTS.hours,
    epochs: Annotated[
        int | None, typer.Option(help="Epochs of a trial; otherwise those of the recipe.")
    ] = _DEFAULTS.epochs,
    max_images: Annotated[
        int | None,
        typer.Option(help="Training images of a trial, drawn at random; otherwise all."),
    ] = _DEFAULTS.max_images,
    selection_share: Annotated[
        float, typer.Option(help="Share of the training subset on which trials are evaluated.")
    ] = _DEFAULTS.selection_share,
    near: Annotated[
        bool, typer.Option("--near/--no-near", help="Near copies count as copies.")
    ] = _DEFAULTS.near,
    seeds: Annotated[
        int,
        typer.Option(
            help="Trainings each of the start recipe and the best one for the gain: "
            f"{MIN_SEEDS} or more, or 0."
        ),
    ] = _DEFAULTS.seeds,
    seed: Annotated[
        int, typer.Option(min=0, max=MAX_SEED, help="Seed of the search.")
    ] = _DEFAULTS.seed,
    workers: Annotated[
        int, typer.Option(min=1, max=MAX_WORKERS, help="Processes on this machine.")
    ] = _DEFAULTS.workers,
    threads: Annotated[
        int, typer.Option(min=1, max=MAX_THREADS, help="Threads of torch in each process.")
    ] = _DEFAULTS.threads,
    study: Annotated[str, typer.Option(help="Name of the study in the storage.")] = _DEFAULTS.study,
    storage: Annotated[
        str | None,
        typer.Option(help="An SQLite file, a .journal file, or an address; otherwise in OUT."),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Run the trials on this Ray cluster, or on `local`."),
    ] = None,
) -> None:
    """Search for a better recipe, and measure its gain.

    Trials train on one part of the training subset and are evaluated on another, the selection
    subset; val is used for the gain alone. The same command resumes an interrupted study, and with
    --storage it lets other machines take part. optuna-dashboard shows the same storage.

    \b
    Examples:
      mien tune --data fer --out runs/tune --trials 40 --epochs 10 --max-images 8000 --workers 2
      mien tune --data fer --recipe fer-pp --space fer-pp --out runs/fer-pp --sampler gp --hours 2
    """
    require_extra("tuning", "train", "torch", "lightning", "optuna")
    from mien.training import EmotionRecipe, read_recipe
    from mien.tuning import read_space
    from mien.tuning import tune as run_study

    start = read_recipe(EmotionRecipe, recipe)
    search_space = read_space(space, start)
    options = TuneOptions(
        sampler=sampler,
        pruner=pruner,
        trials=_DEFAULTS.trials if trials is None and hours is None else trials,
        hours=hours,
        epochs=epochs,
        max_images=max_images,
        selection_share=selection_share,
        near=near,
        seeds=seeds,
        seed=seed,
        workers=workers,
        threads=threads,
        study=study,
        storage=storage,
    )
    dataset, _ = read_split_dataset(data, split, fold)
    try:
        with study_table() as (show_status, on_message):

            def on_status(status: StudyStatus) -> None:
                raise_interruption()
                show_status(status)

            result = run_study(
                start,
                search_space,
                dataset,
                out=out,
                options=options,
                on_status=on_status,
                on_message=on_message,
                runner=_cluster_runner(ray),
            )
    except KeyboardInterrupt as error:
        LOG.info("mien: stopped; run the same command again to go on with the study")
        raise typer.Exit(130) from error
    _print(result)


def _cluster_runner(address: str | None) -> TrialRunner | None:
    if address is None:
        return None
    from mien.cluster import ray_runner

    return ray_runner(address)


def _print(result: TuneResult) -> None:
    print(f"best on the selection subset: {result.value:.2%}")
    if result.gain is not None:
        gain = result.gain
        print(
            f"gain on val over {len(gain.start)} seeds each: {100 * gain.difference:+.1f} points "
            f"({100 * gain.low:+.1f} to {100 * gain.high:+.1f}, 95 %)"
        )
    for path in result.files:
        if path.suffix in (".html", ".toml"):
            print(f"wrote {path}")
