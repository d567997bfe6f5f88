"""Importing labelled images in several forms, which are recognised by their content."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mien._checking import check_path
from mien._wording import as_text, pluralize
from mien.data.fer_csv import Votes, is_fer_csv, is_votes_csv, read_fer_csv, read_votes
from mien.data.folder_source import files_below, has_images, read_class_folders
from mien.data.framing import Align, Framer, NoFace
from mien.data.grouping import ABOVE, Grouping
from mien.data.labels import Conditions, Labels
from mien.data.parquet_source import read_parquet
from mien.data.reading import Reading
from mien.data.records import Fault, OnStep, Record, Rows, first_names
from mien.data.repeats import drop_repeated
from mien.data.store import (
    Manifest,
    Origin,
    has_table,
    read_dataset,
    read_manifest,
    write_dataset,
)
from mien.data.text_table import open_table
from mien.emotions import FERPLUS_8, ferplus_majority
from mien.errors import DatasetError, OutputError
from mien.media import is_image_file

__all__ = ["ImportResult", "import_dataset", "read_sources"]

_FORMS = (
    "FER-2013's CSV (emotion, pixels, Usage), FER+'s CSV of votes, a Parquet with bytes of "
    "images and labels, or folders of images named as their class"
)
_TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_PARQUETS = (".parquet", ".pq")
_CHUNK = 1 << 22
_PIXELS_IN_A_LINE = 100
_FEWEST_COMPARED, _LEAST_AGREEMENT = 30, 1 / 3
"""From so many images on votes are refused that agree with fewer of the labels. FER+'s majorities
are FER-2013's labels for two thirds of the images, and by chance for a fifth of them."""


@dataclasses.dataclass(frozen=True, slots=True)
class _File:
    """A file, or a tree of class folders, that is read.

    Attributes:
        path: Where it is.
        kind: `csv`, `votes`, `parquet` or `folders`.
        folders: The names of the folders from the source to it.
    """

    path: Path
    kind: str
    folders: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class ImportResult:
    """The result of `import_dataset`.

    Attributes:
        path: The dataset's folder.
        manifest: Its manifest.
        notes: How the sources were interpreted, a sentence each, where that is not obvious.
        unchanged: Whether the same sources were imported there before.
    """

    path: Path
    manifest: Manifest
    notes: tuple[str, ...]
    unchanged: bool


def import_dataset(
    sources: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    label_map: Mapping[str, str] | None = None,
    own_classes: bool = False,
    align: Align = "auto",
    no_face: NoFace = "drop",
    group: str | None = None,
    where: Mapping[str, str | Sequence[str]] | None = None,
    overwrite: bool = False,
    on_source: OnStep | None = None,
) -> ImportResult:
    """Import labelled images into one dataset folder: a Parquet and a manifest.

    The folder appears when it is complete. Importing the same sources again changes nothing, but
    mends a dataset whose table is damaged.
    Images of 48x48 pixels are face crops already; in all others the largest face is found and
    aligned, unless `align` says otherwise.

    Args:
        sources: A file or folder, or several. FER+'s votes are joined to the images: by line if
            both files have the same lines, else by image name, which then has to be that of one
            image and one line.
        out: The dataset's folder.
        label_map: The labels of other class names or numbers; `-` leaves a class out.
        own_classes: Whether names that are no known expression become classes of their own.
        align: `auto`; `always` aligns images of 48x48 pixels, too; `never` takes every image as the
            face crop that it is.
        no_face: What becomes of an image in which no face is found: `drop`, `keep` (as a whole), or
            `error`.
        group: What says who an image shows: a regular expression over its path with one group, a
            CSV of names and persons, the name of a column of the tables, `folder` (the folder below
            its class, else the one above), or `none`. None takes a column `person`, and folders
            below the classes, where there are any.
        where: The rows of tables to take, by the value of a column: `{"set": "ck48"}`; of several,
            `{"set": ["ck48", "jaffe"]}`, a row has one.
        overwrite: Whether a dataset at `out` is replaced, also the same one; other files in it
            stay.
        on_source: Called with each source's name.

    Raises:
        DatasetError: The sources have faults, or an unknown form.
        InputError: `label_map` maps to an unknown label or from a class that no image has, or
            another option is none of its values.
        OutputError: `out` exists and is another dataset or no dataset, or cannot be written.
        MissingExtraError: pyarrow is not installed.
    """
    out = check_path("out", out)
    reading, grouping = _reading(label_map, own_classes, align, no_face, group, where, out)
    found, notes = _find_all(sources, reading.skipped)
    origins = tuple(
        Origin(as_text(file.path.name), file.kind, *_fingerprint(file.path, reading.skipped))
        for file in found
    )
    mapping = {as_text(name): as_text(to) for name, to in sorted((label_map or {}).items())}
    settings = {
        "align": align,
        "no_face": no_face,
        "own_classes": str(own_classes).lower(),
        "group": as_text(grouping.description),
        "where": as_text(reading.conditions.description),
    }
    if out.exists():
        known = _manifest_at(out)
        if known is None and not has_table(out):
            raise OutputError(f"{out}: exists and is not a dataset. Choose another folder")
        same = (origins, mapping, settings)
        if known is not None and (known.sources, known.label_map, known.settings) == same:
            if not overwrite and _is_whole(out):
                return ImportResult(out, known, (), unchanged=True)
        elif not overwrite:
            raise OutputError(
                f"{out}: exists and is another dataset. Choose another folder or pass "
                "overwrite=True"
            )
    rows = _read(found, reading, grouping, on_source)
    rows.raise_faults()
    manifest = write_dataset(rows, out, origins, mapping, settings)
    return ImportResult(out, manifest, (*notes, *rows.notes), unchanged=False)


