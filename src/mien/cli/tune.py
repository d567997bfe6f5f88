"""`mien tune`: search for a better recipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mien.cli.options import Data, Fold, SplitFile, read_split_dataset
from mien.cli.study_table import study_table
from mien.errors import MissingExtraError

if TYPE_CHECKING:
    from mien.tuning import Search, Tuned

__all__ = ["tune"]

Strategy = Literal["grid", "random", "tpe", "gp"]
Pruner = Literal["hyperband", "median", "none"]


def tune(
    *,
    data: Data,
    out: Annotated[Path, typer.Option(help="The study's folder: best recipe, report, storage.")],
    recipe: Annotated[
        str, typer.Option(help="Where the search starts: a TOML file, or a shipped recipe.")
    ] = "emotion",
    space: Annotated[
        str, typer.Option(help="What varies: a TOML file, or a shipped space.")
    ] = "emotion",
    split: SplitFile = None,
    fold: Fold = None,
    strategy: Annotated[Strategy, typer.Option(help="How points are chosen.")] = "tpe",
    pruner: Annotated[Pruner, typer.Option(help="What ends trials that fall behind.")] = "median",
    trials: Annotated[
        int | None, typer.Option(help="Trials of the whole study; 50 if no hours are given.")
    ] = None,
    hours: Annotated[
        float | None, typer.Option(help="Hours from now, after which no trial is begun.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Epochs of a trial; else the recipe's.")
    ] = None,
    images: Annotated[
        int | None, typer.Option(help="Training images of a trial, drawn at random; else all.")
    ] = None,
    share: Annotated[
        float, typer.Option(help="Share of the training part that trials are judged by.")
    ] = 0.1,
    near: Annotated[
        bool, typer.Option("--near/--no-near", help="Keep near copies on one side too.")
    ] = True,
    seeds: Annotated[
        int, typer.Option(help="Trainings each of start and best for the gain: 3 or more, or 0.")
    ] = 3,
    seed: Annotated[int, typer.Option(help="Seed of the search.")] = 1,
    workers: Annotated[int, typer.Option(help="Processes on this machine.")] = 1,
    threads: Annotated[int, typer.Option(help="Threads of torch in each.")] = 1,
    study: Annotated[str, typer.Option(help="The study's name in the storage.")] = "emotion",
    storage: Annotated[
        str | None,
        typer.Option(help="An SQLite file, a .journal file, or an address; else in OUT."),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Run the trials on this Ray cluster, or on `local`."),
    ] = None,
) -> None:
    """Search for a better recipe, and measure how much better it is.

    Trials learn from one part of the training images and are judged by another; val is looked at
    for the gain alone. An interrupted study goes on with the same command, and other machines take
    part with the same command and --storage. optuna-dashboard works on the same storage.

    \b
    Examples:
      mien tune --data fer --out runs/tune --trials 40 --epochs 10 --images 8000 --workers 2
      mien tune --data fer --recipe fer-pp --space fer-pp --out runs/fer-pp --strategy gp --hours 2
    """
    try:
        from mien.tuning import TuneOptions, read_space
        from mien.tuning import tune as search_recipe
    except ImportError as error:
        raise MissingExtraError("tuning", "train") from error
    from mien.training import EmotionRecipe, read_recipe

    start = read_recipe(EmotionRecipe, recipe)
    varied = read_space(space, start)
    options = TuneOptions(
        strategy=strategy,
        pruner=pruner,
        trials=50 if trials is None and hours is None else trials,
        hours=hours,
        epochs=epochs,
        images=images,
        share=share,
        near=near,
        seeds=seeds,
        seed=seed,
        workers=workers,
        threads=threads,
    )
    pictured, _ = read_split_dataset(data, split, fold)
    try:
        with study_table() as (on_standing, on_line):
            tuned = search_recipe(
                start,
                varied,
                pictured,
                out=out,
                name=study,
                storage=storage,
                options=options,
                on_standing=on_standing,
                on_line=on_line,
                search=_cluster(ray),
            )
    except KeyboardInterrupt as error:
        print("mien: stopped; the same command goes on with the study", file=sys.stderr)
        raise typer.Exit(130) from error
    _print(tuned)


def _cluster(address: str | None) -> Search | None:
    if address is None:
        return None
    from mien.cluster import ray_search

    return ray_search(address)


def _print(tuned: Tuned) -> None:
    print(f"best on the selection part: {tuned.value:.2%}")
    if tuned.gain is not None:
        gain = tuned.gain
        print(
            f"gain on val over {len(gain.start)} seeds each: {100 * gain.difference:+.1f} points "
            f"({100 * gain.low:+.1f} to {100 * gain.high:+.1f}, 95 %)"
        )
    for path in tuned.files:
        if path.suffix in (".html", ".toml"):
            print(f"wrote {path}")
