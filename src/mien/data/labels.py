"""The class names of sources, and the conditions on rows of tables."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from mien.data.records import first_names
from mien.data.text_table import folded_column
from mien.emotions import FER2013_7, canonical_label
from mien.errors import DatasetError, InputError

__all__ = ["LEFT_OUT", "Conditions", "Labels", "is_number"]

LEFT_OUT = "-"
"""The target of a class that is left out (`--map contempt=-`)."""

_MOST_DIGITS, _LONGEST_NAME = 9, 100


class Labels:
    """Translates the class names of a source.

    Args:
        given: The labels of other names, for example `{"wut": "angry"}`, used before the known
            spellings, and for the written spelling alone, in any case; `LEFT_OUT` leaves a class
            out. A name may be the number of a class, too.
        own: Whether names that are no known spelling become classes of their own.

    Raises:
        InputError: A name is mapped to something that is not a label of FER-2013, to nothing, or,
            in two spellings, to two labels.
    """

    def __init__(self, given: Mapping[str, str] | None = None, *, own: bool = False) -> None:
        self.own = own
        self._given: dict[str, str] = {}
        self._written: dict[str, str] = {}
        self._used: set[str] = set()
        self._found: dict[str, None] = {}
        self._numbers: set[int] = set()
        for name, target in (given or {}).items():
            key, label = _folded(name), self._target(name, target)
            if self._given.setdefault(key, label) != label:
                two = f"--map {self._written[key]} and --map {name}={target}"
                raise InputError(f"{two}: are of one class. Keep one of them")
            self._written.setdefault(key, f"{name}={target}")

    def _target(self, name: str, target: str) -> str:
        if target == LEFT_OUT:
            return LEFT_OUT
        if not target.strip():
            what = f"expected a label, or {LEFT_OUT} to leave the class out"
            raise InputError(f"--map {name}={target}: {what}")
        try:
            label = canonical_label(target)
        except InputError:
            if not self.own:
                raise
            return _folded(target)
        if label not in FER2013_7.labels and not self.own:
            known = ", ".join(FER2013_7.labels)
            raise InputError(f"{name}={target}: expected one of {known}, or {LEFT_OUT}")
        return label

    def __getitem__(self, names: str | tuple[str, ...]) -> str:
        """Return a label, or `LEFT_OUT`.

        Args:
            names: The class as the source has it; or several names of it, its number and its name.

        Raises:
            InputError: The name is unknown; the message explains how to map it.
        """
        names = (names,) if isinstance(names, str) else names
        self._found[names[-1].strip()] = None
        given = self._mapped(names)
        if given is not None:
            return given
        label = next((known for name in names if (known := _label(name))), "")
        if label:
            return label
        if self.own:
            return _folded(names[-1])
        known, name = ", ".join(FER2013_7.labels), names[-1]
        raise InputError(
            f"unknown class {name!r}; known are {known}. Map it with "
            f"--map {name}=LABEL, or leave it out with --map {name}={LEFT_OUT}"
        )

    def of_cell(self, value: object, names: Sequence[str] | None = None) -> str:
        """Return the label of a table's cell, or `LEFT_OUT`.

        Args:
            value: A name or a number, also as text (`3`, `3.0`).
            names: The names of the numbers from 0, if the table has them; else they are
                FER-2013's, except for own classes.

        Raises:
            InputError: The cell holds no class, or an unknown one.
        """
        unnamed = names is None
        names = FER2013_7.labels if names is None else names
        last = len(names) - 1
        folded = "" if value is None else _folded(str(value))
        if not folded or folded == "nan" or (isinstance(value, float) and not value.is_integer()):
            raise InputError(f"expected 0 to {last} or the name of a class, found {value!r:.20}")
        if not is_number(folded):
            return self[str(value).strip()[:_LONGEST_NAME]]
        if unnamed:
            self._numbers.add(int(folded))
            if self.own and folded not in self._given:
                raise InputError(
                    f"the number {folded} has no name, and own classes need one. Map every number "
                    f"with --map NUMBER=LABEL, or leave it out with --map NUMBER={LEFT_OUT}"
                )
        if int(folded) <= last:
            return self[folded, names[int(folded)]]
        if folded in self._given:
            return self[folded]
        one = f"If the numbers count from 1, map every one; else map {folded} with"
        raise InputError(
            f"expected 0 to {last}, found {value!r:.20}. {one if unnamed else 'Map it with'} "
            f"--map {folded}=LABEL, or leave it out with --map {folded}={LEFT_OUT}"
        )

    def raise_shifted(self) -> None:
        """Raise an error if numbers without names seem to count from 1 and not all are mapped.

        Raises:
            InputError: 0 occurs in no table, but a number behind the last of FER-2013's.
        """
        wanted = sorted(self._numbers)
        unmapped = [number for number in wanted if str(number) not in self._given]
        if unmapped and 0 not in self._numbers and len(FER2013_7) in self._numbers:
            raise InputError(
                f"the numbers of the classes are {', '.join(map(str, wanted))}, without 0: they "
                "seem to count from 1. Map every number with --map NUMBER=LABEL; without one are "
                f"{', '.join(map(str, unmapped))}"
            )

    def knows(self, name: str) -> bool:
        """Return whether a name is a known spelling of a label, or mapped."""
        return bool(_label(name)) or _folded(name) in self._given

    def _mapped(self, names: tuple[str, ...]) -> str | None:
        """Return the target of the name in the map that is one of these, if there is one.

        Only the same spelling counts: `joy` and `happy` may be two folders of one source.
        """
        keys = [_folded(name) for name in names if _folded(name) in self._given]
        self._used.update(keys)
        targets = {self._given[key] for key in keys}
        if len(targets) > 1:
            two = " and ".join(f"--map {self._written[key]}" for key in keys[:2])
            raise InputError(f"{two}: are of one class. Keep one of them")
        return targets.pop() if targets else None

    def raise_unused(self) -> None:
        """Raise an error if a name of the map occurred in no source.

        Raises:
            InputError: There is one; the message lists the classes that occurred.
        """
        unused = [self._written[key] for key in self._given if key not in self._used]
        if unused:
            found = first_names(list(self._found)) or "none"
            raise InputError(
                f"--map {unused[0]}: no image is of this class; found are {found}. "
                "Correct the name, or leave it out"
            )


class Conditions:
    """Picks the rows of tables by the values of columns.

    Args:
        given: The value that a column must have, for example `{"set": "ck48"}`, or several, one of
            which it must have.
    """

    def __init__(self, given: Mapping[str, str | Sequence[str]] | None = None) -> None:
        self._given: dict[str, list[str]] = {}
        for name, values in (given or {}).items():
            wanted = [values] if isinstance(values, str) else values
            column = self._given.setdefault(folded_column(name), [])
            column += [value.strip() for value in wanted]
        self._met: set[tuple[str, str]] = set()
        self._found: dict[str, dict[str, None]] = {name: {} for name in self._given}

    @property
    def description(self) -> str:
        """The conditions for a manifest: `set=ck48`."""
        return ", ".join(
            f"{name}={value}" for name in sorted(self._given) for value in self._given[name]
        )

    def columns(self, source: str, columns: Iterable[str]) -> dict[str, str]:
        """Return the columns of a table that conditions are about, as it has them.

        Raises:
            DatasetError: The table has no such column.
        """
        by_name = {folded_column(column): column for column in columns}
        if missing := [name for name in self._given if name not in by_name]:
            raise DatasetError(
                f"{source}: --where {missing[0]}={self._given[missing[0]][0]}: no such column; it "
                f"has {first_names(list(by_name.values()))}"
            )
        return {name: by_name[name] for name in self._given}

    def hold(self, values: Mapping[str, object]) -> bool:
        """Return whether a row's values, by the names of the conditions, are those asked for."""
        holds = True
        for name, value in values.items():
            found = str(value).strip()
            self._found[name][found] = None
            met = [each for each in self._given[name] if _folded(each) == _folded(found)]
            self._met.update((name, each) for each in met)
            holds = holds and bool(met)
        return holds

    def raise_unmet(self) -> None:
        """Raise an error if no row has a value that was asked for.

        Raises:
            DatasetError: There is one; the message lists the values that occur.
        """
        for name, values in self._given.items():
            for value in values:
                if (name, value) not in self._met:
                    found = first_names(list(self._found[name])) or "no value: no table was read"
                    raise DatasetError(f"--where {name}={value}: no row has it; found {found}")


def _folded(name: str) -> str:
    """Fold a class name for comparing: case, spaces, composed letters, and `3.0` for 3."""
    folded = " ".join(unicodedata.normalize("NFC", name).split()).lower()
    number, _, zeros = folded.partition(".")
    return str(int(number)) if is_number(number) and not zeros.strip("0") else folded


def is_number(text: str) -> bool:
    """Return whether a text is a whole number from 0, of a few digits."""
    return text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS


def _label(name: str) -> str:
    """Return the label of FER-2013 that a name is a spelling of, or an empty string."""
    try:
        label = canonical_label(_folded(name))
    except InputError:
        return ""
    return label if label in FER2013_7.labels else ""
