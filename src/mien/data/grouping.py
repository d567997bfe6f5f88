"""Who an image shows, from its path or a table, so that people can stay on one side of a split."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

from mien._wording import pluralize
from mien.data.records import GROUP_COLUMNS, Record, Rows, first_names
from mien.data.text_table import check_once, column_named, folded_column, not_text, open_table
from mien.errors import DatasetError, InputError

__all__ = ["ABOVE", "Grouping", "PersonColumn", "person_of_cell"]

ABOVE = "folder"
"""Takes the folder below an image's class for the person, else the one above it."""

_NONE = "none"
_NAME_COLUMNS = ("name", "image", "image_name", "file", "filename", "path", "id")
_TABLES = (".csv", ".tsv", ".gz")

_MISSING = frozenset(
    ("", "nan", "NaN", "NAN", "NA", "N/A", "n/a", "#N/A", "<NA>", "None", "NULL", "null")
)
"""What tables write where a person is unknown; `Na` and `Nan` are names of people."""

_WHOLE = re.compile(r"([0-9]+)(?:\.0*)?")


def person_of_cell(value: object) -> str:
    """Return the person that a table's cell names, or an empty string if it is unknown.

    Args:
        value: Text or a number; `1.0` is person 1.
    """
    whole = isinstance(value, float) and value.is_integer()
    text = " ".join(str(int(value) if whole else value).split())  # type: ignore[call-overload]
    found = _WHOLE.fullmatch(text)
    return "" if text in _MISSING else found.group(1) if found else text


def _folded(person: str) -> str:
    """Fold a person for comparing: composed letters, spaces, and `1.0` and `01` for 1."""
    text = " ".join(unicodedata.normalize("NFC", person).split())
    found = _WHOLE.fullmatch(text)
    return found.group(1).lstrip("0") or "0" if found else text


