"""A dataset on disk: one Parquet of images, labels and votes, and a manifest beside it."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import io
import json
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien._checking import check_path
from mien._decode import FieldError, decode, shown
from mien._output import cannot_write
from mien._reading import read_json, read_parquet_columns
from mien._wording import as_text
from mien.data.dataset import FACE_CROP, FRAMINGS, SUBSETS, VOTE_COLUMNS, Dataset
from mien.data.records import Rows
from mien.emotions import FER2013_7
from mien.errors import DatasetError, MediaError, MissingExtraError
from mien.media import open_image
from mien.preprocess import FER_CROP

__all__ = [
    "Manifest",
    "Origin",
    "dataset_from_rows",
    "has_table",
    "is_dataset",
    "read_dataset",
    "read_manifest",
    "write_dataset",
]

_TABLE, _MANIFEST = "dataset.parquet", "manifest.json"
_FORMAT = 3
_ROWS_PER_GROUP = 4096
_MOST_CLASSES = 127
_COLUMNS = ("image", "label", "subset", "row", "image_name", "framed", "face", "person")

_DAMAGES = (OSError, ValueError, KeyError, TypeError, SyntaxError, OverflowError, MediaError)
"""What is raised over values of a table that are not those of a dataset."""

_TABLE_FORM = "the table of a dataset. Import it again"


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """A file or folder that a dataset was imported from.

    Attributes:
        name: Its own name, without the folders above.
        kind: `csv`, `votes`, `parquet` or `folders`.
        size_bytes: Size of the file, or of all files of the folder.
        sha256: Hash of the file, or of all files of the folder and their paths.
    """

    name: str
    kind: str
    size_bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """The description of a dataset that is stored beside it.

    Attributes:
        rows: Number of images.
        sha256: The result of `Dataset.sha256`.
        subsets: Images per subset and label.
        voted: Images with annotator votes.
        sources: The files and folders it was imported from.
        label_map: The labels of other class names that were given at the import.
        settings: The other options of the import.
        label_names: `Dataset.label_names`.
        framed: Images by how they were made.
        people: The number of different groups.
        mien: The version that wrote it.
        format: The version of this layout.
    """

    rows: int
    sha256: str
    subsets: dict[str, dict[str, int]]
    voted: int
    sources: tuple[Origin, ...]
    label_map: dict[str, str]
    settings: dict[str, str]
    label_names: tuple[str, ...]
    framed: dict[str, int]
    people: int
    mien: str
    format: int = _FORMAT


def dataset_from_rows(rows: Rows, source: str) -> Dataset:
    """Decode the records of sources into arrays.

    Args:
        rows: The records.
        source: The dataset's name.
    """
    records = rows.records
    own = sorted({r.label for r in records if r.label} - set(FER2013_7.labels))
    label_names = (*FER2013_7.labels, *own)
    if len(label_names) > _MOST_CLASSES:
        raise DatasetError(
            f"{source}: expected at most {_MOST_CLASSES} classes, found {len(label_names)}, "
            f"{len(FER2013_7)} of them FER-2013's"
        )
    votes = np.zeros((len(records), len(VOTE_COLUMNS)), np.uint8)
    return Dataset(
        images=_decoded([record.png for record in records]),
        labels=np.array([label_names.index(r.label) if r.label else -1 for r in records], np.int8),
        votes=votes if rows.votes is None else rows.votes,
        split=np.array([SUBSETS.index(record.subset) for record in records], np.int8),
        rows=np.arange(len(records), dtype=np.int64),
        source=source,
        names=np.array(rows.image_names or [record.name for record in records], np.str_),
        label_names=label_names,
        faces=_decoded_faces([record.face for record in records]),
        framed=np.array([FRAMINGS.index(record.framed) for record in records], np.int8),
        groups=_groups([record.group for record in records]),
    )


def _groups(names: list[str]) -> NDArray[np.str_] | None:
    return np.array(names, np.str_) if any(names) else None


def write_dataset(
    rows: Rows,
    out: Path,
    sources: tuple[Origin, ...],
    label_map: Mapping[str, str],
    settings: Mapping[str, str],
) -> Manifest:
    """Write a dataset's folder; it appears, or replaces an existing one, when it is complete.

    Args:
        rows: Images without faults.
        out: The folder.
        sources: The files and folders they were read from.
        label_map: The labels of other class names.
        settings: The other options of the import.

    Raises:
        OutputError: The folder cannot be written.
        MissingExtraError: pyarrow is not installed.
    """
    data = dataset_from_rows(rows, out.name)
    manifest = Manifest(
        rows=len(data),
        sha256=data.sha256(),
        subsets={name: _counts(data.subset(name)) for name in SUBSETS if len(data.subset(name))},
        voted=int(data.votes.any(axis=1).sum()),
        sources=sources,
        label_map=dict(label_map),
        settings=dict(settings),
        label_names=data.label_names,
        framed={name: int((data.framed == i).sum()) for i, name in enumerate(FRAMINGS)},
        people=0 if data.groups is None else len(set(data.groups.tolist()) - {""}),
        mien=importlib.metadata.version("mien"),
    )
    with _replacing(out) as partial:
        _write_table(rows, data, partial / _TABLE)
        text = json.dumps(dataclasses.asdict(manifest), indent=1, ensure_ascii=False)
        (partial / _MANIFEST).write_text(text + "\n", encoding="utf-8")
    return manifest


def read_dataset(path: str | Path) -> Dataset:
    """Read an imported dataset.

    Args:
        path: The dataset's folder.

    Raises:
        DatasetError: The folder holds no dataset, or it is damaged: its hash is not that of the
            manifest.
        MissingExtraError: pyarrow is not installed.
    """
    path = check_path("path", path)
    manifest = read_manifest(path)
    try:
        data = _read_table(path, manifest.label_names)
    except _DAMAGES as error:
        reason = str(error).partition("\n")[0]
        raise DatasetError(f"{path}: {_TABLE} is damaged ({reason}). Import it again") from error
    if data.sha256() != manifest.sha256:
        raise DatasetError(
            f"{path}: {_TABLE} has another hash than {_MANIFEST} says. Import it again"
        )
    return data


def has_table(path: Path) -> bool:
    """Return whether a folder has a dataset's table, whatever its manifest is like."""
    return (path / _TABLE).is_file()


