"""Result rows as a data frame of pandas or polars, with the columns of the one table."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, Literal

from mien.columns import flat_row, result_columns
from mien.errors import InputError, MissingExtraError

__all__ = ["Library", "data_frame"]

Library = Literal["pandas", "polars"]

_PANDAS = {"text": "string", "integer": "Int64", "number": "float64", "boolean": "boolean"}
_POLARS = {"text": "String", "integer": "Int64", "number": "Float64", "boolean": "Boolean"}


def data_frame(
    rows: Sequence[dict[str, Any]], library: Library | None = None, *, units: bool = False
) -> Any:
    """Return nested rows as a data frame; without a row it has the same columns and types.

    Args:
        rows: As `FrameResult.to_rows` returns them.
        library: Whose data frame; None takes pandas if it is installed, else polars.
        units: Whether it has the columns of expression units.

    Raises:
        InputError: The library is none of the two.
        MissingExtraError: It is not installed, or none is.
    """
    if library not in (None, "pandas", "polars"):
        raise InputError(f"library: expected pandas or polars, found {library!r}")
    module = _installed(library)
    columns = result_columns(units=units)
    flat = [flat_row(row, columns) for row in rows]
    if module.__name__ == "polars":
        schema = {column.name: getattr(module, _POLARS[column.kind]) for column in columns}
        return module.DataFrame(flat, schema=schema)
    frame = module.DataFrame(flat, columns=[column.name for column in columns])
    return frame.astype({column.name: _PANDAS[column.kind] for column in columns})


def _installed(library: Library | None) -> Any:
    for name in ("pandas", "polars") if library is None else (library,):
        try:
            return importlib.import_module(name)
        except ImportError as error:
            missing = error
    purpose = "a data frame" if library is None else f"a data frame of {library}"
    raise MissingExtraError(purpose, library or "pandas") from missing
