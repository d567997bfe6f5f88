"""`Dataset`: labelled faces in memory, as plain arrays."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import DatasetError, InputError

__all__ = ["SUBSETS", "VOTE_COLUMNS", "Dataset"]

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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """N labelled images of faces as parallel arrays.

    Attributes:
        images: `(N, 48, 48)` uint8 luma.
        labels: `(N,)` int8 in the order of `FER2013_7`; -1 where there is none.
        votes: `(N, 10)` uint8 annotator counts in the order of `VOTE_COLUMNS`; all zero where there
            are none.
        split: `(N,)` int8, each image's subset as an index into `SUBSETS`; -1 for images that are
            left out.
        rows: `(N,)` int64, each image's row in its source, from 0.
        source: The name of the dataset, for messages and provenance.
        names: `(N,)` str, the images' own names, empty where they have none; or None.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int8]
    votes: NDArray[np.uint8]
    split: NDArray[np.int8]
    rows: NDArray[np.int64]
    source: str
    names: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        count = len(self.images)
        expected: dict[str, tuple[tuple[int, ...], Any]] = {
            "images": ((count, 48, 48), np.uint8),
            "labels": ((count,), np.int8),
            "votes": ((count, 10), np.uint8),
            "split": ((count,), np.int8),
            "rows": ((count,), np.int64),
        }
        for name, (shape, dtype) in expected.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != dtype:
                raise DatasetError(
                    f"{self.source}: {name}: expected {shape} of {np.dtype(dtype)}, "
                    f"found {array.shape} of {array.dtype}"
                )

    def __len__(self) -> int:
        return len(self.images)

    def select(self, index: NDArray[Any]) -> Dataset:
        """Return the images at a numpy index (numbers or a mask), in its order."""
        return Dataset(
            images=self.images[index],
            labels=self.labels[index],
            votes=self.votes[index],
            split=self.split[index],
            rows=self.rows[index],
            source=self.source,
            names=None if self.names is None else self.names[index],
        )

    def subset(self, name: str) -> Dataset:
        """Return the images of `train`, `val` or `test`.

        Raises:
            InputError: It is another name.
        """
        if name not in SUBSETS:
            raise InputError(f"subset: expected one of {', '.join(SUBSETS)}, found {name!r}")
        return self.select(self.split == SUBSETS.index(name))

    def sha256(self) -> str:
        """Return the hash of images, labels, votes and split, as 64 hexadecimal digits."""
        digest = hashlib.sha256()
        for array in (self.images, self.labels, self.votes, self.split):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()
