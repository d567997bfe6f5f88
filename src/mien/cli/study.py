"""`mien analyze --study` and `mien study`: what many videos show, as tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien._wording import pluralize
from mien.cli.edge import raise_interruption
from mien.cli.messages import LOG, printable, verb
from mien.cli.progress import progress_bars
from mien.cli.verbs import Verbs

if TYPE_CHECKING:
    from mien.inference import Analyzer
    from mien.study import Record, Study, StudyOptions, UnitRunner

__all__ = ["app", "parse_shard", "run_study"]

app = Verbs(help="Put studies of `mien analyze --study` together.", no_args_is_help=True)


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """Return the number of a shard and how many there are, from `3/20`.

    Raises:
        typer.BadParameter: The text is something else.
    """
    if text is None:
        return None
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and int(of)):
        raise typer.BadParameter(f"--shard: expected a number such as 3/20, found {text!r}")
    if not 1 <= int(number) <= int(of):
        raise typer.BadParameter(f"--shard {text}: expected a number from 1 to {of} before the /")
    return int(number), int(of)


def run_study(
    folder: Path,
    inputs: list[str],
    options: StudyOptions,
    analyzer: Analyzer,
    runner: UnitRunner | None = None,
) -> None:
    """Make a study, with a line for each video; exit 1 if something could not be read."""
    from mien.study import study_to

    study: Study | None = None
    said: tuple[str, ...] = ()

    def on_start(started: Study) -> None:
        nonlocal study, said
        study, said = started, started.notes
        for note in said:
            LOG.warning(note)
        if started.done_before:
            LOG.info(f"{folder}: {started.done_before} of {started.units} are done already")
        for source, error in started.failures.items():
            LOG.warning("%s: %s", source, error)

    try:
        with progress_bars() as begin:
            move = begin("Analysing")

            def on_progress(done: float, total: int) -> None:
                raise_interruption()
                move(done, total)

            study = study_to(
                folder,
                inputs,
                options=options,
                analyzer=analyzer,
                runner=runner,
                on_start=on_start,
                on_record=_print_record,
                on_progress=on_progress,
            )
    except KeyboardInterrupt:
        done = "" if study is None else f" after {study.done} of {study.units}"
        LOG.info(f"stopped{done}; continue with --resume")
        raise typer.Exit(130) from None
    _print_end(study, said)
    if options.shard is not None:
        LOG.info(f"when all shards are done: mien study merge {folder}")
    if study.failures:
        raise typer.Exit(1)


def _print_record(record: Record) -> None:
    for source, error in record.failures.items():
        LOG.warning("%s: %s", source, error)
    if record.video is None:
        read = len(record.sources) - len(record.failures)
        typer.echo(f"{pluralize(read, 'image')} read")
        return
    people = pluralize(record.video["people"], "person", "people")
    events = pluralize(record.video["events"], "episode")
    typer.echo(f"{printable(record.sources[0])}  {people}, {events}")


def _print_end(study: Study, said: tuple[str, ...] = ()) -> None:
    """Print the notes that were not said yet, and what was written."""
    for note in study.notes:
        if note not in said:
            LOG.warning(note)
    for path in study.written:
        LOG.info(f"wrote {path}")


def merge(
    folders: Annotated[
        list[Path], typer.Argument(metavar="STUDY...", help="The folders of the studies or shards.")
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The merged study; else the one given folder."),
    ] = None,
    covariates: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv", help="Compare groups: columns video, condition and the like."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier study in --out.")
    ] = False,
) -> None:
    """Merge the shards of a study, or studies of the same settings, and write all tables.

    \b
    Examples:
      mien study merge study
      mien study merge part1 part2 part3 --out study --covariates groups.csv
    """
    from mien.study import merge_studies

    study = merge_studies(folders, out, covariates=covariates, overwrite=overwrite)
    for source, error in study.failures.items():
        LOG.warning("%s: %s", source, error)
    _print_end(study)
    if study.failures:
        raise typer.Exit(1)


app.command()(verb(merge))
