"""Results as files: JSON Lines, and tables as CSV and Parquet; see `mien.columns`.

Rows are written under a name that ends in `.partial`; the file gets its own name when it is closed
and complete.
"""

from __future__ import annotations

import abc
import contextlib
import csv
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from mien._output import cannot_write, check_output, partial_path
from mien._wording import as_text
from mien.columns import COLUMNS, Column, flat_row, result_columns
from mien.errors import MissingExtraError, OutputError
from mien.structures import FrameResult

__all__ = [
    "FORMATS",
    "CsvWriter",
    "JsonlWriter",
    "ParquetWriter",
    "ResultWriter",
    "arrow_table",
    "open_table",
    "open_writer",
]

_ROWS_PER_GROUP = 10_000
_ROWS_PER_BLOCK = 500
"""So many rows wait as Python's values, which take far more memory than a table's."""

_BLOCK_BYTES = 1 << 20


class ResultWriter(abc.ABC):
    """Writes results one after the other; closing completes the file.

    Attributes:
        path: Where the finished file will be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._partial = partial_path(path)

    def write(self, result: FrameResult) -> None:
        """Add the rows of one frame.

        Raises:
            OutputError: The disk is full or the folder went away.
        """
        self.write_rows(result.to_rows())

    @abc.abstractmethod
    def write_rows(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add nested rows, as `FrameResult.to_rows` returns them."""

    def close(self) -> None:
        """Finish the file and give it its name."""
        try:
            self._finish()
            self._partial.replace(self.path)
        except FileNotFoundError as error:
            raise OutputError(f"{self._partial}: has been removed while it was written") from error
        except OSError as error:
            raise _cannot_write(self._partial, error) from error

    def abandon(self) -> None:
        """Stop writing; what was written stays under its partial name."""
        with contextlib.suppress(OSError, OutputError):
            self._finish()

    def discard(self) -> None:
        """Stop writing and leave nothing behind."""
        self.abandon()
        with contextlib.suppress(OSError):
            self._partial.unlink()

    def check(self) -> None:
        """Check that the unfinished file has not been removed in the meantime.

        Raises:
            OutputError: It has been removed; what is written would be lost.
        """
        if not self._partial.exists():
            raise OutputError(f"{self._partial}: has been removed while it was written")

    @abc.abstractmethod
    def _finish(self) -> None:
        """Write what is still buffered and close the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()


class _TextWriter(ResultWriter):
    def __init__(self, path: Path, *, append: bool = False) -> None:
        super().__init__(path)
        try:
            self._file: IO[str] = self._partial.open(
                # A file name that is not valid Unicode is escaped, which in JSON reads back right.
                "a" if append else "w",
                encoding="utf-8",
                errors="backslashreplace",
                newline="",
            )
        except OSError as error:
            raise cannot_write(self._partial, error) from error

    def write_rows(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add rows; they are in the file when this returns."""
        try:
            for row in rows:
                self._write_row(row)
            self._file.flush()
        except OSError as error:
            raise _cannot_write(self._partial, error) from error

    @abc.abstractmethod
    def _write_row(self, row: dict[str, Any]) -> None:
        """Write one row as text."""

    def _finish(self) -> None:
        self._file.close()