def read_sources(
    sources: str | Path | Sequence[str | Path],
    *,
    label_map: Mapping[str, str] | None = None,
    own_classes: bool = False,
    align: Align = "auto",
    no_face: NoFace = "drop",
    group: str | None = None,
    where: Mapping[str, str | Sequence[str]] | None = None,
    on_source: OnStep | None = None,
) -> Rows:
    """Read labelled images without importing them, and collect their faults.

    Args:
        sources: As for `import_dataset`, like the others.
        label_map: The labels of other class names or numbers.
        own_classes: Whether unknown names become classes of their own.
        align: Which images are aligned.
        no_face: What becomes of images without a face.
        group: What says who an image shows.
        where: The rows of tables to take.
        on_source: Called with each source's name.

    Raises:
        DatasetError: A source has an unknown form.
        InputError: An option has none of its values, or fits no image.
    """
    reading, grouping = _reading(label_map, own_classes, align, no_face, group, where, None)
    found, notes = _find_all(sources, reading.skipped)
    rows = _read(found, reading, grouping, on_source)
    rows.notes[:0] = notes
    return rows


def _reading(
    label_map: Mapping[str, str] | None,
    own_classes: bool,
    align: Align,
    no_face: NoFace,
    group: str | None,
    where: Mapping[str, str | Sequence[str]] | None,
    out: Path | None,
) -> tuple[Reading, Grouping]:
    grouping = Grouping(group)
    reading = Reading(
        labels=Labels(label_map, own=own_classes),
        conditions=Conditions(where),
        framer=Framer(align=align, no_face=no_face),
        people=grouping.column,
        above=group == ABOVE,
        below=group in (None, ABOVE) or bool(grouping.column.name),
        skipped=frozenset() if out is None else frozenset([out.resolve()]),
    )
    return reading, grouping


def _manifest_at(out: Path) -> Manifest | None:
    try:
        return read_manifest(out)
    except DatasetError:
        return None


def _is_whole(out: Path) -> bool:
    try:
        read_dataset(out)
    except DatasetError:
        return False
    return True


def _find_all(
    sources: str | Path | Sequence[str | Path], skipped: frozenset[Path]
) -> tuple[list[_File], list[str]]:
    """Return the files of all sources with their kinds, and what is said of others."""
    found: list[_File] = []
    notes: list[str] = []
    for source in [sources] if isinstance(sources, str | Path) else sources:
        found += _find_files(check_path("sources", source), skipped, notes)
    return found, notes


