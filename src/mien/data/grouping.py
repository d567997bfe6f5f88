"""Who an image shows, from its path or a table, so that people can stay on one side of a split."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from mien._wording import pluralize
from mien.data.records import GROUP_COLUMNS, Record, Rows, first_names
from mien.data.text_table import column_named, open_table
from mien.errors import DatasetError, InputError

__all__ = ["ABOVE", "Grouping"]

ABOVE = "folder"
"""Takes the folder below an image's class for the person, else the one above it."""

_NONE = "none"
_NAME_COLUMNS = ("name", "image", "image_name", "file", "filename", "path", "id")
_TABLES = (".csv", ".tsv", ".gz")


class Grouping:
    """Finds the person that each image shows.

    Args:
        given: A regular expression over the image's path with one group, a CSV of names and
            persons, `folder`, `none`, or None for what the sources say by themselves.

    Attributes:
        description: The same for a manifest; a CSV by its content.

    Raises:
        InputError: It is no such expression.
        DatasetError: The CSV has other columns.
    """

    def __init__(self, given: str | None) -> None:
        self._given = given
        self._find: Callable[[Record], str] | None = None
        self.description = given or ""
        if given is None or given in (ABOVE, _NONE):
            return
        if _is_file(given) or given.lower().endswith(_TABLES):
            people = _people(Path(given))
            self.description = f"{len(people)} names, {_hash(people)}"
            self._find = lambda record: _looked_up(record, people)
            return
        self._find = _expression(given)

    def apply(self, rows: Rows) -> None:
        """Set the group of every record, and note what was found.

        Raises:
            InputError: It fits no image.
        """
        if self._given == _NONE:
            rows.records = [dataclasses.replace(record, group="") for record in rows.records]
            return
        if self._find is not None:
            rows.records = [
                dataclasses.replace(record, group=self._find(record)) for record in rows.records
            ]
        people = list(dict.fromkeys(record.group for record in rows.records if record.group))
        if not people:
            if self._given is not None:
                shown = first_names([r.path or r.origin for r in rows.records[:3]])
                raise InputError(
                    f"--group {self._given}: says of no image who it shows; images are {shown}"
                )
            return
        alone = [record.origin for record in rows.records if not record.group]
        unknown = f", {pluralize(len(alone), 'image')} of unknown ones" if alone else ""
        rows.notes.append(
            f"{pluralize(len(people), 'person', 'people')}{unknown}: `mien data split` keeps each "
            "on one side"
        )


def _is_file(given: str) -> bool:
    try:
        return Path(given).is_file()
    except (OSError, ValueError):  # too long for a name, or with a character that no name has
        return False


def _expression(given: str) -> Callable[[Record], str]:
    try:
        pattern = re.compile(given)
    except re.error as error:
        raise InputError(f"--group {given}: no regular expression ({error})") from error
    if pattern.groups != 1:
        raise InputError(
            f"--group {given}: expected a regular expression with one group in parentheses, found "
            f"{pattern.groups}; or a CSV of names and persons, or `folder`"
        )

    def find(record: Record) -> str:
        found = pattern.search(record.path or record.name or record.origin)
        return (found.group(1) or "").strip() if found else ""

    return find


def _people(path: Path) -> dict[str, str]:
    """Read a CSV of names and persons."""
    if not path.is_file():
        raise DatasetError(f"{path}: no such file. Check the path")
    with open_table(path) as table:
        name, person = (
            column_named(table.columns, each) for each in (_NAME_COLUMNS, GROUP_COLUMNS)
        )
        if name is None or person is None:
            raise DatasetError(
                f"{path}: expected the columns name and person, found {first_names(table.columns)}"
            )
        people: dict[str, str] = {}
        for line, cells in table.lines():
            if len(cells) != len(table.columns):
                count = f"{len(table.columns)} columns, found {len(cells)}"
                raise DatasetError(f"{path.name}, line {line}: expected {count}")
            key, value = cells[name].strip().replace("\\", "/"), cells[person].strip()
            if people.setdefault(key, value) != value:
                two = f"{people[key]} and {value}"
                raise DatasetError(f"{path.name}, line {line}: {key} is of two people, {two}")
    return people


def _hash(people: dict[str, str]) -> str:
    return hashlib.sha256(repr(sorted(people.items())).encode()).hexdigest()


def _looked_up(record: Record, people: dict[str, str]) -> str:
    """Return the person of an image by its path, the end of it, its name or its stem."""
    parts = (record.path or record.name).split("/")
    keys = ["/".join(parts[start:]) for start in range(len(parts))]
    keys += [record.name, Path(record.name).stem]
    return next((people[key] for key in keys if key in people), "")