class JsonlWriter(_TextWriter):
    """One JSON object per line, one line per face.

    Attributes:
        length: Bytes written so far.
        crc32: The checksum of these bytes.
    """

    def __init__(self, path: Path, *, length: int | None = None, crc32: int = 0) -> None:
        super().__init__(path, append=length is not None)
        self.length, self.crc32 = length or 0, crc32

    @classmethod
    def resumed(cls, path: Path, *, length: int, crc32: int, is_complete: bool) -> Self:
        """Continue the file of an interrupted run, truncated to the length that it has recorded.

        Args:
            path: Where the finished file will be.
            length: The bytes to continue after.
            crc32: Their checksum.
            is_complete: Whether nothing is missing after them. The file may have its final name
                then already.

        Raises:
            OutputError: The file is missing, shorter than that, damaged, or cannot be written.
        """
        partial = partial_path(path)
        try:
            if is_complete and not partial.exists() and path.stat().st_size == length:
                path.replace(partial)
            if not length and not partial.exists():
                return cls(path)  # it was killed before it opened its files
            found = partial.stat().st_size
            if found < length:
                raise OutputError(
                    f"{partial}: expected at least {length} bytes of the interrupted run, found "
                    f"{found}. Start again with overwrite=True"
                )
            if _crc32(partial, length) != crc32:
                raise OutputError(
                    f"{partial}: the results of the interrupted run are damaged. Start again with "
                    "overwrite=True"
                )
            os.truncate(partial, length)
        except FileNotFoundError as error:
            raise OutputError(
                f"{partial}: the results of the interrupted run are missing. Start again with "
                "overwrite=True"
            ) from error
        except OSError as error:
            raise _cannot_write(partial, error) from error
        return cls(path, length=length, crc32=crc32)

    def sync(self) -> None:
        """Have the disk store what was written, so that a power cut keeps it.

        Raises:
            OutputError: The disk is full.
        """
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _cannot_write(self._partial, error) from error

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows that are in the file."""
        with self._partial.open(encoding="utf-8") as file:
            yield from map(json.loads, file)

    def _write_row(self, row: dict[str, Any]) -> None:
        line = json.dumps(row, ensure_ascii=False) + "\n"
        self._file.write(line)
        written = line.encode(errors="backslashreplace")
        self.length += len(written)
        self.crc32 = zlib.crc32(written, self.crc32)


class CsvWriter(_TextWriter):
    """Comma-separated values, one column per value."""

    def __init__(self, path: Path, columns: Sequence[Column] = COLUMNS) -> None:
        super().__init__(path)
        self._columns = columns
        self._rows = csv.DictWriter(self._file, [column.name for column in columns])
        self._rows.writeheader()

    def _write_row(self, row: dict[str, Any]) -> None:
        self._rows.writerow(flat_row(row, self._columns))


class ParquetWriter(ResultWriter):
    """Parquet, one column per value; rows are buffered until a row group is full.

    Raises:
        MissingExtraError: The extra `tables` is not installed.
    """

    def __init__(self, path: Path, columns: Sequence[Column] = COLUMNS) -> None:
        super().__init__(path)
        self._columns = columns
        self._pyarrow = pyarrow = _import_pyarrow("writing Parquet")
        from pyarrow import parquet

        self._rows: list[dict[str, Any]] = []
        self._blocks: list[Any] = []
        try:
            self._file = parquet.ParquetWriter(self._partial, _arrow_schema(pyarrow, columns))
        except OSError as error:
            with contextlib.suppress(OSError):
                self._partial.unlink()
            raise cannot_write(self._partial, error) from error

    def write_rows(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add rows; whole row groups are in the file when this returns."""
        self._rows.extend(rows)
        if len(self._rows) >= _ROWS_PER_BLOCK:
            self._close_block()
        if sum(map(len, self._blocks)) >= _ROWS_PER_GROUP:
            self._flush()

    def _close_block(self) -> None:
        self._blocks.append(arrow_table(self._rows, self._columns))
        self._rows.clear()

    def _flush(self) -> None:
        table = self._pyarrow.concat_tables(self._blocks)
        try:
            self._file.write_table(table)
        except OSError as error:
            raise _cannot_write(self._partial, error) from error
        self._blocks.clear()

    def _finish(self) -> None:
        if self._rows:
            self._close_block()
        if self._blocks:
            self._flush()
        self._file.close()


FORMATS: Mapping[str, type[JsonlWriter | CsvWriter | ParquetWriter]] = {
    "jsonl": JsonlWriter,
    "csv": CsvWriter,
    "parquet": ParquetWriter,
}
"""The writers by the name of their format, which is also their file's ending."""


def _crc32(path: Path, length: int) -> int:
    """Return the checksum of a file's first bytes."""
    checksum = 0
    with path.open("rb") as file:
        while length and (block := file.read(min(length, _BLOCK_BYTES))):
            checksum = zlib.crc32(block, checksum)
            length -= len(block)
    return checksum


def open_writer(path: Path, *, overwrite: bool = False, units: bool = False) -> ResultWriter:
    """Open the writer for a path, by its ending.

    Args:
        path: Ends in `.jsonl`, `.csv` or `.parquet`; missing folders are made.
        overwrite: Whether an existing file may be replaced.
        units: Whether a table has the columns of expression units.

    Raises:
        OutputError: The file exists, its ending is unknown, or its folder cannot be written.
        MissingExtraError: Parquet needs the extra `tables`.
    """
    kind = FORMATS.get(path.suffix.removeprefix("."))
    if kind is None:
        raise OutputError(f"{path}: unknown format, expected one of {', '.join(FORMATS)}")
    check_output(path, overwrite=overwrite)
    if not issubclass(kind, JsonlWriter):
        return open_table(path, result_columns(units=units))
    _make_parent(path)
    return kind(path)


def open_table(path: Path, columns: Sequence[Column]) -> CsvWriter | ParquetWriter:
    """Open the writer of a table with columns of its own; an existing file is replaced.

    Args:
        path: Ends in `.csv` or `.parquet`; missing folders are made.
        columns: The table's columns; rows are given to `write_rows`.

    Raises:
        OutputError: Its folder cannot be written.
        MissingExtraError: Parquet needs the extra `tables`.
    """
    _make_parent(path)
    kind = CsvWriter if path.suffix == ".csv" else ParquetWriter
    return kind(path, columns)


def _make_parent(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def arrow_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column] = COLUMNS) -> Any:
    """Return nested rows as a table of pyarrow, one column per value.

    Args:
        rows: As `FrameResult.to_rows` returns them.
        columns: The table's columns.

    Raises:
        MissingExtraError: The extra `tables` is not installed.
    """
    pyarrow = _import_pyarrow("a table of pyarrow")
    flat = [
        {
            name: as_text(value) if isinstance(value, str) else value
            for name, value in flat_row(row, columns).items()
        }
        for row in rows
    ]
    return pyarrow.Table.from_pylist(flat, schema=_arrow_schema(pyarrow, columns))


def _import_pyarrow(purpose: str) -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise MissingExtraError(purpose, "tables") from error
    return pyarrow


def _arrow_schema(pa: Any, columns: Sequence[Column]) -> Any:
    kinds = {
        "text": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
    }
    return pa.schema([(column.name, kinds[column.kind]) for column in columns])


def _cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{cannot_write(path, error)}. What was written so far stays there")
