"""A split of a dataset, and its file: small JSON with a hash."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien._checking import check_path
from mien._decode import FieldError, all_demands, decode, demand, shown
from mien._output import whole_file
from mien._reading import read_json
from mien.data.dataset import SUBSETS, Dataset
from mien.errors import DatasetError, InputError

__all__ = ["SPLIT_SYMBOLS", "Split", "read_split"]

_FORMAT = 2
_LEFT_OUT = "-"
SPLIT_SYMBOLS = "0123456789abcdefghijklmnopqrstuvwxyz"

_NUMBERS = {symbol: number for number, symbol in enumerate(SPLIT_SYMBOLS)} | {_LEFT_OUT: -1}


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The subset of each image of one dataset.

    Attributes:
        kind: How it was made, for example `leak-free`.
        dataset_sha256: `Dataset.sha256` of the dataset that it divides.
        subsets: The subsets' names.
        assignment: `(N,)` int8, an index into `subsets`; -1 for images that are left out.
    """

    kind: str
    dataset_sha256: str
    subsets: tuple[str, ...]
    assignment: NDArray[np.int8]

    def sha256(self) -> str:
        """Return the hash that identifies this split, 64 hexadecimal digits."""
        # The keys of the first format: model files name splits by the hash that it gave them.
        hashed = {
            "kind": self.kind,
            "dataset_sha256": self.dataset_sha256,
            "parts": list(self.subsets),
            "assignment": self._assigned(),
        }
        return hashlib.sha256(json.dumps(hashed).encode()).hexdigest()

    def counts(self) -> dict[str, int]:
        """Return the number of images of each subset, and of those left out if there are any."""
        counts = {
            subset: int((self.assignment == i).sum()) for i, subset in enumerate(self.subsets)
        }
        left_out = int((self.assignment < 0).sum())
        return counts | ({"left out": left_out} if left_out else {})

    def apply(self, data: Dataset, *, fold: int | None = None) -> Dataset:
        """Return the dataset with this split.

        Args:
            data: The dataset that the split was made for.
            fold: For a split into folds, the one that is `val`; the others are `train`.

        Raises:
            DatasetError: The split was made for another dataset.
            InputError: A fold is missing, or is given to a split without folds.
        """
        if data.sha256() != self.dataset_sha256 or len(data) != len(self.assignment):
            raise DatasetError(
                f"{self.kind} split: made for the dataset {self.dataset_sha256[:12]}, but "
                f"{data.source} is {data.sha256()[:12]}. Make a new one with: mien data split"
            )
        return dataclasses.replace(data, split=self._subset_indices(fold))

    def _subset_indices(self, fold: int | None) -> NDArray[np.int8]:
        folded = self.subsets[0].startswith("fold")
        if folded != (fold is not None):
            wanted = f"a fold of 0 to {len(self.subsets) - 1}" if folded else "no fold"
            raise InputError(f"{self.kind} split: expected {wanted}, found {fold}")
        if fold is not None:
            if not 0 <= fold < len(self.subsets):
                raise InputError(f"fold: expected 0 to {len(self.subsets) - 1}, found {fold}")
            chosen = np.where(self.assignment == fold, SUBSETS.index("val"), SUBSETS.index("train"))
            return np.where(self.assignment < 0, -1, chosen).astype(np.int8)
        table = np.array([SUBSETS.index(subset) for subset in self.subsets] + [-1], np.int8)
        chosen = table[self.assignment]  # -1 finds the last one, which is -1
        return chosen

    def write(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the split as JSON, one character per image.

        Raises:
            OutputError: The file exists already or cannot be written.
        """
        fields = {
            "format": _FORMAT,
            "sha256": self.sha256(),
            "counts": self.counts(),
            "kind": self.kind,
            "dataset_sha256": self.dataset_sha256,
            "subsets": self.subsets,
            "assignment": self._assigned(),
        }
        with whole_file(check_path("path", path), overwrite=overwrite) as partial:
            partial.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")

    def _assigned(self) -> str:
        """Return one character per image: its subset's number, or that of those left out."""
        return "".join(SPLIT_SYMBOLS[i] if i >= 0 else _LEFT_OUT for i in self.assignment)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """The fields of a split's file; the counts are for people."""

    format: int
    sha256: str
    counts: Mapping[str, int]
    kind: str
    dataset_sha256: str
    subsets: tuple[str, ...]
    assignment: str

    @all_demands()
    def __post_init__(self) -> None:
        folds = [f"fold {number}" for number in range(len(self.subsets))]
        different = len(set(self.subsets)) == len(self.subsets)
        known = set(self.subsets) <= set(SUBSETS) or list(self.subsets) == folds
        expected = f"names of {', '.join(SUBSETS)}, or fold 0, fold 1, ..."
        right = bool(self.subsets) and different and known
        demand(right, "subsets", expected, self.subsets)
        symbols = SPLIT_SYMBOLS[: len(self.subsets)] + _LEFT_OUT
        strange = sorted(set(self.assignment) - set(symbols))
        demand(not strange, "assignment", f"one of {symbols} per image", "".join(strange))


def read_split(path: str | Path) -> Split:
    """Read a split's file and check its hash.

    Raises:
        DatasetError: The file is missing or damaged, or not a split of this format.
    """
    expected = "a split. Make one with: mien data split"
    document = read_json(check_path("path", path), DatasetError, expected=expected)
    found = document.get("format") if isinstance(document, dict) else None
    if found != _FORMAT:
        raise DatasetError(
            f"{path}: format: expected {_FORMAT}, found {shown(found)}. "
            "Make a new one with: mien data split"
        )
    try:
        file = decode(_File, document)
    except FieldError as error:
        raise DatasetError(f"{path}: {error}. Expected {expected}") from error
    numbers = [_NUMBERS[symbol] for symbol in file.assignment]
    split = Split(file.kind, file.dataset_sha256, file.subsets, np.array(numbers, np.int8))
    if split.sha256() != file.sha256:
        raise DatasetError(
            f"{path}: damaged, its hash is another one. Make a new one with: mien data split"
        )
    return split
