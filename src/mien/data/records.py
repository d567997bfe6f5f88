"""The records that every source of labelled images is read into, and the faults of a source."""

from __future__ import annotations

import dataclasses
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien._wording import pluralize
from mien.emotions import FER2013_7, canonical_label
from mien.errors import DatasetError, InputError

__all__ = [
    "GROUP_COLUMNS",
    "LABEL_COLUMNS",
    "LEFT_OUT",
    "SUBSET_COLUMNS",
    "Conditions",
    "Fault",
    "Labels",
    "OnStep",
    "Progress",
    "Record",
    "Rows",
    "encode_png",
    "first_names",
    "is_number",
    "subset_named",
]

LABEL_COLUMNS = ("emotion", "label", "labels", "class", "expression")
SUBSET_COLUMNS = ("usage", "split", "subset", "part")
GROUP_COLUMNS = ("person", "person_id", "subject", "subject_id", "group", "identity", "participant")
"""How tables name the columns of labels, subsets and groups, in small letters."""


_SUBSET_WORDS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "development"), "val"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
}
"""The words by which a subset is named."""

_FER_2013 = {"publictest": "val", "privatetest": "test"}
"""FER-2013's own words for two subsets."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_ENDINGS = ("sets", "set", "images", "data", "split", "part", "faces")
"""What is written behind a subset's name without a break: `trainset`."""

LEFT_OUT = "-"
"""The target of a class that is left out (`--map contempt=-`)."""

_SHOWN = 20
_MOST_DIGITS, _LONGEST_NAME = 9, 100

Progress = Callable[[int, int], None]
"""Called from time to time with the amount done and the total, in any unit."""

OnStep = Callable[[str], Progress | None]
"""Called with the name of each step when it starts; returns its progress callback or None."""


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One labelled image.

    Attributes:
        png: The image as 48x48 grey PNG.
        label: Its label, or None.
        subset: `train`, `val` or `test`.
        origin: Its place in the source: line of a CSV, row of a Parquet, or file of a folder.
        name: The image's own file name, or an empty string.
        path: The path of the image's file in its source, or an empty string.
        group: The person that it shows, or another group; empty if unknown.
        framed: How it was made, one of `FRAMINGS`.
        face: The aligned face in `FACE_CROP` as PNG; empty if it was not aligned.
    """

    png: bytes
    label: str | None
    subset: str
    origin: str
    name: str = ""
    path: str = ""
    group: str = ""
    framed: str = "given"
    face: bytes = b""


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """A part of a source that cannot be used.

    Attributes:
        where: File and line, row or path.
        what: What was expected and what was found.
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclasses.dataclass(slots=True)
class Rows:
    """The content of one or more sources.

    Attributes:
        records: The usable images, in the source's order.
        faults: The parts that cannot be used.
        notes: How the source was interpreted, a sentence each, where that is not obvious.
        votes: `(N, 10)` uint8, one row of annotator counts per record, if FER+ was joined.
        image_names: FER+'s `Image name` per record, if FER+ was joined.
        several: The origins of images with several faces, of which the largest was taken.
        faceless: The origins of images in which no face was found, whether they were kept or not.
    """

    records: list[Record] = dataclasses.field(default_factory=list)
    faults: list[Fault] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    votes: NDArray[np.uint8] | None = None
    image_names: list[str] | None = None
    several: list[str] = dataclasses.field(default_factory=list)
    faceless: list[str] = dataclasses.field(default_factory=list)

    def extend(self, other: Rows) -> None:
        """Add the content of another source."""
        for name in ("records", "faults", "notes", "several", "faceless"):
            getattr(self, name).extend(getattr(other, name))

    def raise_faults(self) -> None:
        """Raise an error if there are faults.

        Raises:
            DatasetError: There are faults; the message has their number and the first twenty.
        """
        if not self.faults:
            return
        shown = [f"  {fault}" for fault in self.faults[:_SHOWN]]
        if len(self.faults) > _SHOWN:
            shown.append(f"  ... and {len(self.faults) - _SHOWN} more")
        count = pluralize(len(self.faults), "fault")
        raise DatasetError("\n".join([f"{count}, nothing was imported:", *shown]))


