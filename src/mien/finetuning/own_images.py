"""A user's images as a fine-tuning takes them: crops, classes, and folds by person."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mien._wording import pluralize
from mien.data import Dataset, group_folds, likely_people
from mien.emotions import FER2013_7, to_six
from mien.errors import InputError
from mien.spec import CropSpec

__all__ = ["OwnImages", "images_of"]

_FOLDS = 3

_FEWEST = 12
"""With fewer images, nothing can be told from chance; where people are unknown, with fewer that
are not versions of each other."""

_UNKNOWN = "the same people may be on both sides: give --group at the import"
_SHARED = "test shows people that it learned from: divide by person with `mien data split`"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnImages:
    """N labelled images.

    Attributes:
        crops: `(N, S, S)` uint8 luma, in the network's own crop.
        classes: `(N,)` int64, the class of each, as an index into `names`.
        names: The classes that are learned, K of them; of images to test, behind them the
            expressions that they show and that are not learned.
        six: `(N,)` int64 in the order of `SIX`, -1 where a class is none of them.
        fer2013: `(N,)` int64 in the order of `FER2013_7`, -1 where a class is none of them.
        own: Whether there are classes that are no expression of `FER2013_7`.
        folds: `(N,)` int64, the fold of each; nobody is in two. Empty where there are too few.
        groups: `(N,)` int64, the person of each; where it is unknown, versions of one picture
            share a number.
        people: Number of known people; 0 where they are unknown.
        known: Whether it is known of every image who it shows.
        doubt: Why people may be learned from and measured on; empty if nobody is.
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
    known: bool
    doubt: str

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

    def why_untried(self) -> str:
        """Return why no way of learning can be measured on these images; empty if it can."""
        said = pluralize(len(self), "image")
        units = len(np.unique(self.groups))
        if self.people == 1 and units == 1:
            return f"all {said} show one person: nothing can be measured on others"
        if len(self) < _FEWEST:
            return f"{said} are too few to tell a better network from chance"
        if not self.known and units < _FEWEST:
            return (
                f"the {said} are versions of {pluralize(units, 'picture')}, and who they show is "
                "unknown: nothing can be measured on others"
            )
        of_class = [len(np.unique(self.groups[self.classes == k])) for k in range(len(self.names))]
        if not len(self.folds) or sum(count > 1 for count in of_class) < 2:
            few = "fewer than two classes show more than one person"
            return f"{few}: nothing can be measured on others"
        return ""

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
        none. Images without a label are left out, and of `test` those of an own class that is not
        learned; its expressions that are not learned stay, for the six answers.

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
    said = np.isin(labelled.labels, present) | (_six(labelled) >= 0)
    usable = labelled.select((labelled.split < 2) | said)
    together = likely_people(usable)
    to_learn, to_test = usable.split < 2, usable.split == 2
    known = usable.groups is not None and bool((usable.groups != "").all())
    doubt = "" if known else _UNKNOWN
    if known and np.isin(together[to_test], together[to_learn]).any():
        doubt = _SHARED
    others = np.setdiff1d(usable.labels, present)
    shown = (*names, *(data.label_names[label] for label in others))
    images, test = (
        _images(usable.select(rows), places, called, crop, together[rows], known=known)
        for rows, places, called in (
            (to_learn, present, names),
            (to_test, np.concatenate((present, others)), shown),
        )
    )
    folds = _folds(learned, images.groups)
    images = dataclasses.replace(images, folds=folds, doubt=doubt)
    return images, test if len(test) else None


def _six(data: Dataset) -> NDArray[np.int64]:
    return to_six(data.fer2013_labels, FER2013_7)


def _images(
    data: Dataset,
    labels: NDArray[np.int8],
    names: tuple[str, ...],
    crop: CropSpec,
    together: NDArray[np.int64],
    *,
    known: bool,
) -> OwnImages:
    place = {label: number for number, label in enumerate(labels.tolist())}
    people = set() if data.groups is None else set(data.groups.tolist()) - {""}
    return OwnImages(
        crops=data.crops(crop),
        classes=np.array([place[label] for label in data.labels.tolist()], np.int64),
        names=names,
        six=_six(data),
        fer2013=data.fer2013_labels.astype(np.int64),
        own=bool((labels >= len(FER2013_7)).any()),
        folds=np.zeros(0, np.int64),
        groups=np.unique(together, return_inverse=True)[1].astype(np.int64),
        people=len(people),
        known=known,
        doubt="",
    )


def _folds(data: Dataset, together: NDArray[np.int64]) -> NDArray[np.int64]:
    """Divide images by person, versions of one picture together; empty where there are too few."""
    everything = dataclasses.replace(
        data, split=np.zeros(len(data), np.int8), groups=together.astype(np.str_)
    )
    for folds in range(_FOLDS, 1, -1):
        try:
            assigned = group_folds(everything, folds=folds).assignment
        except InputError:
            continue
        return assigned.astype(np.int64)
    return np.zeros(0, np.int64)
