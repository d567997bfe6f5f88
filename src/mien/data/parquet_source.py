"""Parquet files with encoded images: Hugging Face's layout, and plain tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien._reading import parse_json, reading_parquet
from mien.data.framing import Picture
from mien.data.grouping import person_of_cell
from mien.data.labels import LEFT_OUT
from mien.data.reading import Reading
from mien.data.records import LABEL_COLUMNS, SUBSET_COLUMNS, Fault, Progress, Rows, subset_named
from mien.data.text_table import check_once, column_named
from mien.errors import DatasetError, InputError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = ["read_parquet"]

_ROWS_PER_BATCH = 1024
_IMAGE_COLUMNS = ("image", "images", "img", "picture", "photo", "pixels", "bytes")
"""How the column of images is named, in small letters, where several hold bytes."""

_FORM = "a whole Parquet of images and labels. Copy it again"


def read_parquet(
    path: Path,
    reading: Reading,
    *,
    folders: tuple[str, ...] = (),
    on_progress: Progress | None = None,
) -> Rows:
    """Read a Parquet of images.

    The image is a column of bytes, or one of `{bytes, path}` as Hugging Face stores it. The label
    is a name, or a number in the order of the file's metadata, or of FER-2013 if it has none.
    Without a column for the subset the name of the file or of a folder is used, for example
    `test-00000-of-00001.parquet` or `test/0000.parquet`.

    Args:
        path: The file.
        reading: How labels are translated, rows are picked and pictures are framed.
        folders: The folders from the source to the file.
        on_progress: Called with the number of rows read and their total.

    Raises:
        DatasetError: There is no column of images, or several and none is named so, or none of
            labels, or none that a condition is about, or two of one name that is read.
        MissingExtraError: pyarrow is not installed.
    """
    rows = Rows()
    with (
        reading_parquet(path, DatasetError, expected=_FORM) as parquet,
        path.open("rb") as opened,  # pyarrow itself opens no name that is no text
        parquet.ParquetFile(opened, page_checksum_verification=True) as file,
    ):
        pictures = _pictures(path, file, _columns(path, file, reading), reading, folders, rows)
        reading.framer.add(pictures, rows, total=file.metadata.num_rows, on_progress=on_progress)
    return rows


@dataclasses.dataclass(frozen=True, slots=True)
class _Columns:
    """The names of a file's columns; None where it does not have one."""

    image: str
    label: str
    subset: str | None
    group: str | None


def _columns(path: Path, file: pq.ParquetFile, reading: Reading) -> _Columns:
    schema = file.schema_arrow
    images = [
        field.name
        for field in schema
        if str(field.type) in ("binary", "large_binary") or _is_image_struct(field)
    ]
    places = (
        column_named(schema.names, LABEL_COLUMNS),
        column_named(schema.names, SUBSET_COLUMNS),
        reading.people.column(schema.names),
    )
    label, subset, group = (None if each is None else schema.names[each] for each in places)
    if not images or label is None:
        missing = "bytes of images" if not images else f"labels ({', '.join(LABEL_COLUMNS)})"
        raise DatasetError(f"{path}: no column with {missing}; it has {', '.join(schema.names)}")
    if len(images) > 1:
        named = column_named(images, _IMAGE_COLUMNS)
        if named is None:
            names = ", ".join(images)
            raise DatasetError(
                f"{path}: several columns with bytes of images, {names}. Rename the one to read to "
                f"{_IMAGE_COLUMNS[0]}"
            )
        check_once(path, images, [images[named]])
        images = [images[named]]
    check_once(path, schema.names, (label, subset, group))
    if schema.names.count(images[0]) > 1:
        raise DatasetError(f"{path}: two columns are named {images[0]}. Rename or remove one")
    return _Columns(images[0], label, subset, group)


def _pictures(
    path: Path,
    file: pq.ParquetFile,
    columns: _Columns,
    reading: Reading,
    folders: tuple[str, ...],
    rows: Rows,
) -> Iterator[Picture]:
    names = _class_names(file, columns.label)
    if names is None and not reading.labels.own and not _is_text(file, columns.label):
        rows.notes.append(
            f"{path.name}: the numbers in {columns.label} are read as FER-2013's classes"
        )
    default = reading.default_subset(path, folders, rows) if columns.subset is None else ""
    if columns.group is not None:
        rows.notes.append(f"{path.name}: {columns.group} is read as the person")
    conditions = reading.conditions.columns(path.name, file.schema_arrow.names)
    check_once(path, file.schema_arrow.names, conditions.values())
    wanted = {columns.image, columns.label, columns.subset, columns.group, *conditions.values()}
    for number, row in enumerate(_rows(file, [each for each in wanted if each is not None])):
        where = f"{path.name}, row {number}"
        try:
            row |= {each: _text(row[each]) for each in row if each != columns.image}
        except UnicodeDecodeError as error:
            found = repr(error.object[:20])
            rows.faults.append(Fault(where, f"expected text in UTF-8, found {found}"))
            continue
        if not reading.conditions.hold({name: row[each] for name, each in conditions.items()}):
            continue
        picture = _picture(row, columns, default, where, names, reading)
        if isinstance(picture, Fault):
            rows.faults.append(picture)
        elif picture is not None:
            yield picture


def _is_image_struct(field: Any) -> bool:
    kind = field.type
    return str(kind).startswith("struct") and kind.get_field_index("bytes") >= 0


def _is_text(file: pq.ParquetFile, column: str) -> bool:
    kind = str(file.schema_arrow.field(column).type)
    return "string" in kind or "binary" in kind


def _text(value: object) -> object:
    """Return a cell, text that is stored as bytes as text."""
    return value.decode() if isinstance(value, bytes) else value


def _class_names(file: pq.ParquetFile, label: str) -> list[str] | None:
    """Read the class names from Hugging Face's metadata."""
    stored = (file.schema_arrow.metadata or {}).get(b"huggingface")
    try:
        feature = parse_json(stored)["info"]["features"][label] if stored else {}
    except (ValueError, KeyError, TypeError):
        return None
    names = feature.get("names") if isinstance(feature, dict) else None
    return [str(name) for name in names] if isinstance(names, list) else None


def _rows(file: pq.ParquetFile, columns: list[str]) -> Iterator[dict[str, Any]]:
    for batch in file.iter_batches(_ROWS_PER_BATCH, columns=columns):
        yield from batch.to_pylist()


def _picture(
    row: dict[str, Any],
    columns: _Columns,
    default: str,
    where: str,
    names: list[str] | None,
    reading: Reading,
) -> Picture | Fault | None:
    """Return the picture of one row, its fault, or None if its class is left out."""
    usage = default if columns.subset is None else str(row[columns.subset])
    subset = subset_named(usage)
    if subset is None:
        return Fault(where, f"subset: expected train, val or test, found {usage.strip()[:20]!r}")
    try:
        label = reading.labels.of_cell(row[columns.label], names)
    except InputError as error:
        return Fault(where, f"{columns.label}: {error}")
    if label == LEFT_OUT:
        return None
    image = row[columns.image]
    stored = image.get("bytes") if isinstance(image, dict) else image
    own_path = str(image.get("path") or "") if isinstance(image, dict) else ""
    if not stored:
        return Fault(where, "image: expected the bytes of an image, found none")
    group = row[columns.group] if columns.group is not None else ""
    return Picture(
        bytes(stored),
        label,
        subset,
        where,
        name=Path(own_path).name,
        path=own_path,
        group=person_of_cell(group),
    )