class Labels:
    """Translates the class names of a source.

    Args:
        given: The labels of other names, for example `{"wut": "angry"}`, used before the known
            spellings, and for the written spelling alone, in any case; `LEFT_OUT` leaves a class
            out. A name may be the number of a class, too.
        own: Whether names that are no known spelling become classes of their own.

    Raises:
        InputError: A name is mapped to something that is not a label of FER-2013.
    """

    def __init__(self, given: Mapping[str, str] | None = None, *, own: bool = False) -> None:
        self.own = own
        self._given: dict[str, str] = {}
        self._written: dict[str, str] = {}
        self._used: set[str] = set()
        self._found: dict[str, None] = {}
        self._numbers: set[int] = set()
        for name, target in (given or {}).items():
            self._given[_folded(name)] = self._target(name, target)
            self._written[_folded(name)] = f"{name}={target}"

    def _target(self, name: str, target: str) -> str:
        if target == LEFT_OUT:
            return LEFT_OUT
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
        given: The value that a column must have, for example `{"set": "ck48"}`.
    """

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        self._given = {name.strip(): value.strip() for name, value in (given or {}).items()}
        self._met: set[str] = set()
        self._found: dict[str, dict[str, None]] = {name: {} for name in self._given}

    def columns(self, source: str, columns: Iterable[str]) -> dict[str, str]:
        """Return the columns of a table that conditions are about, as it has them.

        Raises:
            DatasetError: The table has no such column.
        """
        by_name = {column.strip().lower(): column for column in columns}
        if missing := [name for name in self._given if name.lower() not in by_name]:
            raise DatasetError(
                f"{source}: --where {missing[0]}={self._given[missing[0]]}: no such column; it has "
                f"{first_names(list(by_name.values()))}"
            )
        return {name: by_name[name.lower()] for name in self._given}

    def hold(self, values: Mapping[str, object]) -> bool:
        """Return whether a row's values, by the names of the conditions, are those asked for."""
        holds = True
        for name, value in values.items():
            found = str(value).strip()
            self._found[name][found] = None
            if _folded(found) == _folded(self._given[name]):
                self._met.add(name)
            else:
                holds = False
        return holds

    def raise_unmet(self) -> None:
        """Raise an error if a condition holds for no row.

        Raises:
            DatasetError: There is one; the message lists the values that occur.
        """
        for name, value in self._given.items():
            if name not in self._met:
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


def subset_named(name: str) -> str | None:
    """Return the subset that a name says: `train`, `val`, `test`, or None if it says none.

    Words beside it do not matter: `Train_Set`, `FER2013Valid`, `val2017`, `testing`. A name that
    says two (`train_val`) says none.
    """
    folded = "".join(character for character in name.lower() if character.isalpha())
    for word, subset in _FER_2013.items():
        if word in folded:
            return subset
    words = [word.lower() for word in _WORD.findall(name)]
    shortened = [
        word.removesuffix(ending) for word in words for ending in _ENDINGS if word.endswith(ending)
    ]
    said = {_SUBSET_WORDS[word] for word in (*words, *shortened) if word in _SUBSET_WORDS}
    return said.pop() if len(said) == 1 else None


def first_names(names: list[str]) -> str:
    """Return the first twenty names, and how many more there are."""
    shown = ", ".join(names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def encode_png(pixels: NDArray[np.uint8], *, fast: bool = False) -> bytes:
    """Encode `(H, W)` luma or `(H, W, 3)` RGB, uint8, as PNG."""
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "PNG", **({"compress_level": 1} if fast else {}))
    return packed.getvalue()