def is_dataset(path: Path) -> bool:
    """Return whether a folder has a dataset's table and manifest, whatever these are like."""
    return has_table(path) and (path / _MANIFEST).is_file()


def read_manifest(path: str | Path) -> Manifest:
    """Read a dataset's manifest.

    Raises:
        DatasetError: The folder holds no dataset of this layout.
    """
    file = check_path("path", path) / _MANIFEST
    how = f"Import one with: mien data import SOURCE... --out {path}"
    if not file.is_file():
        raise DatasetError(f"{path}: not an imported dataset. {how}")
    document = read_json(file, DatasetError, expected=f"the manifest of a dataset. {how}")
    found = document.get("format") if isinstance(document, dict) else None
    if found != _FORMAT:
        raise DatasetError(
            f"{file}: format: expected {_FORMAT}, found {shown(found)}. Import it again"
        )
    try:
        return decode(Manifest, document)
    except FieldError as error:
        raise DatasetError(f"{file}: {error}. Import it again") from error


def _counts(data: Dataset) -> dict[str, int]:
    names = [data.label_names[label] if label >= 0 else "" for label in data.labels]
    counts = Counter(names)
    return {name: counts[name] for name in (*data.label_names, "") if counts[name]}


def _read_table(path: Path, label_names: tuple[str, ...]) -> Dataset:
    file, columns = path / _TABLE, (*_COLUMNS, *VOTE_COLUMNS)
    table = read_parquet_columns(file, DatasetError, expected=_TABLE_FORM)
    if missing := [name for name in columns if name not in table]:
        raise DatasetError(f"{file}: no column {', '.join(missing)}. Expected {_TABLE_FORM}")
    labels = [label_names.index(label) if label else -1 for label in table["label"]]
    votes = np.array([table[name] for name in VOTE_COLUMNS], np.uint8).T
    return Dataset(
        images=_decoded(table["image"]),
        labels=np.array(labels, np.int8),
        votes=np.ascontiguousarray(votes),
        split=np.array([SUBSETS.index(name) for name in table["subset"]], np.int8),
        rows=np.array(table["row"], np.int64),
        source=as_text(path.name),
        names=np.array(table["image_name"], np.str_),
        label_names=label_names,
        faces=_decoded_faces(table["face"]),
        framed=np.array([FRAMINGS.index(name) for name in table["framed"]], np.int8),
        groups=_groups(table["person"]),
    )


