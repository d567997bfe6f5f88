"""A study: videos and images in, tables out; done unit by unit, and resumed at the unit."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from mien._checking import check_path
from mien.errors import MediaError, OptionsError
from mien.inference import Analyzer, check_paths
from mien.media import find_media
from mien.reports import require_charts
from mien.study.covariates import Covariates, read_covariates
from mien.study.folder import (
    Description,
    begin_study,
    check_covariates,
    check_folder,
    files_of_study,
    find_done_images,
    is_done,
)
from mien.study.lock import study_lock
from mien.study.options import StudyOptions
from mien.study.own_files import OwnFiles
from mien.study.record import Record, read_record
from mien.study.report import write_report
from mien.study.tables import file_names, write_tables
from mien.study.unit_analysis import UnitPlan, settings_row
from mien.study.units import Unit, find_units, listing_sha256, of_shard
from mien.study.workers import UnitJob, UnitRunner, process_runner

__all__ = ["Study", "finish_study", "study_to"]

_NAMES = 3


@dataclasses.dataclass(slots=True, eq=False)
class Study:
    """A study, while it goes on and after its end.

    Attributes:
        folder: Its folder.
        units: How many videos, and groups of images, this run is about.
        done_before: How many of them an earlier run had done.
        done: How many are done.
        failures: The inputs that could not be read or are damaged, with the reason.
        notes: What a reader should know, such as covariates without a video; some are known at the
            end.
        written: The tables and the report; empty until the end, and for a shard.
    """

    folder: Path
    units: int = 0
    done_before: int = 0
    done: int = 0
    failures: dict[str, str] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    written: tuple[Path, ...] = ()


def study_to(
    folder: str | Path,
    inputs: str | Path | Iterable[str | Path],
    *,
    options: StudyOptions | None = None,
    analyzer: Analyzer | None = None,
    runner: UnitRunner | None = None,
    on_start: Callable[[Study], None] = lambda study: None,
    on_record: Callable[[Record], None] = lambda record: None,
    on_progress: Callable[[float, int], None] = lambda done, total: None,
) -> Study:
    """Analyse videos and images, and write what they show as tables: frames, people, events.

    Each video is done as a whole: its frames appear when all of them are read. A study that is
    interrupted, by an exception of a callback, Ctrl-C or a power cut, goes on with
    `StudyOptions(resume=True)` and ends with the same tables as an uninterrupted one.

    Args:
        folder: The folder of the study; it is made if it is missing.
        inputs: Paths, folders and globs.
        options: How the inputs are analysed, and what is written.
        analyzer: Networks and settings; None takes the shipped networks.
        runner: Analyses the videos, and groups of images; `mien.cluster.ray_unit_runner` makes one
            that does so on a Ray cluster. None takes the processes of `StudyOptions.workers`.
        on_start: Called once before the first video.
        on_record: Called with what is known of each video, or group of images, when it is done.
        on_progress: Called often, with how many are done and their total.

    Returns:
        The study.

    Raises:
        InputError: Something among the inputs is no path, or the covariates do not fit.
        OptionsError: An option does not fit the inputs.
        OutputError: The folder holds another study, or a shard of other inputs, cannot be written,
            or another process is writing it.
        MissingExtraError: The extra `tables` is not installed.
    """
    if options is not None and not isinstance(options, StudyOptions):
        raise OptionsError(f"options: expected StudyOptions, found {type(options).__name__}")
    options = options or StudyOptions()
    if runner is not None and options.workers != 1:
        raise OptionsError("workers: are processes of this machine; the runner has its own")
    require_charts()
    analyzer = analyzer or Analyzer()
    path = check_path("folder", folder)
    plan = UnitPlan.of(path, analyzer, options)
    tables = file_names()
    media = find_media(check_paths(inputs), exclude=files_of_study(path, tables))
    done = find_done_images(path) if options.resume and options.shard is None else ()
    found = list(find_units(media, done=done))
    problems = {each.source: each.reason for each in found if isinstance(each, MediaError)}
    every = [each for each in found if isinstance(each, Unit)]
    units = of_shard(every, options.shard)
    _check(units, options)
    analyzer.pipeline.baselines(options.video)  # what lacks for them is said before any analysis
    covariates = Covariates()
    if options.covariates is not None:
        check_covariates(Path(options.covariates), path, tables)
        sources = [unit.sources[0] for unit in units if unit.is_video]
        covariates = read_covariates(options.covariates, sources)
    description = Description(
        settings={**settings_row(analyzer, plan), "format": options.format},
        shard=options.shard,
        units={unit.name: unit.sources[0] for unit in units},
        problems=problems,
        listing=None if options.shard is None else listing_sha256(every),
    )
    check_folder(path, tables=tables)
    with study_lock(path, options.shard, alone=options.overwrite):
        begin_study(
            path,
            description,
            sources={source for unit in units for source in unit.sources},
            overwrite=options.overwrite,
            resume=options.resume,
            tables=tables,
        )
        waiting = [unit for unit in units if not is_done(unit, plan)]
        before = len(units) - len(waiting)
        study = Study(path, len(units), before, before, dict(problems), covariates.notes)
        _add_earlier(study, units, waiting, plan)
        on_start(study)
        records = (runner or process_runner(options.workers))(
            UnitJob(analyzer=analyzer, units=waiting, plan=plan),
            lambda done: on_progress(before + done, len(units)),
        )
        with contextlib.closing(records):
            for record in records:
                study.done += 1
                study.failures.update(record.failures)
                on_record(record)
        if options.shard is None:
            finish_study(study, plan, units, covariates, problems=problems)
    return study


def _add_earlier(
    study: Study, units: Sequence[Unit], waiting: Sequence[Unit], plan: UnitPlan
) -> None:
    """Add the failures of what an earlier run has done."""
    names = {unit.name for unit in waiting}
    for unit in units:
        if unit.name not in names:
            study.failures.update(read_record(plan.record_path(unit.name)).failures)


def finish_study(
    study: Study,
    plan: UnitPlan,
    units: Iterable[Unit],
    covariates: Covariates,
    *,
    problems: dict[str, str],
) -> None:
    """Write the tables, exports and report of a study whose units are done.

    Args:
        study: Gets what was written, and notes.
        plan: Where its files are.
        units: All its units; the tables are in the order of their paths.
        covariates: What is known of the videos beside.
        problems: Why an input stands for no file, by the input.
    """
    names = [unit.name for unit in sorted(units, key=lambda unit: unit.sources)]

    def records() -> Iterator[Record]:
        for name in names:
            yield read_record(plan.record_path(name))

    notes = [*covariates.notes, *_copies(records())]
    own = OwnFiles(plan.folder)
    groups = write_tables(plan.folder, plan.format, records, covariates, own, units=plan.units)
    write_report(plan.folder, records, groups, notes, problems, own)
    own.remove_others()
    study.notes = (*notes, *own.notes())
    written = [plan.folder / name for name in file_names()]
    folders = [plan.folder / name for name in ("frames", "exports", "figures")]
    study.written = tuple(path for path in (*folders, *written) if path.exists())


def _copies(records: Iterable[Record]) -> Iterator[str]:
    """Yield a note on videos of the same content, which count once each."""
    first: dict[tuple[int, str], str] = {}
    copies: list[str] = []
    for record in records:
        found = record.fingerprints[0]
        if record.video is None or found is None or not found[0]:
            continue
        source = record.sources[0]
        if (other := first.setdefault(found, source)) != source:
            copies.append(f"{other} and {source}")
    if copies:
        more = f" and {len(copies) - _NAMES} more" if len(copies) > _NAMES else ""
        yield (
            f"the same content under two names counts as two videos: {', '.join(copies[:_NAMES])}"
            f"{more}"
        )


def _check(units: Sequence[Unit], options: StudyOptions) -> None:
    baseline = options.video.baseline
    if (
        baseline is not None
        and baseline.people == "one-person"
        and baseline.neutral is None
        and any(not unit.is_video for unit in units)
    ):
        raise OptionsError(
            "baseline: a study takes images in groups, so one person's baseline is not that of all "
            "of them. Give the person's neutral face, or name only videos"
        )
