"""`Dataset`: labelled faces in memory, as plain arrays."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from mien.emotions import FER2013_7
from mien.errors import DatasetError, InputError
from mien.preprocess import FER_CROP, crop_faces
from mien.spec import CropSpec

__all__ = ["FACE_CROP", "FRAMINGS", "SUBSETS", "VOTE_COLUMNS", "Dataset"]

SUBSETS = ("train", "val", "test")
"""The subsets of a split; those of FER-2013 are Training, PublicTest and PrivateTest."""

VOTE_COLUMNS = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)
"""The vote columns of FER+'s `fer2013new.csv` in their order: eight expressions (the order of
`FERPLUS_8`), then "unknown" and "not a face"."""

FRAMINGS = ("given", "aligned", "whole")
"""How an image was made: taken as the face crop that it is, cut out and aligned by a detector, or
resized as a whole because no face was found in it."""

FACE_CROP = dataclasses.replace(FER_CROP.zoomed(0.8), size=112)
"""The crop that is kept of an aligned face: larger and wider than `FER_CROP`, so that the crops of
other networks can be cut out of it."""

_ALIGNED = FRAMINGS.index("aligned")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """N labelled images of faces as parallel arrays.

    Attributes:
        images: `(N, 48, 48)` uint8 luma, framed as `FER_CROP`.
        labels: `(N,)` int8 in the order of `label_names`; -1 where there is none.
        votes: `(N, 10)` uint8 annotator counts in the order of `VOTE_COLUMNS`; all zero where there
            are none.
        split: `(N,)` int8, each image's subset as an index into `SUBSETS`; -1 for images that are
            left out.
        rows: `(N,)` int64, each image's row in its source, from 0.
        source: The name of the dataset, for messages and provenance.
        names: `(N,)` str, the images' own names, empty where they have none; or None.
        label_names: What `labels` stand for: the labels of `FER2013_7`, then classes of the
            dataset's own.
        faces: `(N, 112, 112, 3)` RGB or `(N, 112, 112)` luma, uint8: the aligned faces in
            `FACE_CROP`, black where `framed` is not `aligned`; None if there is none.
        framed: `(N,)` int8, how each image was made, as an index into `FRAMINGS`.
        groups: `(N,)` str, the person that each image shows, or another group that must not be
            divided; empty where it is unknown. None if there are none.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int8]
    votes: NDArray[np.uint8]
    split: NDArray[np.int8]
    rows: NDArray[np.int64]
    source: str
    names: NDArray[np.str_] | None = None
    label_names: tuple[str, ...] = FER2013_7.labels
    faces: NDArray[np.uint8] | None = None
    framed: NDArray[np.int8] = cast(NDArray[np.int8], None)  # noqa: RUF009 - all given
    groups: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        count = len(self.images)
        if self.framed is None:
            object.__setattr__(self, "framed", np.zeros(count, np.int8))
        side = FACE_CROP.size
        expected: dict[str, tuple[tuple[int, ...], Any]] = {
            "images": ((count, 48, 48), np.uint8),
            "labels": ((count,), np.int8),
            "votes": ((count, 10), np.uint8),
            "split": ((count,), np.int8),
            "rows": ((count,), np.int64),
            "framed": ((count,), np.int8),
        }
        if self.faces is not None:
            channels = (3,) if self.faces.ndim == 4 else ()
            expected["faces"] = ((count, side, side, *channels), np.uint8)
        for name, (shape, dtype) in expected.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != dtype:
                raise DatasetError(
                    f"{self.source}: {name}: expected {shape} of {np.dtype(dtype)}, "
                    f"found {array.shape} of {array.dtype}"
                )
        if self.groups is not None and self.groups.shape != (count,):
            raise DatasetError(
                f"{self.source}: groups: expected ({count},), found {self.groups.shape}"
            )

    def __len__(self) -> int:
        return len(self.images)

    def select(self, index: NDArray[Any] | slice) -> Dataset:
        """Return the images at a numpy index (numbers, a mask or a slice), in its order."""
        return Dataset(
            images=self.images[index],
            labels=self.labels[index],
            votes=self.votes[index],
            split=self.split[index],
            rows=self.rows[index],
            source=self.source,
            names=None if self.names is None else self.names[index],
            label_names=self.label_names,
            faces=None if self.faces is None else self.faces[index],
            framed=self.framed[index],
            groups=None if self.groups is None else self.groups[index],
        )

    def subset(self, name: str) -> Dataset:
        """Return the images of `train`, `val` or `test`.

        Raises:
            InputError: It is another name.
        """
        if name not in SUBSETS:
            raise InputError(f"subset: expected one of {', '.join(SUBSETS)}, found {name!r}")
        return self.select(self.split == SUBSETS.index(name))

    @property
    def fer2013_labels(self) -> NDArray[np.int8]:
        """The labels in the order of `FER2013_7`, `(N,)`; -1 for classes of the dataset's own."""
        return np.where(self.labels < len(FER2013_7), self.labels, -1).astype(np.int8)

    @property
    def people(self) -> NDArray[np.int64] | None:
        """Who each image shows, as numbers `(N,)`; None if nobody is known.

        Images whose person is unknown have a number of their own.
        """
        if self.groups is None or not (self.groups != "").any():
            return None
        _, number = np.unique(self.groups, return_inverse=True)
        return np.where(self.groups != "", number, len(self) + np.arange(len(self)))

    def crops(self, crop: CropSpec) -> NDArray[np.uint8]:
        """Return the faces as a network is given them by its own crop.

        They are cut out of `faces` where there is one, else out of the 48x48 image, whose
        landmarks are taken to lie where `FER_CROP` has them.

        Args:
            crop: The network's crop, S pixels on each side.

        Returns:
            `(N, S, S)` uint8 luma; `images` itself for `FER_CROP`.
        """
        if crop == FER_CROP:
            return self.images
        crops = np.empty((len(self), crop.size, crop.size), np.uint8)
        for row, image in enumerate(self.images):
            pixels, frame = image, FER_CROP
            if self.faces is not None and self.framed[row] == _ALIGNED:
                pixels, frame = self.faces[row], FACE_CROP
            landmarks = np.array([frame.landmarks_xy], np.float32) * frame.size
            crops[row] = crop_faces(pixels, landmarks, crop)[0].round().clip(0, 255)
        return crops

    def sha256(self) -> str:
        """Return the hash of the content, as 64 hexadecimal digits.

        It is that of images, labels, votes and split, and of what else there is of classes, faces,
        framing and groups.
        """
        digest = hashlib.sha256()
        for array in (self.images, self.labels, self.votes, self.split):
            digest.update(np.ascontiguousarray(array).data)
        if self.label_names != FER2013_7.labels:
            digest.update(_joined(self.label_names))
        if self.framed.any():
            digest.update(np.ascontiguousarray(self.framed).data)
        if self.faces is not None:
            digest.update(np.ascontiguousarray(self.faces).data)
        if self.groups is not None:
            digest.update(_joined(self.groups.tolist()))
        return digest.hexdigest()


def _joined(words: Iterable[str]) -> bytes:
    return "\0".join(words).encode(errors="surrogateescape")
