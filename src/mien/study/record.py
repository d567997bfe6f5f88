"""What a study knows of a finished unit: rows of its tables, written as one file at its end.

The record is written after all else of its unit, so that a unit is done where there is one.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mien._output import write_durably
from mien._reading import read_json
from mien.errors import OutputError

__all__ = ["Record", "read_record", "write_record"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A finished unit.

    Attributes:
        name: The name of its files.
        sources: Its paths.
        fingerprints: Size and hash of each file when it was analysed; None where there was none.
        frames_bytes: The size of its file of frames.
        frames_rows: The rows in it.
        video: The row of the table `videos`; None for images.
        people: The rows of the table `people`.
        events: The rows of the table `events`.
        synchrony: The rows of the table `synchrony`.
        failures: Why a source could not be read, or what is damaged, by path.
        video_path: Where the video was when it was analysed, as an absolute path; empty for images,
            and in records of before.
    """

    name: str
    sources: tuple[str, ...]
    fingerprints: tuple[tuple[int, str] | None, ...]
    frames_bytes: int
    frames_rows: int
    video: Mapping[str, Any] | None
    people: tuple[Mapping[str, Any], ...] = ()
    events: tuple[Mapping[str, Any], ...] = ()
    synchrony: tuple[Mapping[str, Any], ...] = ()
    failures: Mapping[str, str] = dataclasses.field(default_factory=dict)
    video_path: str = ""


def write_record(record: Record, path: Path) -> None:
    """Write a record; a power cut leaves none, or the whole one.

    Raises:
        OutputError: It cannot be written.
    """
    write_durably(path, json.dumps(dataclasses.asdict(record)))


def read_record(path: Path) -> Record:
    """Read a record.

    Raises:
        OutputError: It cannot be read.
    """
    expected = "a record of `mien analyze --study`; delete it to analyse its video again"
    document = read_json(path, OutputError, expected=expected)
    try:
        found = {name: document[name] for name in document}
        for name in ("sources", "people", "events", "synchrony"):
            found[name] = tuple(found[name])
        found["fingerprints"] = tuple(
            None if each is None else (each[0], each[1]) for each in found["fingerprints"]
        )
        return Record(**found)
    except (KeyError, TypeError, IndexError) as error:
        raise OutputError(f"{path}: is damaged ({error}). Expected {expected}") from error