def _find_files(source: Path, skipped: frozenset[Path], notes: list[str]) -> list[_File]:
    """Return the files of a path with their kinds; a tree of class folders counts as one file."""
    if not source.exists():
        raise DatasetError(f"{source}: no such file or folder. Check the path")
    if source.name in ("", ".."):
        source = source.resolve()
    if source.is_file():
        kind, content = _kind(source)
        if kind is None:
            raise DatasetError(f"{source}: unknown form, expected {_FORMS}; found {content}")
        return [_File(source, kind)]
    known: list[_File] = []
    for path in files_below(source, skipped):
        if not _is_table(path):
            continue
        kind, content = _kind(path)
        if kind is None:
            notes.append(f"{path.name}: left out, found {content}")
        else:
            known.append(_File(path, kind, path.relative_to(source).parts[:-1]))
    if has_images(source, skipped) or (not known and any(map(Path.is_dir, source.iterdir()))):
        known.append(_File(source, "folders"))
    if not known:
        alone = sum(is_image_file(path) for path in source.iterdir() if path.is_file())
        said = [f"{pluralize(alone, 'image')} in no folder of a class"] if alone else []
        others = "; found " + "; ".join([*said, *notes[:3]]) if said or notes else ""
        raise DatasetError(
            f"{source}: no file of a known form in this folder, expected {_FORMS}{others}"
        )
    return known


def _is_table(path: Path) -> bool:
    return path.name.lower().endswith((*_TABLES, *_PARQUETS))


def _kind(path: Path) -> tuple[str | None, str]:
    """Return the kind of a file, None if it is unknown, and what was found in it."""
    try:
        with path.open("rb") as file:
            if file.read(4) == b"PAR1":
                return "parquet", ""
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    if path.name.lower().endswith(_PARQUETS):
        raise DatasetError(f"{path}: not a Parquet file. Copy it again")
    if is_image_file(path):
        return None, "a single image. Give the folder that holds the folders of the classes"
    with open_table(path) as table:
        columns = table.columns
    if is_votes_csv(columns):
        return "votes", ""
    if is_fer_csv(columns):
        return "csv", ""
    if any(cell.count(" ") > _PIXELS_IN_A_LINE for cell in columns):
        return None, "an image in its first line, and no names of columns"
    named = first_names([column[:40] for column in columns if column])
    if not named or not named.isprintable() or "\ufffd" in named:
        return None, "no text"
    return None, f"the columns {named}"


