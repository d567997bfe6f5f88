"""Merging the shards of a study, or several studies, into one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from mien._checking import check_path
from mien._output import is_same_file, whole_file
from mien.errors import InputError, OptionsError, OutputError
from mien.options import EventOptions, FaceOptions, VideoOptions
from mien.reports import require_charts
from mien.study.analysis import Study, finish_study
from mien.study.covariates import Covariates, read_covariates
from mien.study.folder import (
    Description,
    begin_study,
    check_covariates,
    check_folder,
    find_descriptions,
    frames_fault,
)
from mien.study.lock import study_lock
from mien.study.record import Record, read_record
from mien.study.tables import file_names
from mien.study.unit_analysis import UnitPlan
from mien.study.units import Unit

__all__ = ["merge_studies"]

_NAMES = 3


def merge_studies(
    folders: str | Path | Iterable[str | Path],
    out: str | Path | None = None,
    *,
    covariates: str | Path | None = None,
    overwrite: bool = False,
) -> Study:
    """Make one study of shards, or of several studies of the same settings.

    Args:
        folders: Their folders. Shards that were written into one folder are named by it alone.
        out: The folder of the merged study, another one than those of several studies; None makes
            it in the one folder that is given.
        covariates: As in `StudyOptions`.
        overwrite: Whether an earlier study in `out` is replaced.

    Returns:
        The merged study.

    Raises:
        InputError: A folder holds no study, a shard is missing, not done or made of other inputs
            than another, frames are missing or damaged, the settings differ, one video was analysed
            in two versions or by two paths, or an image is in two groups of images.
        OutputError: `out` holds another study or one of those that are merged, cannot be written,
            or another process is writing it.
        MissingExtraError: The extra `tables` is not installed.
    """
    require_charts()
    if not isinstance(folders, str | Path | Iterable):
        raise InputError(f"folders: expected paths, found {type(folders).__name__}")
    given = [folders] if isinstance(folders, str | Path) else folders
    paths = [check_path("folders", folder) for folder in given]
    if not paths:
        raise InputError("folders: expected at least one study, found none")
    if out is None and len(paths) > 1:
        raise OptionsError("out: several studies need a folder for the merged one")
    target = paths[0] if out is None else check_path("out", out)
    is_new = _is_new(target, paths)
    parts = [(path, part) for path in paths for part in _parts(path)]
    settings = parts[0][1].settings
    _check_parts(parts)
    units, problems = _units(parts)
    tables = file_names()
    known = Covariates()
    if covariates is not None:
        check_covariates(check_path("covariates", covariates), target, tables)
        sources = sorted(record.sources[0] for _, record in units.values() if record.video)
        known = read_covariates(covariates, sources)
    plan = UnitPlan(
        folder=target,
        format=settings["format"],
        video=VideoOptions(),
        faces=FaceOptions(),
        events=EventOptions(),
        units=settings.get("unit_model") is not None,
    )
    if is_new:
        check_folder(target, tables=tables)
    with study_lock(target, None):
        if is_new:
            names = {name: record.sources[0] for name, (_, record) in units.items()}
            whole = Description(settings=settings, shard=None, units=names, problems=problems)
            begin_study(
                target,
                whole,
                sources={source for _, record in units.values() for source in record.sources},
                overwrite=overwrite,
                resume=not overwrite,
                tables=tables,
            )
            for name, (path, _) in units.items():
                _copy(plan.frames_path(name), path)
                _copy(plan.record_path(name), path)
        study = Study(target, len(units), len(units), len(units), dict(problems))
        for _, record in units.values():
            study.failures.update(record.failures)
        every = [
            Unit(name, each.sources, each.video is not None) for name, (_, each) in units.items()
        ]
        finish_study(study, plan, every, known, problems=problems)
    return study


def _is_new(target: Path, paths: Sequence[Path]) -> bool:
    """Return whether the merged study gets a folder of its own.

    Raises:
        OutputError: It is one of several studies, which it would replace.
    """
    if not any(is_same_file(path, target) for path in paths):
        return True
    if not all(is_same_file(path, target) for path in paths):
        raise OutputError(
            f"{target}: is one of the studies that are merged. Choose another folder for the result"
        )
    return False


def _parts(path: Path) -> Sequence[Description]:
    parts = find_descriptions(path)
    if not parts:
        raise InputError(f"{path}: holds no study. Expected a folder of `mien analyze --study`")
    return parts


def _check_parts(parts: Sequence[tuple[Path, Description]]) -> None:
    """Check that settings are the same, and that no shard is missing.

    Raises:
        InputError: They are not, one is, or shards are made of different inputs.
    """
    first_path, first = parts[0]
    for path, part in parts[1:]:
        names = part.settings.keys() | first.settings.keys()
        differing = sorted(n for n in names if part.settings.get(n) != first.settings.get(n))
        if differing:
            raise InputError(
                f"{path}: differs from {first_path} in {', '.join(differing)}. Only studies of the "
                "same settings are merged"
            )
    _check_shards([(path, part) for path, part in parts if part.shard is not None])


def _check_shards(shards: Sequence[tuple[Path, Description]]) -> None:
    """Check that the shards of the same inputs are all there.

    Raises:
        InputError: One is missing, or was made of other inputs than another.
    """
    found: dict[tuple[int, str | None], dict[int, Path]] = {}
    for path, part in shards:
        number, of = part.shard or (1, 1)
        found.setdefault((of, part.listing), {})[number] = path
    for (of, listing), numbers in found.items():
        missing = [number for number in range(1, of + 1) if number not in numbers]
        if not missing:
            continue
        number, path = next(iter(numbers.items()))
        for (other_of, other_listing), others in found.items():
            if other_of == of and other_listing != listing:
                other, other_path = next(iter(others.items()))
                raise InputError(
                    f"{other_path}: shard {other}/{of} is made of other inputs than shard "
                    f"{number}/{of} of {path}: some came or went in between, and are perhaps in no "
                    "shard. Make all shards anew with the same inputs"
                )
        shown = ", ".join(f"{each}/{of}" for each in missing[:_NAMES])
        more = f" and {len(missing) - _NAMES} more" if len(missing) > _NAMES else ""
        raise InputError(
            f"{path}: shards are missing: {shown}{more}. Run them with the same inputs, or name "
            "their folders, too"
        )


def _units(
    parts: Sequence[tuple[Path, Description]],
) -> tuple[dict[str, tuple[Path, Record]], dict[str, str]]:
    """Return the folder and record of each unit by name, and the inputs that stand for no file.

    Raises:
        InputError: A unit is not done, its frames are missing or damaged, it differs from one of
            the same name, or shares a file with another.
    """
    units: dict[str, tuple[Path, Record]] = {}
    problems: dict[str, str] = {}
    unit_of: dict[str, str] = {}
    waiting: dict[Path, list[str]] = {}
    faults: list[str] = []
    for path, part in parts:
        problems |= part.problems
        for name, source in part.units.items():
            record_path = path / "records" / f"{name}.json"
            if not record_path.is_file():
                waiting.setdefault(path, []).append(source)
                continue
            record = read_record(record_path)
            frames = path / "frames" / f"{name}.{part.settings['format']}"
            if (fault := frames_fault(frames, record)) is not None:
                faults.append(
                    f"{frames}: {fault}. Continue that study with --resume, which analyses "
                    f"{source} again"
                )
            if name in units and units[name][1].fingerprints != record.fingerprints:
                raise InputError(
                    f"{path}: {source} is another file than that of {units[name][0]}. Analyse one "
                    "of them again"
                )
            for each in record.sources:
                if (other := unit_of.setdefault(_place(each, record), name)) != name:
                    raise _same_file(path, each, record, units[other])
            units.setdefault(name, (path, record))
    for path, sources in waiting.items():
        shown = ", ".join(sorted(sources)[:_NAMES])
        more = f" and {len(sources) - _NAMES} more" if len(sources) > _NAMES else ""
        raise InputError(f"{path}: not done yet: {shown}{more}. Continue that study with --resume")
    if faults:
        more = f". {len(faults) - 1} more are missing or damaged, too" if len(faults) > 1 else ""
        raise InputError(faults[0] + more)
    return units, problems


def _place(source: str, record: Record) -> str:
    """Return the same for all spellings of a path; a link is not what it leads to.

    A record does not say where an image with a relative path was: that stands for itself.
    """
    path = record.video_path or source
    if not os.path.isabs(path):  # noqa: PTH117
        return path
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)  # noqa: PTH118


def _same_file(path: Path, source: str, record: Record, other: tuple[Path, Record]) -> InputError:
    """Return the error for a file that is in two units."""
    other_path, other_record = other
    if record.video is None:
        return InputError(
            f"{path}: {source} is in {other_path}, too, among other images, and would count twice. "
            "Make a study of all images"
        )
    return InputError(
        f"{path}: {source} is the same file as {other_record.sources[0]} of {other_path}, and "
        "would count twice. Leave out one of these studies, or analyse the video by the same path "
        "in both"
    )


def _copy(target: Path, folder: Path) -> None:
    source = folder / target.parent.name / target.name
    try:
        file = source.open("rb")
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from error
    with file, whole_file(target) as partial, partial.open("wb") as copy:
        shutil.copyfileobj(file, copy)
