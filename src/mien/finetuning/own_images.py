"""A user's images as a fine-tuning takes them: crops, classes, and folds by person."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mien._wording import pluralize
from mien.data import Dataset, group_folds
from mien.emotions import FER2013_7, to_six
from mien.errors import InputError
from mien.spec import CropSpec

__all__ = ["OwnImages", "images_of"]

_FOLDS = 3


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnImages:
    """N labelled images.

    Attributes:
        crops: `(N, S, S)` uint8 luma, in the network's own crop.
        classes: `(N,)` int64, the class of each, as an index into `names`.
        names: The classes that the images have, K of them.
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

    def select(self, index: NDArray[np.bool_]) -> OwnImages:
        """Return the images of a mask; `names` stay."""
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
        """Return the number of images of each class."""
        found = np.bincount(self.classes, minlength=len(self.names))
        return dict(zip(self.names, found.tolist(), strict=True))

    def described(self) -> str:
        """Return numbers of images, classes and people, for messages."""
        classes = ", ".join(f"{name} {count}" for name, count in self.counts().items())
        people = f" of {pluralize(self.people, 'person', 'people')}" if self.people else ""
        return f"{pluralize(len(self), 'image')}{people} ({classes})"


def images_of(data: Dataset, crop: CropSpec) -> tuple[OwnImages, OwnImages | None]:
    """Return the images to learn from, those of `train` and `val`, and those of `test`.

    Args:
        data: The dataset.
        crop: The network's crop.

    Returns:
        The images of `train` and `val` with their folds, and those of `test`, None if it has
        none. OwnImages without a label are left out.

    Raises:
        InputError: There are fewer than two classes, or no images.
    """
    labelled = data.select((data.labels >= 0) & (data.split >= 0))
    learned = labelled.select(labelled.split < 2)
    if not len(learned):
        raise InputError(
            f"{data.source}: no labelled image in train or val; fine-tuning learns from them and "
            "leaves test alone. Import labelled images, or divide them with `mien data split`"
        )
    present = np.unique(learned.labels)
    names = tuple(data.label_names[label] for label in present)
    if len(names) < 2:
        raise InputError(
            f"{data.source}: all {pluralize(len(learned), 'image')} to learn from are {names[0]}, "
            "expected at least two classes. Import images of others, too"
        )
    folds = _folds(learned)
    test = labelled.select((labelled.split == 2) & np.isin(labelled.labels, present))
    return _images(learned, present, names, crop, folds), (
        _images(test, present, names, crop, np.zeros(0, np.int64)) if len(test) else None
    )


def _images(
    data: Dataset,
    present: NDArray[np.int8],
    names: tuple[str, ...],
    crop: CropSpec,
    folds: NDArray[np.int64],
) -> OwnImages:
    labels = data.labels.astype(np.int64)
    known = np.where(labels < len(FER2013_7), labels, -1)
    known_people = np.zeros(len(data), np.str_) if data.groups is None else data.groups
    people = sorted(set(known_people.tolist()) - {""})
    groups = np.arange(len(data)) + len(people)
    groups[known_people != ""] = np.searchsorted(people, known_people[known_people != ""])
    return OwnImages(
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
    """Divide images by person, copies together; empty where there are too few."""
    everything = dataclasses.replace(data, split=np.zeros(len(data), np.int8))
    # Where people are unknown, near copies are taken for the same person.
    near = data.groups is None or not (data.groups != "").all()
    for folds in range(_FOLDS, 1, -1):
        try:
            assigned = group_folds(everything, folds=folds, near=near).assignment
        except InputError:
            continue
        return assigned.astype(np.int64)
    return np.zeros(0, np.int64)
