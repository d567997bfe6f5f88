"""FER-2013's CSV (`emotion,pixels,Usage`) and FER+'s CSV of votes."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien._reading import open_csv
from mien.data.dataset import VOTE_COLUMNS
from mien.data.records import USAGES, Fault, Progress, Record, Rows, encode_grey
from mien.emotions import FER2013_7
from mien.errors import DatasetError

__all__ = ["Votes", "csv_columns", "is_fer_csv", "is_votes_csv", "read_fer_csv", "read_votes"]

_SIDE_PX = 48
_LINES_PER_REPORT = 500


class Votes:
    """FER+'s annotator counts.

    Attributes:
        file: The CSV's name.
        usages: Each line's subset: `train`, `val` or `test`.
        image_names: Each line's image name; empty for images that FER+ leaves out.
        counts: `(N, 10)` uint8 in the order of `VOTE_COLUMNS`.
    """

    def __init__(
        self, file: str, usages: list[str], image_names: list[str], counts: NDArray[np.uint8]
    ) -> None:
        self.file, self.usages, self.image_names, self.counts = file, usages, image_names, counts

    def __len__(self) -> int:
        return len(self.counts)


def csv_columns(path: Path) -> list[str]:
    """Return the names in a CSV's first line, without the spaces around them."""
    with open_csv(path) as file:
        try:
            return [name.strip() for name in next(csv.reader(file), [])]
        except csv.Error:
            return []


def is_fer_csv(columns: list[str]) -> bool:
    """Return whether these are the columns of FER-2013's CSV, of either publication."""
    return {"emotion", "pixels", "usage"} <= {name.lower() for name in columns}


def is_votes_csv(columns: list[str]) -> bool:
    """Return whether these are the columns of FER+'s CSV."""
    return {"Usage", "Image name", *VOTE_COLUMNS} <= set(columns)


def read_fer_csv(path: Path, *, on_progress: Progress | None = None) -> Rows:
    """Read FER-2013's CSV; each fault names its line.

    Args:
        path: The file; `emotion,pixels,Usage` in any order and with spaces around the names.
        on_progress: Called with the number of bytes read and their total.
    """
    rows = Rows()
    size = path.stat().st_size
    with open_csv(path) as file, warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # numpy warns of text that is no number
        reader = csv.reader(file)
        names = [name.strip().lower() for name in next(reader)]
        columns = [names.index(name) for name in ("emotion", "pixels", "usage")]
        for cells in _cells(reader, path, rows):
            where = f"{path.name}, line {reader.line_num}"
            if not cells:
                continue
            record = _fer_record(cells, columns, len(names), where)
            (rows.records if isinstance(record, Record) else rows.faults).append(record)  # type: ignore[arg-type]
            if on_progress is not None and reader.line_num % _LINES_PER_REPORT == 0:
                on_progress(file.buffer.tell(), size)  # type: ignore[attr-defined]
    if not rows.records and not rows.faults:
        rows.faults.append(Fault(path.name, "expected rows of images below the header, found 0"))
    return rows


def _fer_record(cells: list[str], columns: list[int], expected: int, where: str) -> Record | Fault:
    if len(cells) != expected:
        return Fault(where, f"expected {expected} columns, found {len(cells)}; was the file cut?")
    emotion, pixels, usage = (cells[column].strip() for column in columns)
    number = _whole(emotion, below=len(FER2013_7))
    if number is None:
        return Fault(where, f"emotion: expected 0 to {len(FER2013_7) - 1}, found {emotion[:20]!r}")
    if usage.lower() not in USAGES:
        known = "Training, PublicTest or PrivateTest"
        return Fault(where, f"Usage: expected {known}, found {usage[:20]!r}")
    grey = _pixels(pixels)
    if isinstance(grey, str):
        return Fault(where, grey)
    label = FER2013_7.labels[number]
    return Record(encode_grey(grey), label, USAGES[usage.lower()], where)


def _whole(text: str, *, below: int) -> int | None:
    """Return a whole number of 0 to below some other; None if it is none."""
    plain = text.isascii() and text.isdecimal() and len(text) <= len(str(below))
    return int(text) if plain and int(text) < below else None


def _pixels(text: str) -> NDArray[np.uint8] | str:
    """Return the image, or its fault."""
    count = _SIDE_PX * _SIDE_PX
    try:
        values = np.fromstring(text, dtype=np.int64, sep=" ")
    except (DeprecationWarning, ValueError):
        invalid = next((word for word in text.split() if not word.isdecimal()), "")
        return f"pixels: expected whole numbers, found {invalid[:20]!r}"
    if len(values) != count:
        return f"pixels: expected {count} values ({_SIDE_PX}x{_SIDE_PX}), found {len(values)}"
    if values.min() < 0 or values.max() > 255:
        invalid = values[(values < 0) | (values > 255)][0]
        return f"pixels: expected values of 0 to 255, found {invalid}"
    return values.astype(np.uint8).reshape(_SIDE_PX, _SIDE_PX)


def read_votes(path: Path) -> Votes:
    """Read FER+'s CSV.

    Raises:
        DatasetError: Lines have faults; the message lists them.
    """
    rows = Rows()
    usages, image_names, counts = [], [], []
    with open_csv(path) as file:
        reader = csv.reader(file)
        names = [name.strip() for name in next(reader)]
        usage, image_name = names.index("Usage"), names.index("Image name")
        columns = [names.index(name) for name in VOTE_COLUMNS]
        for cells in _cells(reader, path, rows):
            where = f"{path.name}, line {reader.line_num}"
            if not cells:
                continue
            if len(cells) != len(names):
                what = f"expected {len(names)} columns, found {len(cells)}; was the file cut?"
                rows.faults.append(Fault(where, what))
                continue
            votes = [cells[column].strip() for column in columns]
            counted = [_whole(vote, below=256) for vote in votes]
            if invalid := [v for v, count in zip(votes, counted, strict=True) if count is None]:
                what = f"votes: expected whole numbers from 0, found {invalid[0][:20]!r}"
                rows.faults.append(Fault(where, what))
            elif cells[usage].strip().lower() not in USAGES:
                rows.faults.append(Fault(where, f"Usage: unknown {cells[usage][:20]!r}"))
            else:
                usages.append(USAGES[cells[usage].strip().lower()])
                image_names.append(cells[image_name].strip())
                counts.append(counted)
    rows.raise_faults()
    if not counts:
        raise DatasetError(f"{path}: expected rows of votes below the header, found 0")
    return Votes(path.name, usages, image_names, np.array(counts, np.uint8))


def _cells(reader: Iterator[list[str]], path: Path, rows: Rows) -> Iterator[list[str]]:
    """Yield the lines; an error of the CSV reader becomes a fault and ends the file."""
    try:
        yield from reader
    except csv.Error as error:
        line = getattr(reader, "line_num", 0)
        rows.faults.append(Fault(f"{path.name}, line {line}", f"not CSV from here on: {error}"))
