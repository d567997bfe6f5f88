"""Importing labelled images in several forms, which are recognised by their content."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mien.data.fer_csv import (
    Votes,
    csv_columns,
    is_fer_csv,
    is_votes_csv,
    read_fer_csv,
    read_votes,
)
from mien.data.folder_source import class_folders, is_ignored, read_class_folders
from mien.data.parquet_source import read_parquet
from mien.data.records import Fault, Labels, OnStep, Record, Rows
from mien.data.store import Manifest, Origin, read_manifest, write_dataset
from mien.errors import DatasetError, OutputError

__all__ = ["ImportResult", "import_dataset", "read_sources"]

_FORMS = (
    "FER-2013's CSV (emotion, pixels, Usage), FER+'s CSV of votes, a Parquet with bytes of "
    "images and labels, or folders of images named as their class"
)
_CHUNK = 1 << 22


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
    sources: Sequence[str | Path],
    out: str | Path,
    *,
    label_map: Mapping[str, str] | None = None,
    overwrite: bool = False,
    on_source: OnStep | None = None,
) -> ImportResult:
    """Import labelled images into one dataset folder: a Parquet and a manifest.

    The folder appears when it is complete. Importing the same sources again changes nothing.

    Args:
        sources: Files or folders. FER+'s votes are joined to the images: by line if both files have
            the same lines, else by image name.
        out: The dataset's folder.
        label_map: The labels of other class names; `-` leaves a class out.
        overwrite: Whether another dataset at `out` may be replaced; other files in it
            stay.
        on_source: Called with each source's name.

    Raises:
        DatasetError: The sources have faults, or an unknown form.
        InputError: `label_map` maps to an unknown label.
        OutputError: `out` exists and is another dataset or no dataset, or cannot be written.
        MissingExtraError: pyarrow is not installed.
    """
    out = Path(out)
    labels = Labels(label_map)
    found = [file for source in sources for file in _find_files(Path(source))]
    origins = tuple(Origin(path.name, kind, *_fingerprint(path)) for path, kind in found)
    mapping = dict(sorted((label_map or {}).items()))
    if out.exists():
        known = _manifest_at(out)
        if known is not None and (known.sources, known.label_map) == (origins, mapping):
            return ImportResult(out, known, (), unchanged=True)
        if known is None:
            raise OutputError(f"{out}: exists and is not a dataset. Choose another folder")
        if not overwrite:
            raise OutputError(
                f"{out}: exists and is another dataset. Choose another folder or pass "
                "overwrite=True"
            )
    rows = _read(found, labels, on_source)
    rows.raise_faults()
    manifest = write_dataset(rows, out, origins, mapping)
    return ImportResult(out, manifest, tuple(rows.notes), unchanged=False)


def read_sources(
    sources: Sequence[str | Path],
    *,
    label_map: Mapping[str, str] | None = None,
    on_source: OnStep | None = None,
) -> Rows:
    """Read labelled images without importing them, and collect their faults.

    Args:
        sources: As for `import_dataset`.
        label_map: As for `import_dataset`.
        on_source: As for `import_dataset`.

    Raises:
        DatasetError: A source has an unknown form.
    """
    found = [file for source in sources for file in _find_files(Path(source))]
    return _read(found, Labels(label_map), on_source)


def _manifest_at(out: Path) -> Manifest | None:
    try:
        return read_manifest(out)
    except DatasetError:
        return None


def _find_files(source: Path) -> list[tuple[Path, str]]:
    """Return the files of a path with their kinds; a tree of class folders counts as one file."""
    if not source.exists():
        raise DatasetError(f"{source}: no such file or folder. Check the path")
    if source.is_file():
        kind = _kind(source)
        if kind is None:
            raise DatasetError(f"{source}: unknown form, expected {_FORMS}")
        return [(source, kind)]
    files = sorted(path for path in source.rglob("*") if path.suffix in (".csv", ".parquet"))
    own = [path for path in files if path.is_file() and not is_ignored(path, source)]
    known = [(path, kind) for path in own if (kind := _kind(path)) is not None]
    if all(kind == "votes" for _, kind in known) and class_folders(source):
        known.append((source, "folders"))
    if not known:
        raise DatasetError(f"{source}: no file of a known form in this folder, expected {_FORMS}")
    return known


def _kind(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            if file.read(4) == b"PAR1":
                return "parquet"
        columns = csv_columns(path)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    if is_votes_csv(columns):
        return "votes"
    return "csv" if is_fer_csv(columns) else None


def _fingerprint(path: Path) -> tuple[int, str]:
    """Return size and hash; for a folder, of all its files and their paths."""
    digest, size = hashlib.sha256(), 0
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
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


def _read(found: Iterable[tuple[Path, str]], labels: Labels, on_source: OnStep | None) -> Rows:
    rows, votes = Rows(), list[Votes]()
    for path, kind in found:
        progress = on_source(path.name) if on_source is not None else None
        if kind == "votes":
            votes.append(read_votes(path))
            continue
        if kind == "csv":
            read = read_fer_csv(path, on_progress=progress)
        elif kind == "parquet":
            read = read_parquet(path, labels, on_progress=progress)
        else:
            read = read_class_folders(path, labels, on_progress=progress)
        rows.records += read.records
        rows.faults += read.faults
        rows.notes += read.notes
    if len(votes) > 1:
        names = ", ".join(each.file for each in votes)
        raise DatasetError(f"{names}: expected at most one file of votes, found {len(votes)}")
    if not rows.records and not rows.faults:
        raise DatasetError(f"found no images, expected {_FORMS}")
    if votes and not rows.faults:
        _join_votes(rows, votes[0])
    return rows


def _join_votes(rows: Rows, votes: Votes) -> None:
    """Join the votes to the images by line if both have the same lines, else by image name."""
    if [record.subset for record in rows.records] == votes.usages:
        rows.votes, rows.image_names = votes.counts, votes.image_names
        return
    lines = {name: line for line, name in enumerate(votes.image_names) if name}
    found = [lines.get(record.name) for record in rows.records]
    matched = sum(line is not None for line in found)
    if not matched:
        rows.faults.append(_unjoinable(rows.records, votes))
        return
    counts = np.zeros((len(found), votes.counts.shape[1]), np.uint8)
    for number, line in enumerate(found):
        if line is not None:
            counts[number] = votes.counts[line]
    rows.votes, rows.image_names = counts, [record.name for record in rows.records]
    rows.notes.append(f"{votes.file}: joined by image name to {matched} of {len(found)} images")


def _unjoinable(records: Sequence[Record], votes: Votes) -> Fault:
    if len(records) != len(votes):
        lines = f"{len(records)} lines, as the images have, found {len(votes)}"
        return Fault(votes.file, f"expected {lines}; and no image has one of its image names")
    pairs = zip(records, votes.usages, strict=True)
    line = next(number for number, (record, usage) in enumerate(pairs) if record.subset != usage)
    what = f"expected subset {records[line].subset}, as {records[line].origin}, found"
    return Fault(f"{votes.file}, line {line + 2}", f"{what} {votes.usages[line]}: other images")
