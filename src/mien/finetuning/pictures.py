"""A user's pictures as a fine-tuning takes them: crops, classes, and folds by person."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mien._wording import pluralize
from mien.data import Dataset, group_folds
from mien.emotions import FER2013_7, SIX, to_six
from mien.errors import InputError
from mien.spec import CropSpec

__all__ = ["Pictures", "pictures_of"]

_FOLDS = 3


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pictures:
    """N labelled pictures.

    Attributes:
        crops: `(N, S, S)` uint8 luma, in the network's own crop.
        classes: `(N,)` int64, the class of each, as an index into `names`.
        names: The classes that the pictures have, K of them.
        six: `(N,)` int64 in the order of `SIX`, -1 where a class is none of them.
        fer2013: `(N,)` int64 in the order of `FER2013_7`, -1 where a class is none of them.
        own: Whether there are classes that are no expression of `FER2013_7`.
        folds: `(N,)` int64, the fold of each; nobody is in two. Empty where there are too few.
        groups: `(N,)` int64, the person of each; a number of its own where it is unknown.
        people: Number of people; 0 where they are unknown.
    """

    crops: NDArray[np.uint8]
    classes: NDArray[np.int64]
    names: tuple[str, ...]
    six: NDArray[np.int64]
    fer2013: NDArray[np.int64]
    own: bool
    folds: NDArray[np.int64]
    groups: NDArray[np.int64]
    people: int

    def __len__(self) -> int:
        return len(self.crops)

    def select(self, index: NDArray[np.bool_]) -> Pictures:
        """Return the pictures of a mask; `names` stay."""
        return dataclasses.replace(
            self,
            crops=self.crops[index],
            classes=self.classes[index],
            six=self.six[index],
            fer2013=self.fer2013[index],
            folds=self.folds[index] if len(self.folds) else self.folds,
            groups=self.groups[index],
        )

    def counts(self) -> dict[str, int]:
        """Return the number of pictures of each class."""
        found = np.bincount(self.classes, minlength=len(self.names))
        return dict(zip(self.names, found.tolist(), strict=True))

    def described(self) -> str:
        """Return numbers of pictures, classes and people, for messages."""
        classes = ", ".join(f"{name} {count}" for name, count in self.counts().items())
        people = f" of {pluralize(self.people, 'person', 'people')}" if self.people else ""
        return f"{pluralize(len(self), 'picture')}{people} ({classes})"


def pictures_of(data: Dataset, crop: CropSpec) -> tuple[Pictures, Pictures | None]:
    """Return the pictures to learn from, those of `train` and `val`, and those of `test`.

    Args:
        data: The dataset.
        crop: The network's crop.

    Returns:
        The pictures of `train` and `val` with their folds, and those of `test`, None if it has
        none. Pictures without a label are left out.

    Raises:
        InputError: There are fewer than two classes, or no pictures.
    """
    labelled = data.select((data.labels >= 0) & (data.split >= 0))
    learned = labelled.select(labelled.split < 2)
    if not len(learned):
        raise InputError(
            f"{data.source}: no labelled picture in train or val; fine-tuning learns from them and "
            "leaves test alone. Import labelled pictures, or divide them with `mien data split`"
        )
    present = np.unique(learned.labels)
    names = tuple(data.label_names[label] for label in present)
    if len(names) < 2:
        raise InputError(
            f"{data.source}: all {pluralize(len(learned), 'picture')} to learn from are {names[0]}; "
            "expected at least two classes. Import pictures of others, too"
        )
    folds = _folds(learned)
    test = labelled.select((labelled.split == 2) & np.isin(labelled.labels, present))
    return _pictures(learned, present, names, crop, folds), (
        _pictures(test, present, names, crop, np.zeros(0, np.int64)) if len(test) else None
    )


def _pictures(
    data: Dataset,
    present: NDArray[np.int8],
    names: tuple[str, ...],
    crop: CropSpec,
    folds: NDArray[np.int64],
) -> Pictures:
    labels = data.labels.astype(np.int64)
    known = np.where(labels < len(FER2013_7), labels, -1)
    known_people = np.zeros(len(data), np.str_) if data.groups is None else data.groups
    people = sorted(set(known_people.tolist()) - {""})
    groups = np.arange(len(data)) + len(people)
    groups[known_people != ""] = np.searchsorted(people, known_people[known_people != ""])
    return Pictures(
        crops=data.crops(crop),
        classes=np.searchsorted(present, labels).astype(np.int64),
        names=names,
        six=to_six(known, FER2013_7),
        fer2013=known,
        own=bool((present >= len(FER2013_7)).any()),
        folds=folds,
        groups=groups,
        people=len(people),
    )


def _folds(data: Dataset) -> NDArray[np.int64]:
    """Divide pictures by person, copies together; empty where there are too few."""
    everything = dataclasses.replace(data, split=np.zeros(len(data), np.int8))
    for folds in range(_FOLDS, 1, -1):
        try:
            assigned = group_folds(everything, folds=folds, near=True).assignment
        except InputError:
            continue
        return assigned.astype(np.int64)
    return np.zeros(0, np.int64)


def present_answers(pictures: Pictures) -> NDArray[np.bool_]:
    """Return which of the six the pictures have, `(6,)`."""
    return np.isin(np.arange(len(SIX)), pictures.six)