def _decoded(encoded: list[bytes]) -> NDArray[np.uint8]:
    """Decode the images, `(N, 48, 48)`."""
    images = np.empty((len(encoded), FER_CROP.size, FER_CROP.size), np.uint8)
    for number, png in enumerate(encoded):
        images[number] = _pixels(png, f"image {number}")
    return images


def _decoded_faces(encoded: list[bytes]) -> NDArray[np.uint8] | None:
    """Decode the aligned faces, in colour if one of them is; None if there is none."""
    decoded = {number: _pixels(png, f"face {number}") for number, png in enumerate(encoded) if png}
    if not decoded:
        return None
    side, colour = FACE_CROP.size, any(face.ndim == 3 for face in decoded.values())
    faces = np.zeros((len(encoded), side, side, *((3,) if colour else ())), np.uint8)
    for number, face in decoded.items():
        faces[number] = face[..., None] if colour and face.ndim == 2 else face
    return faces


def _pixels(png: bytes, source: str) -> NDArray[np.uint8]:
    with open_image(io.BytesIO(png), source) as decoded:
        return np.asarray(decoded)


def _write_table(rows: Rows, data: Dataset, path: Path) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("writing datasets", "tables") from error
    records = rows.records
    table = pa.table(
        {
            "row": pa.array(data.rows),
            "image": pa.array([record.png for record in records], pa.binary()),
            "label": pa.array([record.label for record in records]).dictionary_encode(),
            **{name: pa.array(data.votes[:, i]) for i, name in enumerate(VOTE_COLUMNS)},
            "subset": pa.array([record.subset for record in records]).dictionary_encode(),
            "image_name": pa.array(data.names),
            "framed": pa.array([record.framed for record in records]).dictionary_encode(),
            "face": pa.array([record.face for record in records], pa.binary()),
            "person": pa.array([record.group for record in records]).dictionary_encode(),
            "source": pa.array([record.origin for record in records]),
            "sha256": pa.array([hashlib.sha256(pixels).hexdigest() for pixels in data.images]),
        }
    )
    # Compression makes the other columns smaller, but not PNG images.
    plain = dict.fromkeys(table.column_names, "zstd") | {"image": "none", "face": "none"}
    with path.open("wb") as file:  # pyarrow itself opens no name that is no text
        pq.write_table(
            table,
            file,
            compression=plain,
            row_group_size=_ROWS_PER_GROUP,
            write_page_checksum=True,
            write_statistics=False,  # they would hold whole images
        )


@contextlib.contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """Yield a folder to fill that becomes `out`, or whose files replace those in it, at the end.

    Other files in `out` stay. The manifest comes last: one beside another table is found out by its
    hash.
    """
    partial = out.with_name(f".{out.name}.{secrets.token_hex(8)}")
    try:
        partial.mkdir(parents=True)
        try:
            yield partial
            if out.exists():
                for name in (_TABLE, _MANIFEST):
                    (partial / name).replace(out / name)
                partial.rmdir()
            else:
                partial.rename(out)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    except OSError as error:
        raise cannot_write(out, error) from error
