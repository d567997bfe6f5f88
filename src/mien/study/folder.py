"""The folder of a study: what it was made with, and which of its units are done.

A study is described by `study.json`, each of its shards by a file of its own, so that machines that
share a folder do not write the same file. `mien.study.lock` keeps two processes from the same work.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mien._output import (
    cannot_write,
    check_writable,
    is_same_file,
    partial_path,
    write_durably,
)
from mien._reading import read_json
from mien.errors import InputError, OutputError
from mien.study.own_files import OwnFiles
from mien.study.record import Record, read_record
from mien.study.unit_analysis import UnitPlan, source_fingerprint
from mien.study.units import Unit

__all__ = [
    "Description",
    "Shard",
    "begin_study",
    "check_covariates",
    "check_folder",
    "files_of_study",
    "find_descriptions",
    "find_done_images",
    "frames_fault",
    "is_done",
]

_OF_ALL = "study.json"
_OF_SHARD = "shard-{}-of-{}.json"
_FOLDERS = ("frames", "records", "exports", "figures")
_NAMES = 3

Shard = tuple[int, int] | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a study, or a shard of it, was made with.

    Attributes:
        settings: Options, networks and versions, as plain values that JSON can hold.
        shard: Its number, from 1, and how many there are; None for a whole study.
        units: The first source of each unit, by the unit's name.
        problems: Why an input stands for no file, by the input.
        listing: A hash of the inputs of all shards (`listing_sha256`); None for a whole study.
    """

    settings: Mapping[str, Any]
    shard: Shard
    units: Mapping[str, str]
    problems: Mapping[str, str]
    listing: str | None = None

    @property
    def file_name(self) -> str:
        """The name of its file."""
        return _OF_ALL if self.shard is None else _OF_SHARD.format(*self.shard)


def files_of_study(folder: Path, tables: Iterable[str]) -> list[Path]:
    """Return the files and folders of a study that are not for one process alone.

    Args:
        folder: The study's folder.
        tables: The names of the files that are written at the end of a study.
    """
    return [folder / name for name in (*tables, *_FOLDERS)]


def find_descriptions(folder: Path) -> list[Description]:
    """Return the descriptions of a study and its shards in a folder; none if there is no study.

    Raises:
        OutputError: One of them cannot be read.
    """
    paths = [folder / _OF_ALL, *sorted(folder.glob(_OF_SHARD.format("*", "*")))]
    return [_read(path) for path in paths if path.is_file()]


