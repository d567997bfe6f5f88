"""Reading a saved table of predictions: CSV or Parquet, `row` and `p_<label>`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien._reading import read_parquet_columns
from mien.data import open_table
from mien.emotions import LABEL_SETS, LabelSet, canonical_label
from mien.errors import DatasetError, InputError

__all__ = ["TABLE_SUFFIXES", "is_table", "read_predictions"]

TABLE_SUFFIXES = (".parquet", ".csv", ".tsv", ".csv.gz", ".tsv.gz")
"""The endings of tables of predictions, in small letters."""

_PROBABILITY = re.compile(r"p[\s_.-]+(.+)")
_ROW = "row"
_LARGEST_ROW = 2**53
_PERCENT = 100.0
_SUM_TOLERANCE = 1e-3
_ROUNDED_TO = (4, 3, 2)
"""Decimals to which probabilities may be rounded: their sums are off by half a unit for each."""


def is_table(path: Path) -> bool:
    """Return whether a path ends like a table."""
    return path.name.lower().endswith(TABLE_SUFFIXES)


def read_predictions(path: Path) -> tuple[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Read a table of predictions.

    Names of columns may be in any case, with spaces around them. Percentages that sum to 100 become
    probabilities, and probabilities that were rounded to two decimals or more are brought to a sum
    of 1.

    Args:
        path: The table. A CSV may have `,` `;` tab or `|` between its cells.

    Returns:
        The label set's name; the rows of the dataset `(n,)` and their probabilities `(n, K)`.

    Raises:
        DatasetError: The file cannot be read, or is no such table; the message names the column and
            the row.
        MissingExtraError: pyarrow, which reads Parquet, is not installed.
    """
    if path.name.lower().endswith(".parquet"):
        names, cells = _parquet(path)
    else:
        names, cells = _csv(path)
    label_set, columns = _columns(path, names)
    if not cells:
        raise DatasetError(f"{path}: a table without a row; expected one row for each image")
    values = np.array(
        [[_number(path, line, names[at], row[at]) for at in columns] for line, row in cells]
    )
    rows, probabilities = values[:, 0], values[:, 1:]
    wrong = rows[(rows != np.round(rows)) | (rows < 0) | (rows > _LARGEST_ROW)]
    if len(wrong):
        raise DatasetError(f"{path}: row: expected whole numbers from 0, found {wrong[0]:g}")
    if len(np.unique(rows)) != len(rows):
        raise DatasetError(f"{path}: expected each row once, found some rows twice")
    numbers = rows.astype(np.int64)
    return label_set.name, (numbers, _probabilities(path, numbers, probabilities))


def _csv(path: Path) -> tuple[list[str], list[tuple[str, Sequence[object]]]]:
    with open_table(path) as table:
        names = table.columns
        cells: list[tuple[str, Sequence[object]]] = []
        for line, found in table.lines():
            if len(found) != len(names):
                count = f"expected {len(names)} columns, found {len(found)}"
                raise DatasetError(f"{path}, line {line}: {count}; was the file cut?")
            decimal_comma = table.separator != ","
            texts = [text.replace(",", ".") if decimal_comma else text for text in found]
            cells.append((f"line {line}", texts))
        if table.damage is not None:
            raise DatasetError(f"{path}, line {table.damage[0]}: {table.damage[1]}")
    return names, cells


def _parquet(path: Path) -> tuple[list[str], list[tuple[str, Sequence[object]]]]:
    expected = "a table of predictions, as `mien evaluate` writes"
    table = read_parquet_columns(path, DatasetError, expected=expected)
    rows = zip(*table.values(), strict=True)
    return list(table), [(f"row {number}", row) for number, row in enumerate(rows)]


def _columns(path: Path, names: list[str]) -> tuple[LabelSet, list[int]]:
    """Return the label set, and the places of `row` and of the labels in its order."""
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        folded = name.strip().lower()
        found = _PROBABILITY.fullmatch(folded)
        if found is None and folded != _ROW:
            continue
        try:
            key = _ROW if found is None else canonical_label(found[1])
        except InputError as error:
            raise DatasetError(f"{path}: column {name!r}: {error}") from error
        if key in places:
            raise DatasetError(f"{path}: two columns of {key}, {names[places[key]]!r} and {name!r}")
        places[key] = place
    label_set = _label_set(path, set(places) - {_ROW}, names)
    if _ROW not in places:
        raise DatasetError(f"{path}: no column 'row'; it has {', '.join(names)}")
    return label_set, [places[_ROW], *(places[label] for label in label_set.labels)]


def _label_set(path: Path, labels: set[str], names: list[str]) -> LabelSet:
    for known in LABEL_SETS.values():
        if set(known.labels) == labels:
            return known
    sets = "; ".join(f"{known.name}: {', '.join(known.labels)}" for known in LABEL_SETS.values())
    found = ", ".join(sorted(labels)) or f"none among {', '.join(names)}"
    raise DatasetError(
        f"{path}: the columns p_<label> are of no label set, found {found}; expected those of "
        f"{sets}"
    )


def _number(path: Path, where: str, column: str, cell: object) -> float:
    """Return a cell's number; `95 %` is 0.95."""
    text = "" if cell is None else str(cell).strip()
    try:
        if text.endswith("%"):
            return float(text.removesuffix("%")) / _PERCENT
        number = float(text)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise DatasetError(f"{path}, {where}: {column}: expected a number, found {text[:20]!r}")
    return number


def _probabilities(
    path: Path, rows: NDArray[np.int64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return probabilities that sum to 1, from percentages and rounded ones, too."""
    sums = values.sum(axis=1)
    if (values >= 0).all() and np.median(sums) > _PERCENT / 2:
        values, sums = values / _PERCENT, sums / _PERCENT
    tolerance = _SUM_TOLERANCE
    for decimals in _ROUNDED_TO:
        if np.allclose(values, values.round(decimals), rtol=0, atol=1e-9):
            tolerance = max(_SUM_TOLERANCE, values.shape[1] * 0.5 * 10.0**-decimals)
    wrong = (np.abs(sums - 1) > tolerance + 1e-9) | (values < 0).any(axis=1)
    if wrong.any():
        first = int(wrong.argmax())
        raise DatasetError(
            f"{path}: expected probabilities from 0 that sum to 1, or percentages that sum to 100, "
            f"in every row; found a sum of {values[first].sum():.4g} and {values[first].min():.4g} "
            f"as the least in row {rows[first]}"
        )
    # A table that was written exactly stays as it is.
    exact = np.abs(sums - 1) <= _SUM_TOLERANCE
    scaled: NDArray[np.float64] = np.where(exact[:, None], values, values / sums[:, None])
    return scaled
