"""The records that every source of labelled images is read into, and the faults of a source."""

from __future__ import annotations

import dataclasses
import io
import re
import unicodedata
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien._wording import as_text, pluralize
from mien.errors import DatasetError

__all__ = [
    "GROUP_COLUMNS",
    "LABEL_COLUMNS",
    "SUBSET_COLUMNS",
    "Fault",
    "OnStep",
    "Progress",
    "Record",
    "Rows",
    "encode_png",
    "first_names",
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

_SHOWN = 20

Progress = Callable[[int, int], None]
"""Called from time to time with the amount done and the total, in any unit."""

OnStep = Callable[[str], Progress | None]
"""Called with the name of each step when it starts; returns its progress callback or None."""


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One labelled image.

    Names whose bytes are no text, as of files from old archives, are escaped; letters are composed
    (Unicode's NFC), which macOS writes decomposed in names of files.

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

    def __post_init__(self) -> None:
        for field in ("label", "origin", "name", "path", "group"):
            value = getattr(self, field)
            if value and not value.isascii():
                object.__setattr__(self, field, as_text(unicodedata.normalize("NFC", value)))


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
