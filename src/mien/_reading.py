"""Reading files that others wrote: text, JSON, TOML, CSV and Parquet, or an error that names them.

A reader names the error that it raises and what the file should have been. Whatever is wrong with
the bytes (missing, cut off, other encoding, nested too deeply, numbers without end) becomes that
error, with the file's name in front.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import json
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

from mien.errors import MienError, MissingExtraError

__all__ = [
    "open_csv",
    "parse_json",
    "parse_toml",
    "read_csv",
    "read_json",
    "read_parquet_columns",
    "read_text",
    "read_toml",
    "reading_parquet",
]

_MAX_BYTES = 1 << 26
"""Documents are small: the largest, a split, has one byte per image."""

_MAX_TOML_BYTES = 1 << 16
_MAX_DOTS = 1000
"""Recipes and spaces are short. What the parser needs grows with the square of a key's parts."""

_MAX_CELL = 10_000_000
"""Characters of a CSV's cell."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: Path, error: type[MienError], *, expected: str) -> str:
    """Read a text: UTF-8 with or without a byte order mark, or UTF-16 with one.

    Args:
        path: The file.
        error: What is raised if it cannot be read.
        expected: What the file should be and what to do, for the message.
    """
    try:
        if path.exists() and not path.is_file():
            _refuse(path, error, expected, "it is not a file")
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as reason:  # a ValueError is a NUL byte in the name
        raise error(f"{path}: cannot be read: {_said(reason)}. Expected {expected}") from reason
    if len(data) > _MAX_BYTES:
        _refuse(path, error, expected, f"it has more than {_MAX_BYTES >> 20} MiB")
    try:
        return data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError as reason:
        raise error(f"{path}: is no text ({reason}). Expected {expected}") from reason


def read_json(path: Path, error: type[MienError], *, expected: str) -> Any:
    """Read a JSON document; see `read_text` and `parse_json`."""
    return _parsed(parse_json, path, error, expected)


def read_toml(path: Path, error: type[MienError], *, expected: str) -> dict[str, Any]:
    """Read a TOML document; see `read_text` and `parse_toml`."""
    document: dict[str, Any] = _parsed(parse_toml, path, error, expected)
    return document


def parse_json(text: str | bytes) -> Any:
    """Parse JSON, without the NaN and Infinity that Python adds to it.

    Raises:
        ValueError: It is no JSON, is nested too deeply, or has a number that is too long.
    """
    return _bounded(lambda: json.loads(text, parse_constant=_no_constant))


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        ValueError: It is no TOML, is too long or nested too deeply, or has a number that is too
            long.
    """
    if len(text) > _MAX_TOML_BYTES:
        raise ValueError(f"has more than {_MAX_TOML_BYTES:,} characters")
    if any(line.count(".") > _MAX_DOTS for line in text.splitlines()):
        raise ValueError("is nested too deeply")
    document: dict[str, Any] = _bounded(lambda: tomllib.loads(text))
    return document


def open_csv(path: Path) -> IO[str]:
    """Open a CSV for `csv.reader`: UTF-8 with or without a byte order mark, or UTF-16 with one.

    Bytes that are no text become U+FFFD, so that they are faults of their cells.
    """
    csv.field_size_limit(_MAX_CELL)
    with path.open("rb") as file:
        start = file.read(2)
    encoding = "utf-16" if start in _UTF16 else "utf-8-sig"
    return path.open(newline="", encoding=encoding, errors="replace")


def read_csv(path: Path, error: type[MienError], *, expected: str) -> dict[str, list[str]]:
    """Read a CSV with a header, as text by column.

    Args:
        path: The file.
        error: What is raised if it cannot be read, or if its rows have other lengths.
        expected: What the file should be, for the message.
    """
    try:
        with open_csv(path) as file:
            reader = csv.reader(file)
            names = [name.strip() for name in next(reader, [])]
            rows = [cells for cells in reader if cells]
    except (OSError, ValueError, csv.Error) as reason:
        raise error(f"{path}: cannot be read: {_said(reason)}. Expected {expected}") from reason
    if len(set(names)) != len(names):
        _refuse(path, error, expected, "two columns have one name")
    for number, cells in enumerate(rows, 1):
        if len(cells) != len(names):
            fault = f"row {number} has {len(cells)} values for {len(names)} columns"
            _refuse(path, error, expected, fault)
    return {name: [cells[place] for cells in rows] for place, name in enumerate(names)}


def read_parquet_columns(
    path: Path, error: type[MienError], *, expected: str, columns: Sequence[str] | None = None
) -> dict[str, list[Any]]:
    """Read a Parquet, as Python's values by column.

    Args:
        path: The file.
        error: What is raised if it cannot be read.
        expected: What the file should be and what to do, for the message.
        columns: Those to read, if the file has them; None reads all.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    with (
        reading_parquet(path, error, expected=expected) as pq,
        path.open("rb") as opened,  # pyarrow itself opens no name that is no text
        pq.ParquetFile(opened, page_checksum_verification=True) as file,
    ):
        table = file.read(columns)
        return dict(zip(table.column_names, (c.to_pylist() for c in table.columns), strict=True))


@contextlib.contextmanager
def reading_parquet(path: Path, error: type[MienError], *, expected: str) -> Iterator[Any]:
    """Turn what pyarrow raises over a damaged file into one error that names the file.

    Args:
        path: The file, for the message.
        error: What is raised.
        expected: What the file should be and what to do, for the message.

    Yields:
        The module `pyarrow.parquet`.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as missing:
        raise MissingExtraError("reading Parquet", "tables") from missing
    try:
        yield pq
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError) as reason:
        # Text that is no UTF-8 and times that Python does not have show when a value is read.
        raise error(
            f"{path}: cannot be read as Parquet: {_said(reason)}. Expected {expected}"
        ) from reason


def _parsed(parse: Callable[[str], Any], path: Path, error: type[MienError], expected: str) -> Any:
    text = read_text(path, error, expected=expected)
    try:
        return parse(text)
    except ValueError as reason:
        raise error(f"{path}: {_said(reason)}. Expected {expected}") from reason


def _bounded(parse: Callable[[], Any]) -> Any:
    try:
        return parse()
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        kind = "JSON" if isinstance(error, json.JSONDecodeError) else "TOML"
        raise ValueError(f"is no {kind}: {error}") from error
    except ValueError as error:
        # Python refuses to read whole numbers of more than 4,300 digits.
        reason = "has a number of too many digits" if "digits" in str(error) else str(error)
        raise ValueError(reason) from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"is no JSON: {name} is no number there")


def _refuse(path: Path, error: type[MienError], expected: str, reason: str) -> NoReturn:
    raise error(f"{path}: cannot be read: {reason}. Expected {expected}")


def _said(error: BaseException) -> str:
    """Return an error in one line; that of the operating system without its number."""
    text = getattr(error, "strerror", None) or str(error)
    return str(text).strip().partition("\n")[0].rstrip(".")