class PersonColumn:
    """Finds the column of tables that says who an image shows.

    Args:
        name: Its name; empty takes one that is named `person` or alike, where there is one.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._found = False
        self._others: dict[str, None] = {}

    def column(self, columns: list[str]) -> int | None:
        """Return its position among the columns of a table; None if the table has none."""
        names = (folded_column(self.name),) if self.name else GROUP_COLUMNS
        place = column_named(columns, names)
        self._found |= place is not None
        self._others.update(dict.fromkeys(columns))
        return place

    def raise_missing(self) -> None:
        """Raise an error if a column was named that no table has.

        Raises:
            InputError: There is none; the message lists those that there are.
        """
        if self.name and not self._found:
            columns = first_names(list(self._others))
            there = f". The tables have the columns {columns}" if columns else ""
            raise InputError(f"--group {self.name}: {_expected(0)}{there}")


class Grouping:
    """Finds the person that each image shows.

    Args:
        given: A regular expression over the image's path with one group, a CSV of names and
            persons, the name of a column of tables, `folder`, `none`, or None for what the sources
            say by themselves.

    Attributes:
        description: The same for a manifest; a CSV by its content.
        column: Finds the column of tables.

    Raises:
        InputError: It is no such expression.
        DatasetError: The CSV has other columns.
    """

    def __init__(self, given: str | None) -> None:
        self._given = given
        self._find: Callable[[Record], str] | None = None
        self._list: _PeopleList | None = None
        self.description = given or ""
        self.column = PersonColumn()
        if given is None or given in (ABOVE, _NONE):
            return
        if _is_file(given) or given.lower().endswith(_TABLES):
            people = _people(Path(given))
            self.description = f"{len(people)} names, {_hash(people)}"
            self._list = _PeopleList(given, people)
            self._find = self._list.find
            return
        if given.strip() and _is_text(given):
            self.column = PersonColumn(given)
        else:
            self._find = _expression(given)

    def apply(self, rows: Rows) -> None:
        """Set the group of every record, and note what was found.

        Raises:
            InputError: It fits no image, or a name in it is that of several.
        """
        if self._given == _NONE:
            rows.records = [dataclasses.replace(record, group="") for record in rows.records]
            return
        self.column.raise_missing()
        if self._find is not None:
            self._replace(rows, self._find)
        if self._list is not None:
            rows.notes.append(self._list.use())
        spelled: dict[str, str] = {}  # the first spelling of each person
        rows.records = [
            dataclasses.replace(each, group=spelled.setdefault(_folded(each.group), each.group))
            for each in rows.records
        ]
        people = list(dict.fromkeys(record.group for record in rows.records if record.group))
        if not people:
            if self._given is not None:
                raise self._nobody(rows)
            return
        alone = [record.origin for record in rows.records if not record.group]
        unknown = f", {pluralize(len(alone), 'image')} of unknown ones" if alone else ""
        rows.notes.append(
            f"{pluralize(len(people), 'person', 'people')}{unknown}: `mien data split` keeps each "
            "on one side"
        )

    def _replace(self, rows: Rows, find: Callable[[Record], str]) -> None:
        """Set the group of every record that has a path or a name."""
        if not any(record.path or record.name for record in rows.records):
            raise InputError(
                f"--group {self._given}: the images have neither paths nor names, as rows of "
                "tables. Give the name of the column that says who an image shows"
            )
        found = [find(record) if record.path or record.name else None for record in rows.records]
        if not any(found):
            raise self._nobody(rows)
        rows.records = [
            record if group is None else dataclasses.replace(record, group=group)
            for record, group in zip(rows.records, found, strict=True)
        ]

    def _nobody(self, rows: Rows) -> InputError:
        shown = first_names([r.path or r.name or r.origin for r in rows.records[:3]])
        return InputError(
            f"--group {self._given}: says of no image who it shows; images are {shown}. Leave "
            "--group out if it is not known"
        )


def _is_file(given: str) -> bool:
    try:
        return Path(given).is_file()
    except (OSError, ValueError):  # too long for a name, or with a character that no name has
        return False


def _is_text(given: str) -> bool:
    """Return whether it has no parentheses, so that it may be the name of a column."""
    return "(" not in given and ")" not in given


def _expected(groups: int) -> str:
    return (
        f"expected a regular expression with one group in parentheses, found {groups}; or the "
        "name of a column of a table, a CSV of names and persons, or `folder`"
    )


def _expression(given: str) -> Callable[[Record], str]:
    try:
        pattern = re.compile(unicodedata.normalize("NFC", given))
    except re.error as error:
        raise InputError(f"--group {given}: no regular expression ({error})") from error
    if pattern.groups != 1:
        raise InputError(f"--group {given}: {_expected(pattern.groups)}")

    def find(record: Record) -> str:
        found = pattern.search(record.path or record.name)
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
        check_once(path, table.columns, (table.columns[name], table.columns[person]))
        people: dict[str, str] = {}
        for line, cells in table.lines():
            if len(cells) != len(table.columns):
                count = f"{len(table.columns)} columns, found {len(cells)}"
                raise DatasetError(f"{path.name}, line {line}: expected {count}")
            if lost := not_text(cells[name], cells[person]):
                raise DatasetError(f"{path.name}, line {line}: {lost}")
            key = _key(cells[name].strip().replace("\\", "/"))
            value = person_of_cell(cells[person])
            if _folded(people.setdefault(key, value)) != _folded(value):
                two = f"{people[key]} and {value}"
                raise DatasetError(f"{path.name}, line {line}: {key} is of two people, {two}")
        table.raise_damage()
    return people


def _hash(people: dict[str, str]) -> str:
    return hashlib.sha256(repr(sorted(people.items())).encode()).hexdigest()


class _PeopleList:
    """Who images show by their names, and which names were used.

    Args:
        given: The path of the list.
        people: The persons by the names, as `_key` folds them.
    """

    def __init__(self, given: str, people: dict[str, str]) -> None:
        self._given, self._people = given, people
        self._used: dict[str, list[str]] = {}

    def find(self, record: Record) -> str:
        """Return the person of an image by its path, the end of it, or its name.

        An ending may be left out.
        """
        parts = (record.path or record.name).split("/")
        ends = ["/".join(parts[start:]) for start in range(len(parts))]
        keys = [_key(each) for each in (*ends, record.name)]
        keys += [_key(each.removesuffix(Path(each).suffix)) for each in (*ends, record.name)]
        key = next((key for key in keys if key in self._people), None)
        if key is None:
            return ""
        self._used.setdefault(key, []).append(record.path or record.origin)
        return self._people[key]

    def use(self) -> str:
        """Return a sentence on how many names were used.

        Raises:
            InputError: A name is that of several images.
        """
        for key, images in self._used.items():
            if len(images) > 1:
                raise InputError(
                    f"--group {self._given}: {key} is the name of {len(images)} images, "
                    f"{first_names(images)}. Give their paths"
                )
        return f"{self._given}: {len(self._used):,} of {len(self._people):,} names used"


def _key(name: str) -> str:
    """Fold a name for comparing: composed letters, no `./`, and an ending in any case."""
    name = re.sub(r"^(?:\./+)+", "", unicodedata.normalize("NFC", name))
    start, dot, ending = name.rpartition(".")
    return f"{start}.{ending.lower()}" if dot and "/" not in ending else name
