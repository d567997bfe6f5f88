"""Results as files: JSON Lines, CSV and Parquet, all with the result contract's names.

Rows are written under a name that ends in `.partial`; the file gets its own name when it is closed,
so that whoever finds it has a whole one.
"""

from __future__ import annotations

import abc
import contextlib
import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from mien.emotions import SIX
from mien.errors import MissingExtraError, OutputError
from mien.structures import FrameResult

__all__ = ["FORMATS", "CsvWriter", "JsonlWriter", "ParquetWriter", "ResultWriter", "open_writer"]

_BOX_SIDES = ("left", "top", "right", "bottom")
_QUALITY = ("size_px", "sharpness", "brightness", "yaw_proxy", "roll_deg", "truncation")
_CSV_COLUMNS = (
    "source",
    "frame",
    "timestamp_s",
    "face",
    "track",
    *(f"box_xyxy.{side}" for side in _BOX_SIDES),
    "detection_score",
    "emotion",
    "confidence",
    "unsure",
    *(f"probabilities.{label}" for label in SIX.labels),
    *(f"quality.{name}" for name in _QUALITY),
    "error",
)
_ROWS_PER_GROUP = 10_000


class ResultWriter(abc.ABC):
    """Takes results one after the other; closing makes the file whole.

    Attributes:
        path: Where the finished file will be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._partial = path.with_name(path.name + ".partial")

    def write(self, result: FrameResult) -> None:
        """Add the rows of one frame.

        Raises:
            OutputError: The disk is full or the folder went away.
        """
        self.write_rows(result.to_rows())

    @abc.abstractmethod
    def write_rows(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add rows of the result contract."""

    def close(self) -> None:
        """Finish the file and give it its name."""
        try:
            self._finish()
            self._partial.replace(self.path)
        except OSError as error:
            raise _cannot_write(self._partial, error) from error

    def abandon(self) -> None:
        """Stop writing; what is there stays under its partial name, since it is not whole."""
        with contextlib.suppress(OSError, OutputError):
            self._finish()

    def discard(self) -> None:
        """Stop writing and leave nothing behind."""
        self.abandon()
        self._partial.unlink(missing_ok=True)

    @abc.abstractmethod
    def _finish(self) -> None:
        """Write what is still held back and close the file."""

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
                # A file name that is no valid text becomes an escape, in JSON the right one.
                "a" if append else "w",
                encoding="utf-8",
                errors="backslashreplace",
                newline="",
            )
        except OSError as error:
            raise _cannot_write(self._partial, error) from error

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
    """One JSON object per line, one line per face."""

    @property
    def length(self) -> int:
        """Bytes written so far."""
        return self._partial.stat().st_size

    @classmethod
    def resumed(cls, path: Path, length: int) -> Self:
        """Go on with what an interrupted run left, cut to the length that it is sure of.

        Raises:
            OutputError: What it left is gone, shorter than that, or cannot be written.
        """
        partial = path.with_name(path.name + ".partial")
        try:
            found = partial.stat().st_size
            if found < length:
                raise OutputError(
                    f"{partial}: expected at least {length} bytes of the interrupted run, found "
                    f"{found}. Start anew with --overwrite"
                )
            os.truncate(partial, length)
        except OSError as error:
            raise _cannot_write(partial, error) from error
        return cls(path, append=True)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows that are in the file."""
        with self._partial.open(encoding="utf-8") as file:
            yield from map(json.loads, file)

    def _write_row(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")


class CsvWriter(_TextWriter):
    """Comma-separated values; nested names are joined by a dot (`probabilities.happy`)."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._rows = csv.DictWriter(self._file, _CSV_COLUMNS)
        self._rows.writeheader()

    def _write_row(self, row: dict[str, Any]) -> None:
        self._rows.writerow(dict(_flattened(row)))


class ParquetWriter(ResultWriter):
    """Parquet with nested columns; rows are kept back until a row group is full.

    Raises:
        MissingExtraError: The extra `data` is not installed.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError as error:
            raise MissingExtraError("writing Parquet", "data") from error
        self._pyarrow = pyarrow
        self._schema = _parquet_schema(pyarrow)
        self._rows: list[dict[str, Any]] = []
        try:
            self._file = parquet.ParquetWriter(self._partial, self._schema)
        except OSError as error:
            raise _cannot_write(self._partial, error) from error

    def write_rows(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add rows; whole row groups are in the file when this returns."""
        self._rows.extend(
            {
                name: _as_text(value) if isinstance(value, str) else value
                for name, value in row.items()
            }
            for row in rows
        )
        if len(self._rows) >= _ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        table = self._pyarrow.Table.from_pylist(self._rows, schema=self._schema)
        try:
            self._file.write_table(table)
        except OSError as error:
            raise _cannot_write(self._partial, error) from error
        self._rows.clear()

    def _finish(self) -> None:
        if self._rows:
            self._flush()
        self._file.close()


FORMATS: Mapping[str, type[JsonlWriter | CsvWriter | ParquetWriter]] = {
    "jsonl": JsonlWriter,
    "csv": CsvWriter,
    "parquet": ParquetWriter,
}
"""The writers by the name of their format, which is also their file's ending."""


def _as_text(value: str) -> str:
    """Escape what is no text in the name of a file, which Parquet refuses."""
    return value.encode(errors="backslashreplace").decode()


def open_writer(path: Path, *, overwrite: bool = False) -> ResultWriter:
    """Open the writer that fits a path's ending.

    Args:
        path: Ends in `.jsonl`, `.csv` or `.parquet`; missing folders are made.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: The file exists, its ending is unknown, or its folder cannot be written.
        MissingExtraError: Parquet needs the extra `data`.
    """
    kind = FORMATS.get(path.suffix.removeprefix("."))
    if kind is None:
        raise OutputError(f"{path}: unknown format, expected one of {', '.join(FORMATS)}")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already. Choose another place or pass --overwrite")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(path.parent, error) from error
    return kind(path)


def _flattened(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", item) for key, item in value.items())
        elif isinstance(value, list):
            pairs = zip(_BOX_SIDES, value, strict=True)
            yield from ((f"{name}.{side}", item) for side, item in pairs)
        else:
            yield name, value


def _parquet_schema(pa: Any) -> Any:
    def numbers(names: tuple[str, ...]) -> Any:
        return pa.struct([(name, pa.float64()) for name in names])

    return pa.schema(
        [
            ("source", pa.string()),
            ("frame", pa.int64()),
            ("timestamp_s", pa.float64()),
            ("face", pa.int32()),
            ("track", pa.int32()),
            ("box_xyxy", pa.list_(pa.float32())),
            ("detection_score", pa.float64()),
            ("emotion", pa.string()),
            ("confidence", pa.float64()),
            ("unsure", pa.bool_()),
            ("probabilities", numbers(SIX.labels)),
            ("quality", numbers(_QUALITY)),
            ("error", pa.string()),
        ]
    )


def _cannot_write(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(f"{path}: cannot write: {reason}. What was written so far stays there")
