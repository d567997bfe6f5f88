"""Tables as text: CSV of any separator and encoding, packed or not."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, cast

from mien.data.records import Progress
from mien.errors import DatasetError

__all__ = [
    "TextTable",
    "check_once",
    "column_named",
    "folded_column",
    "not_text",
    "open_table",
]

_SEPARATORS = (",", ";", "\t", "|")
_LONGEST_LINE = 10_000_000
_LINES_PER_REPORT = 500
_START_BYTES, _HEAD_BYTES = 512, 16
_TAR_MAGIC = slice(257, 262)
_BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_LOST = "\ufffd"
_DAMAGES = (csv.Error, EOFError, OSError, zlib.error)
"""What the reading of a table raises where it is damaged."""


class TextTable:
    """A table whose first line names its columns, and whose others are read one by one.

    Attributes:
        path: The file.
        columns: The names in its first line, without the spaces around them.
        separator: What stands between two cells.
        damage: What is wrong with the file from some line on, once that line was reached.
    """

    def __init__(self, path: Path, raw: IO[bytes], text: IO[str]) -> None:
        self.path, self._raw, self._text = path, raw, text
        csv.field_size_limit(_LONGEST_LINE)
        head = text.readline(_LONGEST_LINE)
        parsed = [_cells(head, separator) for separator in _SEPARATORS]
        found = max(range(len(parsed)), key=lambda number: len(parsed[number]))
        self.separator = _SEPARATORS[found]
        self.columns = [name.strip() for name in parsed[found]]
        self.damage: tuple[int, str] | None = None

    def lines(self, *, on_progress: Progress | None = None) -> Iterator[tuple[int, list[str]]]:
        """Yield the number of each line, from 1, and its cells; lines without text are left out.

        Args:
            on_progress: Called with the number of bytes read and their total.
        """
        reader = csv.reader(self._text, delimiter=self.separator)
        size = self.path.stat().st_size
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield reader.line_num + 1, cells
                if on_progress is not None and reader.line_num % _LINES_PER_REPORT == 0:
                    on_progress(self._raw.tell(), size)
        except _DAMAGES as error:
            self.damage = reader.line_num + 1, f"not CSV from here on: {error}"

    def raise_damage(self) -> None:
        """Raise an error if the file is damaged from some line on.

        Raises:
            DatasetError: It is; the message names the line.
        """
        if self.damage is not None:
            raise DatasetError(f"{self.path.name}, line {self.damage[0]}: {self.damage[1]}")


@contextlib.contextmanager
def open_table(path: Path) -> Iterator[TextTable]:
    """Open a CSV: UTF-8 or UTF-16, packed by gzip or not, its cells separated by `,` `;` tab `|`.

    Raises:
        DatasetError: The file cannot be read, or is an archive.
    """
    try:
        with path.open("rb") as raw:
            start = raw.read(_START_BYTES)
            raw.seek(0)
            packed = start.startswith(b"\x1f\x8b")
            stream = cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if packed else raw
            if packed:
                start = stream.read(_START_BYTES)
                stream.seek(0)
            if start.startswith(b"PK\x03\x04") or start[_TAR_MAGIC] == b"ustar":
                raise DatasetError(f"{path}: an archive. Unpack it and give the folder")
            # Bytes that are not text become faults of their cells and do not end the file.
            with io.TextIOWrapper(
                stream, encoding=_encoding(start), errors="replace", newline=""
            ) as text:
                yield TextTable(path, raw, text)
    except _DAMAGES as error:
        raise DatasetError(f"{path}: cannot be read as a table ({error}). Copy it again") from error


def _cells(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def not_text(*cells: str) -> str:
    """Return what is wrong with cells whose bytes were not text, or an empty string.

    Such bytes became U+FFFD, by which names that differ in them would be the same.
    """
    lost = next((cell.strip() for cell in cells if _LOST in cell), "")
    return f"expected text in UTF-8, found {lost[:20]!r}. Save the table as UTF-8" if lost else ""


def column_named(columns: list[str], names: tuple[str, ...]) -> int | None:
    """Return the position of the first of several names among the columns.

    Case, and whether a space, a hyphen or an underscore stands between words, does not matter.
    """
    folded = [folded_column(column) for column in columns]
    return next((folded.index(name) for name in names if name in folded), None)


def check_once(path: Path, columns: Sequence[str], used: Iterable[str | None]) -> None:
    """Raise an error if a column that is read has a name that another one has, too.

    Args:
        path: The table.
        columns: The names of its columns.
        used: Those that are read; None counts for nothing.

    Raises:
        DatasetError: There is one.
    """
    folded = [folded_column(column) for column in columns]
    for name in used:
        if name is not None and folded.count(folded_column(name)) > 1:
            raise DatasetError(f"{path}: two columns are named {name}. Rename or remove one")


def folded_column(name: str) -> str:
    """Fold the name of a column for comparing: `Subject ID` and `subject-id` for `subject_id`."""
    return re.sub(r"[\s_-]+", "_", unicodedata.normalize("NFC", name).strip()).lower()


def _encoding(start: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return encoding
    head = start[:_HEAD_BYTES]
    if head and not any(head[1::2]):
        return "utf-16-le"
    return "utf-16-be" if head and not any(head[::2]) else "utf-8"
