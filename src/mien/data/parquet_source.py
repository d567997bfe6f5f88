"""Parquet files with encoded images: Hugging Face's layout, and plain tables."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from mien._reading import parse_json, reading_parquet
from mien.data.records import LEFT_OUT, USAGES, Fault, Labels, Progress, Record, Rows, encode_grey
from mien.emotions import FER2013_7
from mien.errors import DatasetError, InputError, MediaError
from mien.media import decode_image, open_image

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = ["grey_png", "read_parquet"]

_LABEL_COLUMNS = ("emotion", "label", "labels", "class", "expression")
_SUBSET_COLUMNS = ("usage", "split", "subset", "part")
_ROWS_PER_BATCH = 1024
_FORM = "a whole Parquet of images and labels. Copy it again"


def read_parquet(path: Path, labels: Labels, *, on_progress: Progress | None = None) -> Rows:
    """Read a Parquet of images.

    The image is a column of bytes, or one of `{bytes, path}` as Hugging Face stores it. The label
    is a name, or a number in the order of the file's metadata, or of FER-2013 if it has none.
    Without a column for the subset the file's name is used, for example
    `test-00000-of-00001.parquet`.

    Args:
        path: The file.
        labels: Translates class names.
        on_progress: Called with the number of rows read and their total.

    Raises:
        DatasetError: There is no column of images, or none of labels.
        MissingExtraError: pyarrow is not installed.
    """
    rows = Rows()
    with (
        reading_parquet(path, DatasetError, expected=_FORM) as parquet,
        parquet.ParquetFile(path) as file,
    ):
        image, label, subset = _columns(path, file)
        names = _class_names(file, label)
        if names is None:
            names = list(FER2013_7.labels)
            if not _is_text(file, label):
                rows.notes.append(
                    f"{path.name}: the numbers in {label} are read as FER-2013's classes"
                )
        default_subset = _subset_from_name(path)
        if subset is None:
            rows.notes.append(
                f"{path.name}: no column for the subset, all rows go to {default_subset}"
            )
        wanted = [column for column in (image, label, subset) if column is not None]
        total = file.metadata.num_rows
        for number, row in enumerate(_rows(file, wanted)):
            where = f"{path.name}, row {number}"
            usage = str(row[subset]).strip().lower() if subset is not None else default_subset
            record = _record(row[image], row[label], usage, where=where, names=names, to=labels)
            if isinstance(record, Fault):
                rows.faults.append(record)
            elif record.label != LEFT_OUT:
                rows.records.append(record)
            if on_progress is not None and number % _ROWS_PER_BATCH == 0:
                on_progress(number, total)
    return rows


def _columns(path: Path, file: pq.ParquetFile) -> tuple[str, str, str | None]:
    schema = file.schema_arrow
    by_name = {name.lower(): name for name in schema.names}
    images = [
        field.name
        for field in schema
        if str(field.type) in ("binary", "large_binary") or _is_image_struct(field)
    ]
    label = next((by_name[name] for name in _LABEL_COLUMNS if name in by_name), None)
    if not images or label is None:
        missing = "bytes of images" if not images else f"labels ({', '.join(_LABEL_COLUMNS)})"
        raise DatasetError(f"{path}: no column with {missing}; it has {', '.join(schema.names)}")
    subset = next((by_name[name] for name in _SUBSET_COLUMNS if name in by_name), None)
    return images[0], label, subset


def _is_image_struct(field: Any) -> bool:
    kind = field.type
    return str(kind).startswith("struct") and kind.get_field_index("bytes") >= 0


def _is_text(file: pq.ParquetFile, column: str) -> bool:
    return "string" in str(file.schema_arrow.field(column).type)


def _class_names(file: pq.ParquetFile, label: str) -> list[str] | None:
    """Read the class names from Hugging Face's metadata."""
    stored = (file.schema_arrow.metadata or {}).get(b"huggingface")
    try:
        feature = parse_json(stored)["info"]["features"][label] if stored else {}
    except (ValueError, KeyError, TypeError):
        return None
    names = feature.get("names") if isinstance(feature, dict) else None
    return [str(name) for name in names] if isinstance(names, list) else None


def _subset_from_name(path: Path) -> str:
    start = path.stem.lower().replace("_", "-").split("-")[0]
    return start if start in USAGES else "train"


def _rows(file: pq.ParquetFile, columns: list[str]) -> Iterator[dict[str, Any]]:
    for batch in file.iter_batches(_ROWS_PER_BATCH, columns=columns):
        yield from batch.to_pylist()


def _record(
    image: Any, label: Any, usage: str, *, where: str, names: list[str], to: Labels
) -> Record | Fault:
    if usage not in USAGES:
        return Fault(where, f"subset: expected train, val or test, found {usage[:20]!r}")
    if isinstance(label, int) and not 0 <= label < len(names):
        return Fault(where, f"label: expected 0 to {len(names) - 1}, found {label}")
    stored = image.get("bytes") if isinstance(image, dict) else image
    name = str(image.get("path") or "") if isinstance(image, dict) else ""
    if not stored:
        return Fault(where, "image: expected the bytes of an image, found none")
    try:
        translated = to[names[label] if isinstance(label, int) else str(label)]
        png = grey_png(stored, where)
    except MediaError as error:
        return Fault(where, error.reason)
    except InputError as error:
        return Fault(where, str(error))
    return Record(png, translated, USAGES[usage], where, Path(name).name)


def grey_png(stored: bytes, where: str) -> bytes:
    """Convert an encoded image to 8-bit grey PNG; an image of that form is returned unchanged.

    Raises:
        MediaError: The image cannot be read.
    """
    if stored.startswith(b"\x89PNG"):
        try:
            with open_image(io.BytesIO(stored), where) as image:
                if image.mode == "L" and "transparency" not in image.info:
                    image.load()
                    return stored
        except (MediaError, OSError, SyntaxError, ValueError):
            pass  # `decode_image` says what is wrong with it
    frame = decode_image(stored, where).frame_rgb
    return encode_grey(np.asarray(Image.fromarray(frame).convert("L")))