def _read(path: Path) -> Description:
    expected = "what `mien analyze --study` wrote"
    document = read_json(path, OutputError, expected=expected)
    try:
        shard = document["shard"]
        return Description(
            settings=document["settings"],
            shard=None if shard is None else (shard[0], shard[1]),
            units=dict(document["units"]),
            problems=dict(document["problems"]),
            listing=document["listing"],
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise OutputError(f"{path}: is damaged ({error}). Expected {expected}") from error


def check_folder(folder: Path, *, tables: Iterable[str]) -> None:
    """Check that a folder holds nothing that is not of a study, before anything is made there.

    Files of a study are replaced on request; those that are of none never are.

    Args:
        folder: The folder, which may be missing.
        tables: The names of the files that are written at the end of a study.

    Raises:
        OutputError: It is a file, holds files of these names, or nothing can be written there.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file, expected a folder. Choose another name")
    if not find_descriptions(folder):
        _refuse_foreign(folder, (*tables, *_FOLDERS))
    check_writable(folder)


def check_covariates(covariates: Path, folder: Path, tables: Iterable[str]) -> None:
    """Check that a file of covariates is none that the study writes.

    Raises:
        InputError: It is.
    """
    if any(is_same_file(covariates, folder / name) for name in tables):
        raise InputError(
            f"covariates: {covariates} has the name of a file that the study writes. Choose "
            "another one"
        )


def find_done_images(folder: Path) -> list[tuple[str, ...]]:
    """Return the groups of images that a study in one piece has done; none if there is no study.

    Raises:
        OutputError: What the study was made with cannot be read.
    """
    wholes = (each for each in find_descriptions(folder) if each.shard is None)
    records = [_record(folder, name) for whole in wholes for name in whole.units]
    return [each.sources for each in records if each is not None and each.video is None]


def _record(folder: Path, name: str) -> Record | None:
    """Return the record of a unit; None without one that can be read."""
    path = folder / "records" / f"{name}.json"
    with contextlib.suppress(OutputError):
        return read_record(path) if path.exists() else None
    return None


def begin_study(
    folder: Path,
    wanted: Description,
    *,
    sources: Collection[str],
    overwrite: bool,
    resume: bool,
    tables: Iterable[str],
) -> None:
    """Check what the folder holds, and write what the study is made with.

    The caller has checked the folder, and holds its lock.

    Args:
        folder: The folder.
        wanted: The study, or the shard of it.
        sources: All its inputs.
        overwrite: Whether an earlier study is removed; files that it did not write, or that were
            changed since, stay.
        resume: Whether an earlier one of the same settings is continued.
        tables: The names of the files that are written at its end.

    Raises:
        OutputError: The folder holds a study, an earlier study had other settings or inputs that
            are missing now, a shard of it had other inputs, a table would replace a file that it
            did not write, or nothing can be written.
    """
    wanted = dataclasses.replace(wanted, settings=json.loads(json.dumps(wanted.settings)))
    found = find_descriptions(folder)
    if found and overwrite:
        _remove(folder, found, wanted, tables)
    elif found:
        _compare(folder, found, wanted, resume=resume)
        _remove_regrouped(folder, found, wanted, sources)
    write_durably(folder / wanted.file_name, json.dumps(dataclasses.asdict(wanted)))
    if overwrite:
        _unlink(folder, {each.file_name for each in found} - {wanted.file_name})


def _compare(
    folder: Path, found: Sequence[Description], wanted: Description, *, resume: bool
) -> None:
    """Compare the study in the folder with the wanted one.

    Raises:
        OutputError: They do not go together.
    """
    same = next((each for each in found if each.shard == wanted.shard), None)
    advice = "Continue with resume=True, or start again with overwrite=True"
    if not resume and same is not None:
        raise OutputError(f"{folder}: holds a study already. {advice}")
    for each in found:
        names = each.settings.keys() | wanted.settings.keys()
        if differing := sorted(
            name for name in names if each.settings.get(name) != wanted.settings.get(name)
        ):
            raise OutputError(
                f"{folder}: the study there differs in {', '.join(differing)}. Use its values, or "
                "start again with overwrite=True"
            )
        if (each.shard is None) != (wanted.shard is None) or (
            each.shard is not None and wanted.shard is not None and each.shard[1] != wanted.shard[1]
        ):
            parts = "in one piece" if each.shard is None else f"in {each.shard[1]} shards"
            raise OutputError(f"{folder}: the study there is made {parts}. Choose another folder")
        if each.shard is not None and each.listing != wanted.listing:
            number, of = each.shard
            raise OutputError(
                f"{folder}: shard {number}/{of} there is made of other inputs. Shards divide all "
                "inputs by their order: where one came or went, others would be in no shard. Name "
                "the same inputs, and make a study of new ones to merge with this one; or start "
                "again with overwrite=True"
            )


def _remove_regrouped(
    folder: Path, found: Sequence[Description], wanted: Description, sources: Collection[str]
) -> None:
    """Remove what there is of groups of images that are grouped otherwise now.

    Raises:
        OutputError: One of the earlier inputs is missing now, or nothing can be removed.
    """
    earlier = {name: source for each in found if each.shard == wanted.shard
               for name, source in each.units.items()}  # fmt: skip
    gone = earlier.keys() - wanted.units.keys()
    missing: set[str] = set()
    for name in gone:
        record = _record(folder, name)
        own = (earlier[name],) if record is None else record.sources
        missing.update(source for source in own if source not in sources)
    if missing:
        shown = ", ".join(sorted(missing)[:_NAMES])
        more = f" and {len(missing) - _NAMES} more" if len(missing) > _NAMES else ""
        raise OutputError(
            f"{folder}: the study there has inputs that are missing now: {shown}{more}. Name them, "
            "too, or start again with overwrite=True"
        )
    others = {name for each in found if each.shard != wanted.shard for name in each.units}
    try:
        for name in gone - others:
            _remove_unit(folder, name, {wanted.settings["format"]})
    except OSError as error:
        raise cannot_write(folder, error) from error


def _refuse_foreign(folder: Path, names: Iterable[str]) -> None:
    for path in (folder / name for name in names):
        if path.exists():
            raise OutputError(
                f"{path}: exists already, and is not of a study. Choose another folder"
            )


def _remove(
    folder: Path, found: Sequence[Description], wanted: Description, tables: Iterable[str]
) -> None:
    """Remove what an earlier study wrote, and nothing else.

    Its records go first, so that a kill leaves nothing that looks done. What it was made with stays
    until the new study has its own, since without that the rest would look like somebody's files.

    Raises:
        OutputError: A table of the new study would replace somebody's file, or nothing can be
            removed.
    """
    formats = {each.settings["format"] for each in found}
    for name in tables:
        if name.endswith(f".{wanted.settings['format']}") and not _is_of(name, formats):
            _refuse_foreign(folder, [name])
    try:
        for name in {name for each in found for name in each.units}:
            _remove_unit(folder, name, formats)
        OwnFiles(folder).remove_all()
        _unlink(folder, [name for name in tables if _is_of(name, formats)])
        for name in _FOLDERS:
            with contextlib.suppress(OSError):  # somebody's files are in it, or it is missing
                (folder / name).rmdir()
    except OSError as error:
        raise cannot_write(folder, error) from error


def _unlink(folder: Path, names: Iterable[str]) -> None:
    try:
        for name in names:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


def _is_of(name: str, formats: Collection[str]) -> bool:
    """Return whether a file is a table of one of these formats."""
    return name.rpartition(".")[2] in formats


def _remove_unit(folder: Path, name: str, formats: Iterable[str]) -> None:
    """Remove the record of a unit, and then its frames."""
    frames = [folder / "frames" / f"{name}.{format}" for format in formats]
    for path in (folder / "records" / f"{name}.json", *frames):
        path.unlink(missing_ok=True)
        partial_path(path).unlink(missing_ok=True)


def frames_fault(frames: Path, record: Record) -> str | None:
    """Return what is wrong with the file of a unit's frames; None if it is as it was written."""
    if not frames.is_file():
        return "is missing"
    found = frames.stat().st_size
    if found != record.frames_bytes:
        return f"is damaged: expected {record.frames_bytes:,} bytes, found {found:,}"
    return None


def is_done(unit: Unit, plan: UnitPlan) -> bool:
    """Return whether a unit is done, and its files are as they were then."""
    record = _record(plan.folder, unit.name)
    if record is None or frames_fault(plan.frames_path(unit.name), record) is not None:
        return False
    return record.fingerprints == tuple(source_fingerprint(source) for source in unit.sources)
