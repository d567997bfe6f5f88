"""The records that every source of labelled images is read into, and the faults of a source."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien._wording import pluralize
from mien.emotions import FER2013_7, canonical_label
from mien.errors import DatasetError, InputError

__all__ = [
    "LEFT_OUT",
    "USAGES",
    "Fault",
    "Labels",
    "OnStep",
    "Progress",
    "Record",
    "Rows",
    "encode_grey",
]

USAGES = {
    "training": "train",
    "train": "train",
    "publictest": "val",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "privatetest": "test",
    "test": "test",
    "testing": "test",
}
"""Common names of the three subsets, in lower case."""

LEFT_OUT = "-"
"""The target of a class that is left out (`--map contempt=-`)."""

_SHOWN_FAULTS = 20

Progress = Callable[[int, int], None]
"""Called from time to time with the amount done and the total, in any unit."""

OnStep = Callable[[str], Progress | None]
"""Called with the name of each step when it starts; returns its progress callback or None."""


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One labelled image.

    Attributes:
        png: The image as 8-bit grey PNG.
        label: A label of `FER2013_7`, or None.
        subset: `train`, `val` or `test`.
        origin: Its place in the source: line of a CSV, row of a Parquet, or file of a folder.
        name: The image's own file name, or an empty string.
    """

    png: bytes
    label: str | None
    subset: str
    origin: str
    name: str = ""


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
    """

    records: list[Record] = dataclasses.field(default_factory=list)
    faults: list[Fault] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    votes: NDArray[np.uint8] | None = None
    image_names: list[str] | None = None

    def raise_faults(self) -> None:
        """Raise an error if there are faults.

        Raises:
            DatasetError: There are faults; the message has their number and the first twenty.
        """
        if not self.faults:
            return
        shown = [f"  {fault}" for fault in self.faults[:_SHOWN_FAULTS]]
        if len(self.faults) > _SHOWN_FAULTS:
            shown.append(f"  ... and {len(self.faults) - _SHOWN_FAULTS} more")
        count = pluralize(len(self.faults), "fault")
        raise DatasetError("\n".join([f"{count}, nothing was imported:", *shown]))


class Labels:
    """Translates the class names of a source.

    Args:
        given: The labels of other names, for example `{"wut": "angry"}`, used before the known
            spellings; `LEFT_OUT` leaves a class out.

    Raises:
        InputError: A name is mapped to something that is not a label of FER-2013.
    """

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        self._given = {}
        for name, target in (given or {}).items():
            label = target if target == LEFT_OUT else canonical_label(target)
            if label != LEFT_OUT and label not in FER2013_7.labels:
                known = ", ".join(FER2013_7.labels)
                raise InputError(f"{name}={target}: expected one of {known}, or {LEFT_OUT}")
            self._given[name.strip().lower()] = label

    def __getitem__(self, name: str) -> str:
        """Return a label of `FER2013_7`, or `LEFT_OUT`.

        Raises:
            InputError: The name is unknown; the message explains how to map it.
        """
        folded = name.strip().lower()
        if folded in self._given:
            return self._given[folded]
        try:
            label = canonical_label(folded)
        except InputError:
            label = ""
        if label not in FER2013_7.labels:
            known = ", ".join(FER2013_7.labels)
            raise InputError(
                f"unknown class {name!r}; known are {known}. Map it with "
                f"--map {name}=LABEL, or leave it out with --map {name}={LEFT_OUT}"
            )
        return label


def encode_grey(grey: NDArray[np.uint8]) -> bytes:
    """Encode `(H, W)` uint8 luma as PNG."""
    packed = io.BytesIO()
    Image.fromarray(grey).save(packed, "PNG")
    return packed.getvalue()
