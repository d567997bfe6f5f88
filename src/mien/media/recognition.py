"""Whether a file of results is one that `mien.media.writers` made."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from mien.columns import Column

__all__ = ["has_rows_of"]

_MAX_LINE_BYTES = 1 << 20


def has_rows_of(path: Path, columns: Sequence[Column]) -> bool:
    """Return whether a file begins as one of these writers would with these columns, or with more.

    Lines of JSON without a row are an empty file. Without pyarrow no Parquet is.

    Args:
        path: Ends in `.jsonl`, `.csv` or `.parquet`; it may be missing.
        columns: The least columns of a table; the fields of nested rows are among theirs.
    """
    names = [column.name for column in columns]
    try:
        if path.suffix == ".parquet":
            from pyarrow import parquet

            found: list[str] = parquet.read_schema(path).names
            return found[: len(names)] == names
        with path.open(encoding="utf-8", newline="") as file:
            first = file.readline(_MAX_LINE_BYTES)
        if path.suffix == ".csv":
            return next(csv.reader([first]), [])[: len(names)] == names
        if not first:
            return True
        row = json.loads(first)
        fields = (
            {column.path[0] for column in columns if column.rows != other}
            for other in ("error", "face")
        )
        return isinstance(row, dict) and any(row.keys() >= each for each in fields)
    except (OSError, ValueError, csv.Error, RecursionError, ImportError):
        return False
