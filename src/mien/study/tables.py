"""The tables of a whole study, made from the records of its units, and what describes them."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from mien.columns import Column
from mien.emotions import SIX
from mien.media import open_table
from mien.study.columns import (
    EVENTS,
    GROUPS,
    PEOPLE,
    SYNCHRONY,
    TABLES,
    VIDEOS,
    Table,
    tables_of,
)
from mien.study.covariates import Covariates
from mien.study.exports import (
    boris_project,
    elan_document,
    srt_text,
    textgrid_text,
    webvtt_text,
)
from mien.study.groups import group_rows
from mien.study.options import TableFormat
from mien.study.own_files import OwnFiles
from mien.study.record import Record

__all__ = ["file_names", "write_tables"]

_CODEBOOK = "datapackage.json"
_PROJECT = "events.boris"
_REPORT = "study.html"
_COVARIATES = "covariates"
_MEDIA_TYPES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
_KINDS = {"text": "string", "integer": "integer", "number": "number", "boolean": "boolean"}

Records = Callable[[], Iterator[Record]]
"""Reads the records one after the other, each time it is called: together they may be large."""


def file_names() -> tuple[str, ...]:
    """Return the names of the files that are written at the end of a study, of every format."""
    tables = [*(table.name for table in TABLES if table.name != "frames"), _COVARIATES]
    ones = [f"{name}.{format}" for name in tables for format in get_args(TableFormat)]
    return (*ones, _CODEBOOK, _PROJECT, _REPORT)


def write_tables(
    folder: Path,
    format: TableFormat,
    records: Records,
    covariates: Covariates,
    own: OwnFiles,
    *,
    units: bool = False,
) -> list[dict[str, Any]]:
    """Write the tables, the codebook and the exports; each file appears when it is whole.

    Args:
        folder: The study's folder.
        format: The format of its tables.
        records: Those of all units, in the order of the tables' rows.
        covariates: What is known of the videos beside.
        own: Writes what is no table, where nobody changed it.
        units: Whether the frames have expression units.

    Returns:
        The rows of the table `groups`.

    Raises:
        OutputError: A file cannot be written.
    """
    shares: dict[str, NDArray[np.float64]] = {}
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(open_table(folder / f"{name}.{format}", columns))
            for name, columns in (
                ("people", PEOPLE),
                ("events", EVENTS),
                ("videos", VIDEOS),
                ("synchrony", SYNCHRONY),
            )
        }
        for record in records():
            for name in ("people", "events", "synchrony"):
                writers[name].write_rows(list(getattr(record, name)))
            if record.video is not None:
                writers["videos"].write_rows([dict(record.video)])
            if record.people:
                shares[record.sources[0]] = video_shares(record.people)
            _write_exports(folder / "exports", record, own)
    groups = list(group_rows(shares, covariates))
    _write_rows(folder / f"groups.{format}", GROUPS, groups)
    if not covariates.columns:  # an earlier end may have had some
        (folder / f"{_COVARIATES}.{format}").unlink(missing_ok=True)
    else:
        columns = _covariate_columns(covariates)
        rows = [{"source": source, **values} for source, values in covariates.values.items()]
        _write_rows(folder / f"{_COVARIATES}.{format}", columns, rows)
    own.write(folder / _PROJECT, _json(boris_project(_videos(records))))
    own.write(folder / _CODEBOOK, _json(_codebook(format, records, covariates, units=units)))
    return groups


def video_shares(people: Iterable[Mapping[str, Any]]) -> NDArray[np.float64]:
    """Return the share of time of each expression in a video, `(6,)`; its people by their time."""
    seconds = np.array([[row[f"{label}_s"] for label in SIX.labels] for row in people])
    return np.asarray(seconds.sum(axis=0) / seconds.sum(), np.float64)


def _videos(records: Records) -> Iterator[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]]:
    """Yield the videos of which something was read, with their events."""
    for record in records():
        if record.video is not None and record.video["frames_read"]:
            yield {**record.video, "source": _video_path(record)}, record.events


def _video_path(record: Record) -> str:
    """Return where a video was; a study may be finished or merged in another working folder."""
    return record.video_path or str(Path(record.sources[0]).absolute())


def _write_exports(folder: Path, record: Record, own: OwnFiles) -> None:
    """Write the episodes of a video, of which something was read, for other programs."""
    video = record.video
    if video is None or not video["frames_read"]:
        return
    people = [row["person"] for row in record.people]
    length_s = max(video.get("duration_s") or 0.0, video.get("last_frame_s") or 0.0)
    texts = {
        "srt": srt_text(record.events),
        "vtt": webvtt_text(record.events),
        "eaf": elan_document(_video_path(record), record.events, people),
    }
    if length_s > 0:  # Praat opens no TextGrid without a length
        texts["TextGrid"] = textgrid_text(record.events, people, length_s)
    for suffix, text in texts.items():
        own.write(folder / f"{record.name}.{suffix}", text.encode())


def _write_rows(path: Path, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> None:
    with open_table(path, columns) as writer:
        writer.write_rows([dict(row) for row in rows])


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()


def _covariate_columns(covariates: Covariates) -> list[Column]:
    source = Column(
        name="source", path=("source",), kind="text", meaning="the video's path as it was given"
    )
    return [
        source,
        *(
            Column(name=name, path=(name,), kind="text", meaning="as given", nullable=True)
            for name in covariates.columns
        ),
    ]


def _codebook(
    format: TableFormat, records: Records, covariates: Covariates, *, units: bool
) -> dict[str, Any]:
    """Return the description of all tables as a data package (Frictionless, version 1)."""
    resources = []
    tables = list(tables_of(units=units))
    if covariates.columns:
        tables.append(
            Table(_COVARIATES, "one row per video with covariates", _covariate_columns(covariates),
                  ("source",))
        )  # fmt: skip
    for table in tables:
        paths: str | list[str] = f"{table.name}.{format}"
        if table.name == "frames":
            paths = [f"frames/{record.name}.{format}" for record in records()]
        resources.append(
            {
                "name": table.name,
                "title": table.title,
                "path": paths,
                "profile": "tabular-data-resource" if format == "csv" else "data-resource",
                "format": format,
                "mediatype": _MEDIA_TYPES[format],
                "encoding": "utf-8",
                "schema": {
                    "fields": [_field(column) for column in table.columns],
                    "missingValues": [""],
                    **({"primaryKey": list(table.key)} if table.key else {}),
                },
            }
        )
    return {
        "name": "mien-study",
        "title": "A study of the expressions in videos",
        "description": "An expression is what a face shows to others, not what the person feels, "
        "and predictions are often wrong.",
        "profile": "data-package",
        "sources": [{"title": f"mien {importlib.metadata.version('mien')}"}],
        "resources": resources,
    }


def _field(column: Column) -> dict[str, Any]:
    """Return a column as a field of a table schema."""
    bounds: dict[str, Any] = {"minimum": column.minimum, "maximum": column.maximum}
    constraints: dict[str, Any] = {
        name: bound for name, bound in bounds.items() if bound is not None
    }
    if not column.nullable:
        constraints["required"] = True
    if column.values:
        constraints["enum"] = list(column.values)
    field: dict[str, Any] = {
        "name": column.name,
        "type": _KINDS[column.kind],
        "description": column.meaning[0].upper() + column.meaning[1:],
    }
    if column.unit:
        field["unit"] = column.unit
    if column.kind == "boolean":
        field |= {"trueValues": ["True"], "falseValues": ["False"]}
    return field | ({"constraints": constraints} if constraints else {})