def _fingerprint(path: Path, skipped: frozenset[Path]) -> tuple[int, str]:
    """Return size and hash; for a folder, of all its files and their paths."""
    digest, size = hashlib.sha256(), 0
    files = [path] if path.is_file() else sorted(files_below(path, skipped))
    for file in files:
        if path.is_dir():
            digest.update(file.relative_to(path).as_posix().encode(errors="surrogateescape"))
        try:
            with file.open("rb") as opened:
                while chunk := opened.read(_CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
        except OSError as error:
            raise DatasetError(f"{file}: cannot be read: {error.strerror}") from error
    return size, digest.hexdigest()


def _read(
    found: Sequence[_File],
    reading: Reading,
    grouping: Grouping,
    on_source: OnStep | None,
) -> Rows:
    read, votes = list[tuple[str, str, Rows]](), list[Votes]()
    for file in found:
        path, kind, folders = file.path, file.kind, file.folders
        progress = on_source(path.name) if on_source is not None else None
        if kind == "votes":
            votes.append(read_votes(path))
            continue
        if kind == "csv":
            source = read_fer_csv(path, reading, folders=folders, on_progress=progress)
        elif kind == "parquet":
            source = read_parquet(path, reading, folders=folders, on_progress=progress)
        else:
            source = read_class_folders(path, reading, on_progress=progress)
        read.append((path.name, kind, source))
    if len(votes) > 1:
        names = ", ".join(each.file for each in votes)
        raise DatasetError(f"{names}: expected at most one file of votes, found {len(votes)}")
    reading.conditions.raise_unmet()
    drop_repeated(read)
    rows = Rows(faults=reading.unknown_subsets())
    for _, _, source in read:
        rows.extend(source)
    if not (rows.records or rows.faults or rows.faceless):
        raise DatasetError(f"found no images, expected {_FORMS}")
    if not rows.faults:
        reading.labels.raise_unused()
        reading.labels.raise_shifted()
        _note_faces(rows, reading.framer)
        grouping.apply(rows)
    if votes and not rows.faults:
        tables = all(kind != "folders" for _, kind, source in read if source.records)
        _join_votes(rows, votes[0], tables=tables)
    return rows


def _note_faces(rows: Rows, framer: Framer) -> None:
    """Say what was found in pictures that were searched for faces."""
    if rows.several:
        count = pluralize(len(rows.several), "image shows", "images show")
        rows.notes.append(
            f"{count} several faces, the largest was taken: {first_names(rows.several)}"
        )
    if rows.faceless:
        count = pluralize(len(rows.faceless), "image")
        done = "kept as a whole" if framer.no_face == "keep" else "left out"
        names = first_names(rows.faceless)
        if not rows.records:
            use = "Pass --align never if they are face crops, or --no-face keep"
            rows.faults.append(Fault(f"{count}", f"no face was found in any ({names}). {use}"))
        rows.notes.append(f"{count} without a face {done}: {names}")


def _join_votes(rows: Rows, votes: Votes, *, tables: bool) -> None:
    """Join the votes to the images by line or by name, and say which.

    Rows of tables are joined by line if both have the same lines. Files of folders have another
    order, even where all are of one subset, so these are joined by line only if their names are
    those of the lines.

    Args:
        rows: The images.
        votes: The votes.
        tables: Whether all images are rows of tables.
    """
    records = rows.records
    lines = {name: line for line, name in enumerate(votes.image_names) if name}
    found = [lines.get(record.name) for record in records]
    same_lines = [record.subset for record in records] == votes.usages
    in_order = all(line in (None, number) for number, line in enumerate(found))
    if same_lines and in_order and (tables or None not in found):
        rows.votes, rows.image_names = votes.counts, votes.image_names
        how = f"by line to {pluralize(len(records), 'image')}"
    elif matched := sum(line is not None for line in found):
        if twice := _named_twice(records, votes):
            rows.faults.append(twice)
            return
        counts = np.zeros((len(found), votes.counts.shape[1]), np.uint8)
        for number, line in enumerate(found):
            if line is not None:
                counts[number] = votes.counts[line]
        rows.votes, rows.image_names = counts, [record.name for record in records]
        how = f"by image name to {matched} of {len(found)} images"
    else:
        rows.faults.append(_unjoinable(records, votes))
        return
    rows.notes.append(f"{votes.file}: joined {how}")
    _check_joined(rows, votes.file)


def _named_twice(records: Sequence[Record], votes: Votes) -> Fault | None:
    """Return a fault if a name by which votes are joined is that of several images or lines."""
    named: dict[str, list[str]] = {}
    for record in records:
        named.setdefault(record.name, []).append(record.origin)
    lines: dict[str, list[str]] = {}
    for number, name in enumerate(votes.image_names, start=2):
        if name and name in named:
            lines.setdefault(name, []).append(f"line {number}")
    for name, of_lines in lines.items():
        for places, what in ((named[name], "images"), (of_lines, "lines of votes")):
            if len(places) > 1:
                many = f"{name} is the name of {len(places)} {what}, {first_names(places)}"
                return Fault(votes.file, f"{many}. Give each a name of its own")
    return None


def _check_joined(rows: Rows, file: str) -> None:
    """Refuse votes that are seldom for the images' labels: they are of other images."""
    votes = rows.votes
    if votes is None:
        return
    majority, decided = ferplus_majority(votes)
    labels = [
        FERPLUS_8.labels.index(label) if (label := record.label) in FERPLUS_8.labels else -1
        for record in rows.records
    ]
    both = decided & (np.array(labels) >= 0)
    if both.sum() < _FEWEST_COMPARED:
        return
    agreed = float((majority == labels)[both].mean())
    if agreed < _LEAST_AGREEMENT:
        what = f"most votes are for the label of only {agreed:.0%} of {both.sum():,} images"
        rows.faults.append(Fault(file, f"{what}: they are of other images, or in another order"))


def _unjoinable(records: Sequence[Record], votes: Votes) -> Fault:
    if len(records) != len(votes):
        lines = f"{len(records)} lines, as the images have, found {len(votes)}"
        return Fault(votes.file, f"expected {lines}; and no image has one of its image names")
    pairs = zip(records, votes.usages, strict=True)
    line = next((n for n, (record, usage) in enumerate(pairs) if record.subset != usage), None)
    if line is None:
        what = f"no image has one of its image names, as {first_names(votes.image_names[:3])}"
        return Fault(votes.file, f"{what}; and files of folders are not in the order of its lines")
    what = f"expected subset {records[line].subset}, as {records[line].origin}, found"
    return Fault(f"{votes.file}, line {line + 2}", f"{what} {votes.usages[line]}: other images")
